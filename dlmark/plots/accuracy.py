"""Accuracy against throughput."""

import pandas as pd
from bokeh.plotting import figure

from dlmark.analysis.ranks import tie_texts, unbeaten
from dlmark.plots import marks, style
from dlmark.results.nothing import NothingToDraw

__all__ = ["throughput_vs_accuracy"]


def throughput_vs_accuracy(data: pd.DataFrame) -> figure:
    """Top-1 accuracy over throughput, in the colours of the families; the line joins what nothing clearly beats in both.

    Needs the columns model (or it is the index), throughput and accuracy. A network is on the line unless another is at
    least as accurate, and faster by more than their 95% intervals: of two that tie neither takes the other from it.
    """
    if isinstance(data, pd.DataFrame) and data.index.name == "model":
        data = data.reset_index()
    points = marks.points(data, ["model", "throughput", "accuracy"])
    points = points[points["throughput"].notna() & points["accuracy"].notna()]
    if points.empty:
        raise NothingToDraw("no result has both a throughput and an accuracy")
    points["percent"] = 100 * points["accuracy"]
    plot = style.plain_figure("Accuracy and throughput", marks.unit(points), "top-1 accuracy (%)", height=440, x_axis_type="log")
    style.log_axis(plot, "x", marks.throughputs(points))
    points["tie"] = tie_texts(points, "model", ["device", "batch_size"])
    best = points[unbeaten(points)].sort_values(["percent", "throughput"], ascending=[False, True])
    plot.line(best["throughput"].tolist(), best["percent"].tolist(), color=style.NO_NUMBER, line_dash="dashed", legend_label="best of both")
    for name in style.FAMILIES:
        part = points[points["model"].map(style.family) == name]
        if len(part):
            marks.dots(plot, part, "throughput", "percent", name, *style.FAMILIES[name])
    style.legend_below(plot, columns=2)
    return plot
