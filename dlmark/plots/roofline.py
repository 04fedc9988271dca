"""Where networks stand under the roofs of their devices: DataFrames in, a Bokeh figure out. Nothing is read, shown or changed."""

import pandas as pd
from bokeh.plotting import figure

from dlmark.analysis import intervals, kinds
from dlmark.analysis.roofline import Ceilings, Measured, limits
from dlmark.plots import marks, style
from dlmark.record import words
from dlmark.results.nothing import NothingToDraw

__all__ = ["roofline"]


def roofline(data: pd.DataFrame, ceilings: pd.DataFrame, *, title: str = "Networks under the device's roof", height: int = 440) -> figure:
    """TFLOP/s over intensity, both in log scale: a line for the roof of each device and precision, a mark a network and batch size.

    Needs what dlmark.analysis.roofline.limits needs. A roof rises with the copy's bandwidth until it meets the matrix product's rate. Marks have
    the colour of their roof; where they are of one device, the title names it. What is drawn is in TFLOP/s, so that networks of
    several tasks and units may stand under one roof. Rows that can't be placed are left out; raises NothingToDraw if none is left.
    """
    placed = limits(data, ceilings)
    points = kinds.stated(placed[placed["achieved_tflops"].notna() & ~intervals.no_number(placed)].reset_index(drop=True))
    if points.empty:
        raise NothingToDraw("no result has a throughput, its network's counts, and a ceiling of its device and precision")
    measured = Measured(ceilings).roofs()
    keys = list(dict.fromkeys(zip(points["device"], points["precision"])))
    roofs = {key: measured[key] for key in keys}
    devices = points["device"].unique()
    title = f"{title}\n{style.fitted(devices)[devices[0]]}" if len(devices) == 1 else title
    plot = style.plain_figure(title, "floating-point operations a byte", "TFLOP/s", height=height, x_axis_type="log", y_axis_type="log")
    ridges = [1_000 * one.tflops / one.bandwidth_gb_s for one in roofs.values()]
    style.log_axis(plot, "x", pd.concat([points["flop_per_byte"], pd.Series(ridges)]))
    style.log_axis(plot, "y", pd.concat([points["achieved_tflops"], pd.Series([one.tflops for one in roofs.values()])]))
    labels = marks.series(points, ["precision", *(name for name in marks.CONDITIONS if name != "precision")])
    pairs = pd.Series(list(zip(points["device"], points["precision"])), points.index)
    several = len(devices) > 1
    for place, (key, one) in enumerate(roofs.items()):
        colour, own = style.COLOURS[place % len(style.COLOURS)], points[pairs.map(key.__eq__)]
        _roof(plot, one, colour, f"{key[1]} on {key[0]}" if several else key[1])
        for turn, (label, part) in enumerate(own.groupby(labels[own.index], sort=False)):
            marks.dots(plot, part, "flop_per_byte", "achieved_tflops", label, colour, style.MARKS[turn % len(style.MARKS)])
    style.legend_below(plot, columns=1)
    return plot


def _roof(plot: figure, ceilings: Ceilings, colour: str, name: str) -> None:
    ridge = 1_000 * ceilings.tflops / ceilings.bandwidth_gb_s
    start, end = plot.x_range.start, plot.x_range.end
    x = [start, min(max(ridge, start), end), end]
    y = [min(ceilings.tflops, intensity * ceilings.bandwidth_gb_s / 1_000) for intensity in x]
    label = f"roof: {name}, {words.quantity(ceilings.tflops, 'TFLOP/s', 3)}, {words.quantity(ceilings.bandwidth_gb_s, 'GB/s', 3)}"
    plot.line(x, y, color=colour, line_width=2, legend_label=label)
