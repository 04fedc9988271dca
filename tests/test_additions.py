"""What an addition touches: a framework, a task, a plot and a page are a file each, and all else finds them by itself.

In a copy of the tree they are added, and planned, measured, checked, shown, compared, plotted and built.
"""

import json
import os
import shutil
import subprocess
import sys

import pytest

FRAMEWORK = '''
"""A toy: answers are boxes and how sure each is."""

import numpy as np

packages = ("numpy",)
libraries = ()
install = "pip install numpy"
modes = ("eager",)
precisions = ("float32", "float16")
models = {"boxes": {"Toy-8": 8, "Toy-16": 16}}


def input_shape(task, model, size=None):
    """Frames, height and width of one input."""
    return (2, size or 16, size or 16)


def environment(threads):
    """Nothing has to be set."""
    return {"OPENBLAS_NUM_THREADS": str(threads)}


def start(device="cpu"):
    """NumPy is there."""


def load(task, model, device="cpu", precision="float32", *, mode="eager", weights="random", size=None):
    """A network of one layer."""
    random = np.random.default_rng(0)
    return Network(random.standard_normal((int(np.prod(input_shape(task, model, size))), 5 * models[task][model])).astype(precision))


class Network:
    """Boxes, (batch, boxes, 4), and scores, (batch, boxes)."""

    def __init__(self, matrix):
        self.matrix = matrix

    def feed(self, batches):
        self.batches = batches

    def run(self):
        self.batches.append(self.batches.pop(0))
        self.answers(self.batches[0])

    def wait(self):
        pass

    def answers(self, inputs):
        clips, lengths = inputs
        found = clips.reshape(len(clips), -1).astype(self.matrix.dtype) @ self.matrix + lengths[:, None].astype(self.matrix.dtype)
        found = found.reshape(len(clips), -1, 5).astype(np.float32)
        return found[..., :4], found[..., 4]
'''

TASK = '''
"""Boxes in clips: a toy task, whose input is two arrays and whose unit is clips/s."""

import sys

import numpy as np

from bench.run import gate, largest, options, throughput
from bench.run.task import Task


def inputs(shape, count, random):
    """Clips, and how long each is."""
    return random.standard_normal((count, *shape), dtype=np.float32), np.arange(1, count + 1)


def compare(answers, expected, precision):
    """How far boxes and scores are off."""
    error = gate.largest_difference(answers, expected)
    wrong = {"status": "wrong_output", "reason": f"its boxes are off by {error:.1%}"} if error > 0.05 else {}
    return {"gate_error": float(f"{error:.3g}"), **wrong}


TASK = Task("boxes", "clip", inputs, compare, networks=["Toy-8", "Toy-16"], quick=["Toy-8"], batch_sizes="1,2")
PRESETS = {"full": {"throughput": [], "largest-batch-size": []}, "quick": {"throughput": ["--seconds", "0.02", "--rounds", "2"]}}


def parser():
    """The command line of this script."""
    main, commands = options.script("boxes", __doc__)
    for command in (throughput, largest):
        command.add_command(commands, TASK, "boxes.py")
    return main


if __name__ == "__main__":
    sys.exit(options.main(parser()))
'''

PLOT = '''
"""A toy plot."""

from dlmark.plots import marks, style

__all__ = ["fastest_batch"]


def fastest_batch(data):
    """Each network's throughputs."""
    points = marks.known(marks.points(data, ["model", "throughput"]), ["throughput"])
    figure = style.plain_figure("Fastest", "network", marks.unit(points), x_range=list(points["model"].unique()))
    figure.scatter(points["model"].tolist(), points["throughput"].tolist())
    return figure
'''

PAGE = {
    "cells": [
        {"cell_type": "markdown", "id": "question", "metadata": {}, "source": ["# Which toy is fastest?"]},
        {"cell_type": "code", "id": "answer", "metadata": {}, "outputs": [], "execution_count": None, "source": [
            "import dlmark as dm\n", "from dlmark import plot\n", "from bokeh.plotting import output_notebook, show\n",
            "from bokeh.resources import INLINE\n", "output_notebook(INLINE)\n",
            "thr = dm.benchmark.load_results('boxes.py__benchmark_throughput*json', every_field=True)\n", "show(plot.fastest_batch(thr))"]},
    ],
    "metadata": {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}, "language_info": {"name": "python"}},
    "nbformat": 4, "nbformat_minor": 5,
}  # fmt: skip


