"""One network on many devices."""

import pandas as pd
from bokeh.plotting import figure

from dlmark.analysis import intervals
from dlmark.analysis.ranks import tie_texts
from dlmark.plots import marks, style

__all__ = ["throughput_vs_device"]


def throughput_vs_device(data: pd.DataFrame) -> figure:
    """Throughput of one network on each device, a mark a batch size: the darker, the larger.

    Needs the columns model, device, batch_size and throughput. A mark tells with which others of its batch size it ties. A
    point that failed is a cross at the left edge; rows with neither number nor failure are left out. Raises NothingToDraw
    if none is left.
    """
    points = marks.known(marks.points(data, ["model", "device", "batch_size", "throughput"]), ["batch_size", "throughput"], or_failed=True)
    columns = ["device", "precision", "framework", "threads", "host"]
    unit = marks.unit(points)
    points["row"] = marks.row_names(points, columns)
    points, most = marks.foremost(points, "throughput")
    points["tie"] = tie_texts(points.assign(label=marks.series(points, columns)), "label", ["model", "batch_size"])
    name = ", ".join(points["model"].unique()[:3]) + most
    plot = marks.rows_figure(name, unit, points, "throughput", heights=(200, 34))
    sizes = sorted(points.loc[~intervals.no_number(points), "batch_size"].unique())
    for number, size in enumerate(sizes):
        shade = _shade(number / max(1, len(sizes) - 1))
        marks.dots(plot, points[points["batch_size"] == size], "throughput", "row", f"{size:,.0f}", shade, "circle")
    marks.crosses_at_left_edge(plot, points, "throughput")
    style.legend_below(plot, columns=2, title="batch size")
    return plot


def _shade(share: float) -> str:
    """From light (0) to dark (1) blue; both ends are seen on light and on dark ground."""
    light, dark = (158, 202, 225), (8, 81, 156)
    return "#" + "".join(f"{round(a + share * (b - a)):02x}" for a, b in zip(light, dark))
