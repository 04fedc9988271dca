"""A small project with the real machinery of the site, and how to build it."""

import json
import re
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)> $$x$$ <!-- <b>bold</b>"

LIBRARY = '''\
"""Stands in for the library."""
import json
from pathlib import Path

RESULTS = Path(__file__).parent.parent / "results"


def load(pattern):
    """Every record of the files that match."""
    return [record for path in sorted(RESULTS.glob(pattern)) for record in json.loads(path.read_text())]
'''
START = "from bokeh.io import output_notebook, show\noutput_notebook()"
LINES = """\
from bokeh.models import Span
from bokeh.plotting import figure
from dlmark import load

p = figure(title="Throughput", height=320, sizing_mode="stretch_width", x_axis_label="batch size", tooltips=[("rate", "@y"), ("device", "@device")])
for device, colour in (("V100", "#1f77b4"), ("H100", "#d62728")):
    rows = [row for row in load("lines*.json") if row["device"] == device]
    source = dict(x=[r["x"] for r in rows], y=[r["y"] for r in rows], device=[r["device"] for r in rows], _colour=["red"] * len(rows))
    p.line("x", "y", source=source, color=colour, line_width=3, legend_label=device)
    p.scatter("x", "y", source=source, color=colour, line_color="black", size=14, legend_label=device)
p.add_layout(Span(location=5, dimension="width", line_color="black", line_dash="dashed"))
p.legend.click_policy = "hide"
p.legend.location = "top_left"
show(p)"""
BARS = """\
from bokeh.layouts import gridplot
from bokeh.models import ColorBar, Label, LinearColorMapper
from bokeh.transform import linear_cmap

left = figure(title="Bars", height=260, x_range=["AlexNet", "ResNet-50", "VGG-16"], sizing_mode="stretch_width")
left.vbar(x=["AlexNet", "ResNet-50", "VGG-16"], top=[3, 2, 1], width=0.8, color="#2ca02c", line_color="white")
left.add_layout(Label(x=0, y=2, text="a label", background_fill_color="white"))
right = figure(title="Memory", height=260, sizing_mode="stretch_width")
mapper = LinearColorMapper("Viridis256", low=0, high=40)
right.scatter(list(range(40)), [v % 7 for v in range(40)], color=linear_cmap("y", "Viridis256", 0, 7), size=9)
right.add_layout(ColorBar(color_mapper=mapper), "right")
show(gridplot([[left], [right]], sizing_mode="stretch_width"))"""
HOSTILE_PLOT = f"""\
bad = {HOSTILE!r}
p = figure(title=bad, height=260, sizing_mode="stretch_width", x_range=[bad], tooltips=[(bad, "@name")])
p.vbar(x="name", top="top", width=0.9, source=dict(name=[bad], top=[2]), color="#9467bd", legend_label=bad)
show(p)"""
NUMBERS = "from dlmark import load\nprint(sum(row['x'] for row in load('numbers*.json')))"
INDEX = """\
dlmark
======

The second plot of another page:

.. notebook-figure:: notebooks/plots.ipynb
   :number: 2

.. toctree::
   :glob:

   notebooks/*
"""
FORMULA = "Throughput is batch size over time, $t = \\frac{n}{r}$, in a sentence."


def notebook(*cells: str) -> str:
    """A notebook's JSON: a heading, a sentence, and a code cell for each text."""
    made = [{"cell_type": "markdown", "metadata": {}, "source": f"# A page\n\n{FORMULA}"}]
    for source in cells:
        made.append({"cell_type": "code", "metadata": {}, "source": source, "outputs": [], "execution_count": None})
    return json.dumps({"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": made}, indent=1)


def rows(count: int = 40) -> list[dict]:
    """Records of two devices."""
    return [{"device": d, "x": n, "y": n % 9 + k} for k, d in enumerate(("V100", "H100")) for n in range(count // 2)]


def write(root: Path, files: dict[str, str]) -> None:
    """Write texts to paths below `root`."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def project(root: Path, notebooks: dict[str, str]) -> Path:
    """A project in `root` with the site's real settings and extensions, and these notebooks."""
    shutil.copy(ROOT / "conf.py", root)
    for folder in ("docs/_ext", "docs/_static", "docs/_ipython"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    write(
        root,
        {
            "index.rst": INDEX,
            "dlmark/__init__.py": LIBRARY,
            "results/lines__a.json": json.dumps(rows()),
            "results/numbers__a.json": json.dumps([{"x": 1}, {"x": 41}]),
            **{f"notebooks/{name}.ipynb": text for name, text in notebooks.items()},
        },
    )
    return root


def ran(build: subprocess.CompletedProcess) -> list[str]:
    """Names of the notebooks that a build ran."""
    return sorted(re.findall(r"ran notebooks/(\w+) in", build.stdout))