@pytest.fixture(scope="module")
def tree(tmp_path_factory, root):
    """A copy of the tree with the four additions, each a file."""
    copy = tmp_path_factory.mktemp("tree")
    for name in ("bench", "dlmark", "studies", "docs", "notebooks", "results"):
        shutil.copytree(root / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "*.lock"))
    for name in ("conf.py", "index.rst"):
        shutil.copy(root / name, copy)
    (copy / "bench" / "adapters" / "toy.py").write_text(FRAMEWORK)
    (copy / "bench" / "boxes.py").write_text(TASK)
    (copy / "dlmark" / "plots" / "fastest.py").write_text(PLOT)
    (copy / "notebooks" / "boxes.ipynb").write_text(json.dumps(PAGE))
    return copy


@pytest.fixture(scope="module")
def run(tree):
    def python(*words, timeout=300):
        environment = {**os.environ, "PYTHONPATH": str(tree), "DLMARK_RESULTS": str(tree / "results")}
        return subprocess.run([sys.executable, *map(str, words)], cwd=tree, env=environment, capture_output=True, text=True, timeout=timeout)

    return python


@pytest.fixture(scope="module")
def measured(run, tree):
    done = run("-m", "bench", "--bench", "boxes", "--framework", "toy", "--preset", "quick", "--device", "cpu")
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = (tree / "results").glob("boxes.py__*.json")
    return path, done.stdout


def test_they_are_planned(run):
    done = run("-m", "bench", "--bench", "boxes", "--framework", "toy", "--dry-run", "--device", "cpu")
    assert "toy throughput on cpu: 2 networks x batch sizes 1, 2" in done.stdout, done.stdout + done.stderr
    assert "toy largest-batch-size on cpu: 2 networks within 2,048 MB" in done.stdout


@pytest.mark.slow
def test_they_are_measured_through_the_gate_with_their_own_unit(measured):
    path, said = measured
    records = json.loads(path.read_text())
    assert sorted((r["model"], r["batch_size"], r["status"]) for r in records) == [("Toy-8", 1, "ok"), ("Toy-8", 2, "ok")]
    assert all((r["task"], r["unit"], r["input_shape"], r["gate_images"]) == ("boxes", "clips/s", [2, 16, 16], 8) for r in records)
    assert "clips/s" in said and "images/s" not in said


@pytest.mark.slow
def test_another_precision_is_held_to_the_tasks_own_gate_and_another_size_is_another_point(run, tree):
    words = ("-m", "bench.boxes", "throughput", "--framework", "toy", "--models", "Toy-8", "--batch-sizes", "1", "--seconds", "0.02", "--rounds", "1")
    folder = tree / "more"
    for more in (("--precision", "float16"), ("--size", "24")):
        done = run(*words, *more, "--results", folder)
        assert done.returncode == 0, done.stdout + done.stderr
    half, large = (record for path in folder.glob("*.json") for record in json.loads(path.read_text()))
    assert 0 < half["gate_error"] < 0.05 and large["input_shape"] == [2, 24, 24]


@pytest.mark.slow
def test_they_are_checked_shown_and_compared(measured, run):
    path, _ = measured
    assert "2 records, all right" in run("-m", "dlmark", "check", path).stdout
    assert "clips/s (95%)" in run("-m", "dlmark", "show", path).stdout
    compared = run("-m", "dlmark", "compare", path, path).stdout
    assert "A, clips/s" in compared and "2 points: " in compared and "0 FASTER, 0 SLOWER" in compared


@pytest.mark.slow
def test_they_are_plotted(measured, run):
    script = "from dlmark import benchmark, plot; p = plot.fastest_batch(benchmark.load_results('boxes*')); print(p.yaxis.axis_label)"
    done = run("-c", script)
    assert done.stdout == "clips/s\n", done.stderr


@pytest.mark.slow
def test_they_are_built_and_published(measured, run, tree):
    done = run("-m", "sphinx", "-b", "html", "-W", "--keep-going", ".", "_build/html", timeout=600)
    assert done.returncode == 0, done.stdout[-3_000:] + done.stderr[-3_000:]
    page = (tree / "_build" / "html" / "notebooks" / "boxes.html").read_text()
    assert "Which toy is fastest?" in page and "Toy-8" in page and "clips/s" in page
    assert "boxes.html" in (tree / "_build" / "html" / "index.html").read_text()
