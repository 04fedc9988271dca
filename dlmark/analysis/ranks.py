"""Which of several throughputs is the larger, where their intervals allow to say so.

Two throughputs whose 95% intervals overlap are a tie. That is what the bars of a plot show, and more careful than
`dlmark.analysis.compare`, which asks for one pair and not for every pair on a page. A throughput without an interval is in no tie, and
throughputs of several units, tasks or workloads are in no order: asked for one, `ranks` and `unbeaten` raise ValueError.
"""

import numpy as np
import pandas as pd

from dlmark.analysis import kinds
from dlmark.analysis.intervals import interval

MOST_NAMED = 5  # networks or devices that one tie names


def tie_texts(points: pd.DataFrame, names: str, same: list[str]) -> pd.Series:
    """With whom each row ties, by the column `names`, among the rows of its kind that agree in the columns `same`: the closest first."""
    low, high = interval(points)
    texts = pd.Series("", index=points.index, dtype=object)
    rows_of_kind = kinds.stated(points)
    keys = [rows_of_kind[name].astype(str) for name in [*kinds.KIND, *same] if name in rows_of_kind]
    for rows in points.groupby(keys, sort=False).groups.values():
        for row in rows:
            others = rows[(low[rows] <= high[row]) & (high[rows] >= low[row]) & (rows != row)]
            closest = (points.loc[others, "throughput"] - points.at[row, "throughput"]).abs().sort_values(kind="stable").index
            texts[row] = listed(points.loc[closest, names].astype(str).tolist())
    return texts


def unbeaten(points: pd.DataFrame) -> pd.Series:
    """Which rows no other is clearly better than in both: at least as accurate, and faster by more than the intervals.

    Needs the columns throughput and percent. Without intervals the numbers decide by themselves.
    """
    kinds.one(points, "an order")
    low, high = (end.fillna(points["throughput"]) for end in interval(points))
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
    kinds.one(points, "an order")
    low, high = interval(points)
    clearly_faster = pd.Series([(low > end).sum() for end in high], index=points.index)
    ties = [((low <= high[row]) & (high >= low[row])).sum() > 1 for row in points.index]
    order = points["throughput"].where(low.notna()).sort_values(ascending=False).index
    rank = 1 + clearly_faster[order].cummax().reindex(points.index)
    texts = rank.astype(str) + pd.Series(ties, index=points.index).map({True: "=", False: ""})
    return texts.where(low.notna(), "–")


def listed(names: list[str]) -> str:
    """The first of some names, and how many more there are."""
    names = list(dict.fromkeys(names))
    rest = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {rest} more" if rest > 0 else "")
