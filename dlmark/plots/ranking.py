"""The plot of an order: the networks, or the ways to run one, by their throughput, with ties."""

import pandas as pd
from bokeh.plotting import figure

from dlmark.analysis import intervals
from dlmark.analysis.ranks import listed, ranks, tie_texts
from dlmark.plots import marks, style
from dlmark.results.nothing import NothingToDraw

__all__ = ["ranking"]

RANK_ROOM = 6  # characters beside a name on the axis


def ranking(data: pd.DataFrame, *, batch_size: int | None = None, device: str | None = None) -> figure:
    """The networks, or the ways to run one, by their throughput at one batch size on one device, with ranks; neighbours that tie are joined.

    Needs the columns model, device, batch_size and throughput. `batch_size` and `device` choose where `data` have several; a point
    that failed is a cross at the left edge. Raises NothingToDraw if there is none, and ValueError where it is yours to choose.
    """
    points = marks.points(data, ["model", "device", "batch_size", "throughput"])
    points = marks.known(points, ["batch_size", "throughput"], or_failed=True)
    points, device = _one(points, "device", device)
    points, batch_size = _one(points, "batch_size", batch_size)
    unit = marks.unit(points)
    one = points["model"].iloc[0] if points["model"].nunique() == 1 and len(points) > 1 else None  # then its name is the title
    labels = marks.series(points, ["model", *marks.CONDITIONS])
    labels = labels.str.removeprefix(f"{one}, ") if one else labels
    labels += labels.groupby(labels).cumcount().map(lambda number: f" ({number + 1})" if number else "")
    points["tie"] = tie_texts(points.assign(label=labels), "label", [])
    room = style.AXIS_ROOM - RANK_ROOM
    points["row"] = labels.map(style.fitted(labels, room)) + "  " + ranks(points)
    heading = f"{one}\n" if one else "Ranking\n"
    points, most = marks.foremost(points, "throughput")
    title = f"{heading}batch size {batch_size:,.0f}, ties are joined\n{style.fitted([device])[device]}{most}"
    plot = marks.rows_figure(title, unit, points, "throughput", heights=(110, 24))
    _join_ties(plot, points)
    for name, part in points.groupby(points["model"].map(style.family)):
        marks.dots(plot, part, "throughput", "row", name, *style.FAMILIES[name])
    marks.crosses_at_left_edge(plot, points, "throughput")
    plot.legend.visible = False  # the names beside the marks tell the family
    return plot


def _one(points: pd.DataFrame, name: str, wanted: object) -> tuple[pd.DataFrame, object]:
    """The rows with one value in the column `name`: the wanted one, or the only one."""
    there, what = sorted(points[name].dropna().unique().tolist()), name.replace("_", " ")
    if wanted is None and len(there) > 1:
        raise ValueError(f"ranking needs rows of one {what}; data has several: choose {name}= from {_choices(there)}")
    if not there:
        raise NothingToDraw(f"no result has a {what}")
    wanted = there[0] if wanted is None else wanted
    if wanted not in there:
        raise NothingToDraw(f"no result has the {what} {_choices([wanted])}; there are {_choices(there)}")
    return points[points[name] == wanted].copy(), wanted


def _choices(values: list) -> str:
    return listed([repr(value) if isinstance(value, str) else f"{value:,.0f}" for value in values])


def _join_ties(plot: figure, points: pd.DataFrame) -> None:
    """A broad grey line between every two rows, one above the other, that tie."""
    points = points[~intervals.no_number(points)].sort_values("throughput")
    low, high = intervals.interval(points)
    upper, lower = points.iloc[1:], points.iloc[:-1]
    ties = low.iloc[1:].to_numpy() <= high.iloc[:-1].to_numpy()
    ends = [part.loc[ties, name].tolist() for part in (upper, lower) for name in ("throughput", "row")]
    if ties.any():
        plot.segment(*ends, color=style.NO_NUMBER, line_width=5, line_alpha=0.4, line_cap="round")
