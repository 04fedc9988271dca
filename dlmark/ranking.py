"""Which of several throughputs is the larger, where their intervals allow to say so, and the plot of that order.

Two throughputs whose 95% intervals overlap are a tie. That is what the bars of a plot show, and more careful than
`dlmark.compare`, which asks for one pair and not for every pair on a page. A throughput without an interval is in no tie.
"""

import numpy as np
import pandas as pd
from bokeh.plotting import figure

from dlmark import marks, style
from dlmark.nothing import NothingToDraw

MOST_NAMED = 5  # networks or devices that one tie names
RANK_ROOM = 6  # characters beside a name on the axis


def tie_texts(points: pd.DataFrame, names: str, same: list[str]) -> pd.Series:
    """With whom each row ties, by the column `names`, among the rows that agree in the columns `same`: the closest first."""
    low, high = marks.interval(points)
    texts = pd.Series("", index=points.index, dtype=object)
    keys = [points[name].astype(str) for name in same if name in points]
    groups = points.groupby(keys, sort=False).groups.values() if keys else [points.index]
    for rows in groups:
        for row in rows:
            others = rows[(low[rows] <= high[row]) & (high[rows] >= low[row]) & (rows != row)]
            closest = (points.loc[others, "throughput"] - points.at[row, "throughput"]).abs().sort_values(kind="stable").index
            texts[row] = _listed(points.loc[closest, names].astype(str).tolist())
    return texts


def unbeaten(points: pd.DataFrame) -> pd.Series:
    """Which rows no other is clearly better than in both: at least as accurate, and faster by more than the intervals.

    Needs the columns throughput and percent. Without intervals the numbers decide by themselves.
    """
    low, high = (end.fillna(points["throughput"]) for end in marks.interval(points))
    fastest = low.groupby(points["percent"]).max().sort_index(ascending=False).cummax()  # of those at least as accurate
    at_least_as_accurate = points["percent"].map(fastest)
    more_accurate = points["percent"].map(fastest.shift(fill_value=-np.inf))
    return (at_least_as_accurate <= high) & (more_accurate < high)


def ranks(points: pd.DataFrame) -> pd.Series:
    """The rank of each row: one more than the rows that are clearly faster; with = where it ties, – where it has no interval.

    So a tie shares a rank: 1, 2=, 2=, 4. Where the first ties with the second and the second with the third, but
    not the first with the third, they are 1=, 1= and 2=. No rank is better than that of a faster row, so that a wide
    interval earns nothing.
    """
    low, high = marks.interval(points)
    clearly_faster = pd.Series([(low > end).sum() for end in high], index=points.index)
    ties = [((low <= high[row]) & (high >= low[row])).sum() > 1 for row in points.index]
    order = points["throughput"].where(low.notna()).sort_values(ascending=False).index
    rank = 1 + clearly_faster[order].cummax().reindex(points.index)
    texts = rank.astype(str) + pd.Series(ties, index=points.index).map({True: "=", False: ""})
    return texts.where(low.notna(), "–")


def ranking(data: pd.DataFrame, *, batch_size: int | None = None, device: str | None = None) -> figure:
    """The networks, or the ways to run one, by their throughput at one batch size on one device, with ranks; neighbours that tie are joined.

    Needs the columns model, device, batch_size and throughput. `batch_size` and `device` choose where `data` have several; a point
    that failed is a cross at the left edge. Raises NothingToDraw if there is none, and ValueError where it is yours to choose.
    """
    points = marks.points(data, ["model", "device", "batch_size", "throughput"])
    points = marks.known(points, ["batch_size", "throughput"], or_failed=True)
    points, device = _one(points, "device", device)
    points, batch_size = _one(points, "batch_size", batch_size)
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
    plot = marks.rows_figure(title, "images/s", points, "throughput", heights=(110, 24))
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
    return _listed([repr(value) if isinstance(value, str) else f"{value:,.0f}" for value in values])


def _join_ties(plot: figure, points: pd.DataFrame) -> None:
    """A broad grey line between every two rows, one above the other, that tie."""
    points = points[~style.no_number(points)].sort_values("throughput")
    low, high = marks.interval(points)
    upper, lower = points.iloc[1:], points.iloc[:-1]
    ties = low.iloc[1:].to_numpy() <= high.iloc[:-1].to_numpy()
    ends = [part.loc[ties, name].tolist() for part in (upper, lower) for name in ("throughput", "row")]
    if ties.any():
        plot.segment(*ends, color=style.NO_NUMBER, line_width=5, line_alpha=0.4, line_cap="round")


def _listed(names: list[str]) -> str:
    names = list(dict.fromkeys(names))
    rest = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {rest} more" if rest > 0 else "")
