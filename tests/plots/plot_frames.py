"""Rows of results for the tests of plots, and what a figure shows of them."""

import pandas as pd
from bokeh.models import GlyphRenderer, Legend, Scatter

from dlmark import plot

MEASURED = {"device": "CPU, 2 threads", "framework": "mxnet", "framework_version": "1.9.1", "precision": "float32", "mode": "hybridized",
            "source": "measured", "status": "ok"}  # fmt: skip
PUBLISHED = {**MEASURED, "device": "Tesla K80", "source": "published: apache/mxnet@dbc3b341:perf.md"}


def rows(model="VGG-16", base=MEASURED, sizes=(1, 2, 4), **fields):
    return [{**base, "model": model, "batch_size": b, "throughput": 10.0 * b, "throughput_half_width": 1.0 * b, "device_mem": 50.0 * b,
             **fields} for b in sizes]  # fmt: skip


def frame(*parts):
    return pd.DataFrame([row for part in parts for row in part])


def scatters(figure):
    return [r for r in figure.select({"type": GlyphRenderer}) if isinstance(r.glyph, Scatter)]


def crosses(figure):
    return [r for r in scatters(figure) if r.glyph.marker == "x"]


def legend_labels(figure):
    return [item.label.value for item in next(iter(figure.select({"type": Legend}))).items]


def largest(model="VGG-16", base=MEASURED, **fields):
    return [{**base, "model": model, "batch_size": 64, **fields}]


FAILED = {"throughput": None, "throughput_half_width": None, "device_mem": None, "status": "out_of_memory", "reason": "needed 9 GB"}
HOST = "2-core virtual machine, 24 GB, Linux 6.18.44, no. 70cb47"


def every_plot(data):
    joined = data.assign(accuracy=0.7)
    return [plot.batch_size_vs_throughput(data), plot.batch_size_vs_throughput_grid(data, data["model"].unique()), plot.max_batch_size(data),
            plot.throughput_vs_device(data), plot.throughput_vs_accuracy(joined),
            plot.ranking(data, batch_size=2, device=data.device[0])]  # fmt: skip


FUNCTIONS = [plot.batch_size_vs_throughput, plot.max_batch_size, plot.throughput_vs_device, plot.throughput_vs_accuracy,
             plot.ranking, lambda data: plot.batch_size_vs_throughput_grid(data, ["VGG-16"])]  # fmt: skip
