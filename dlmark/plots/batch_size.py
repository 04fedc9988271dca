"""Throughput, and the memory that it takes, over batch size."""

import pandas as pd
from bokeh.layouts import column, row
from bokeh.plotting import figure

from dlmark.plots import marks, style
from dlmark.plots.marks import CONDITIONS
from dlmark.results.nothing import NothingToDraw

__all__ = ["batch_size_vs_throughput", "batch_size_vs_throughput_grid"]

MOST_NAMED = 5  # networks that a message names


def batch_size_vs_throughput(data: pd.DataFrame, *, title: str = "Throughput over batch size", height: int = 380) -> figure:
    """Throughput over batch size, both in log scale: a line a network, device, source and whatever else differs.

    Needs the columns model, batch_size and throughput. Bars show the 95% interval where there is one. Rows without a batch
    size, and those with neither throughput nor failure, are left out; raises NothingToDraw if none is left.
    """
    points = _over_batch_size(data)
    labels = marks.series(points, ["model", *CONDITIONS])
    looks = marks.looks(points, labels)
    room = style.legend_room(len(looks), 22) if len(looks) > 1 else 0
    plot = style.plain_figure(title, "batch size", marks.unit(points), height=height + room, x_axis_type="log", y_axis_type="log")
    style.batch_axis(plot.xaxis[0], points["batch_size"])
    style.log_axis(plot, "y", marks.throughputs(points))
    for label, part in points.groupby(labels, sort=False):
        marks.line(plot, part.sort_values("batch_size"), "throughput", label, *looks[label])
    style.legend_below(plot, columns=1, visible=len(looks) > 1)
    return plot


def batch_size_vs_throughput_grid(data: pd.DataFrame, models) -> row:
    """For each network of `models` throughput over batch size, and below it the device memory.

    Needs the columns model, batch_size and throughput; device_mem adds the memory. Networks that `data` does not have
    are passed over, unless it has none of them.
    """
    points = _over_batch_size(data)
    there = [model for model in models if model in set(points["model"])]
    if not there:
        raise NothingToDraw(f"the data have none of the networks {list(models)[:MOST_NAMED]}; they have {sorted(points['model'].unique())[:MOST_NAMED]}")
    marks.unit(points[points["model"].isin(there)])  # of one kind all of them
    cells = [_cell(points[points["model"] == model], model) for model in there]
    # As many cells side by side as fit: three on a wide screen, one on a phone.
    return row(cells, sizing_mode="stretch_width", styles={"display": "grid", "grid-template-columns": "repeat(auto-fill, minmax(270px, 1fr))"})


def _over_batch_size(data: pd.DataFrame) -> pd.DataFrame:
    points = marks.known(marks.points(data, ["model", "batch_size", "throughput"]), ["batch_size"])
    return marks.known(points, ["throughput"], or_failed=True)


def _cell(data: pd.DataFrame, model: str) -> column:
    parts = [batch_size_vs_throughput(data, title=model, height=240)]
    if "device_mem" in data and (data["device_mem"] > 0).any():
        plot = style.plain_figure("", "batch size", "memory (MB)", height=190, x_axis_type="log", y_axis_type="log", x_range=parts[0].x_range)
        style.batch_axis(plot.xaxis[0], data["batch_size"])
        style.log_axis(plot, "y", data["device_mem"], most=4)
        labels = marks.series(data, ["model", *CONDITIONS])
        looks = marks.looks(data, labels)
        for label, part in data[data["device_mem"] > 0].groupby(labels, sort=False):
            marks.line(plot, part.sort_values("batch_size"), "device_mem", label, *looks[label])
        style.legend_below(plot, columns=1, visible=False)
        parts.append(plot)
    return column(parts, sizing_mode="stretch_width")
