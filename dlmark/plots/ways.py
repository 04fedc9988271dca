"""The ways to run one network: how fast against how true their answers are."""

import math

import pandas as pd
from bokeh.models import FixedTicker
from bokeh.plotting import figure

from dlmark.analysis.ways import WAY, newest, ways
from dlmark.plots import marks, style
from dlmark.results.nothing import NothingToDraw

__all__ = ["speed_and_fidelity"]

EXACT = 1e-7  # where answers are drawn that are float32's own


def speed_and_fidelity(data: pd.DataFrame) -> figure:
    """The ways of one network at one batch size on one device: speed against how far its answers are off float32's.

    Down is truer, right is faster. Raises as `ways` does, and NothingToDraw where nobody looked at the answers.
    """
    ways(data)
    points = newest(data[data["throughput"].notna()])
    error, looked = (points[name] if name in points else pd.Series(math.nan, points.index) for name in ("gate_error", "gate_images"))
    points = points.assign(error=error.clip(lower=EXACT).fillna(looked.where(looked.isna(), EXACT)))
    points = points[points["error"].notna()]  # without those that nobody looked at
    if points.empty:
        raise NothingToDraw("no result says that its answers were looked at (gate_images)")
    title = f"{points['model'].iloc[0]}, batch size {points['batch_size'].iloc[0]:,.0f}"
    plot = style.plain_figure(title, marks.unit(points), "largest error of an answer", height=420, x_axis_type="log", y_axis_type="log")
    style.log_axis(plot, "x", marks.throughputs(points))
    plot.yaxis.ticker = FixedTicker(ticks=[EXACT, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1])
    plot.yaxis.major_label_overrides = {EXACT: "float32", 1e-6: "0.0001%", 1e-5: "0.001%", 1e-4: "0.01%", 1e-3: "0.1%", 1e-2: "1%", 1e-1: "10%"}
    labels = marks.series(points, WAY)
    looks = style.in_turn(labels.unique())
    for label, part in points.groupby(labels, sort=False):
        marks.dots(plot, part, "throughput", "error", label, *looks[label])
    style.legend_below(plot, columns=1)
    plot.height += style.legend_room(len(looks), 22)
    return plot
