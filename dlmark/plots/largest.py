"""The largest batch that fits."""

import pandas as pd
from bokeh.plotting import figure

from dlmark.analysis import kinds
from dlmark.plots import marks, style
from dlmark.plots.marks import CONDITIONS
from dlmark.record import words

__all__ = ["max_batch_size"]


def max_batch_size(data: pd.DataFrame) -> figure:
    """The largest batch that fits, by network and device, in log scale. Needs the columns model and batch_size.

    A search without an outcome is a cross at the left edge. Raises NothingToDraw if there is neither.
    """
    points = marks.known(marks.points(data, ["model", "batch_size"]), ["batch_size"], or_failed=True)
    if "memory_limit_mb" in points and points["memory_limit_mb"].notna().any():
        limits = points["memory_limit_mb"].map(lambda mb: f"\nwithin {words.memory(mb)}" if pd.notna(mb) else "")
        devices = points.get("device", pd.Series("", index=points.index)).fillna("")
        points["device"] = devices.map(style.fitted(devices.unique())) + limits
    points["row"] = marks.row_names(points, ["model", "input_shape"])
    points, most = marks.foremost(points, "batch_size")
    counted = kinds.one(points, "plot", ["unit"]).removesuffix("/s")
    labels = marks.series(points, [name for name in CONDITIONS if name != "input_shape"])
    looks = style.in_turn(labels.unique())
    heights = (120 + style.legend_room(len(looks), 38), 26)  # two lines a series
    plot = marks.rows_figure(f"Largest batch{most}", f"{counted} in the largest batch", points, "batch_size", heights=heights)
    for turn, (label, part) in enumerate(points.groupby(labels, sort=False)):
        beside = 0.5 * ((turn + 0.5) / len(looks) - 0.5)  # of a row's height, so that equal answers of two devices are both seen
        marks.dots(plot, part.assign(place=[(row, beside) for row in part["row"]]), "batch_size", "place", label, *looks[label])
    marks.crosses_at_left_edge(plot, points, "batch_size")
    style.legend_below(plot, columns=1)
    return plot
