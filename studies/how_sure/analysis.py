"""What the study of studies/how_sure/measure.py shows: cost, spread and bias of each way of timing, and whether intervals hold.

Tables and plots for notebooks/how-sure.ipynb. Its rows are repetitions: a `method` timed each point once in each
`repetition`, under a `condition`.
"""

import math
from collections.abc import Callable
from itertools import permutations
from statistics import mean, median, stdev

import numpy as np
import pandas as pd
from bokeh.models import ColumnDataSource, FactorRange, HoverTool, LabelSet, Range1d, Span
from bokeh.plotting import figure

from dlmark.analysis import compare
from dlmark.measure import rounds
from dlmark.measure import statistics as stats
from dlmark.plots import style
from dlmark.results.nothing import Nothing, NothingToDraw

POINT = ["model", "batch_size"]
ALONE = "nothing else"  # a condition
OURS = "dlmark"  # a method; its variants start with it
LEAST_SPREAD = 1e-3  # of an axis: with none at all it would have no length


def cost_and_spread(data: pd.DataFrame) -> pd.DataFrame:
    """Of each method, on a machine that does nothing else: what a repetition costs, and how far repetitions lie apart.

    Columns: `repetitions`; `seconds` a repetition, on average; `spread`, the standard deviation between repetitions of one
    point, the root mean square over points; `worst`, the largest difference between two repetitions of one point;
    `against_dlmark`, how much more images a second the method tells than dlmark's, the median over points. All but the
    first two are shares. Raises Nothing if no row tells.
    """
    alone = _alone(data)
    logs = alone.assign(log=np.log(alone["throughput"]))
    by_point = logs.groupby(["method", *POINT])["log"]
    middle = by_point.mean().unstack("method")
    ours = middle[OURS] if OURS in middle else pd.Series(math.nan, middle.index)
    repetitions = logs.groupby("method")["repetition"].nunique()
    table = pd.DataFrame(
        {
            "repetitions": repetitions,
            "seconds": logs.groupby("method")["spent_s"].sum(min_count=1) / repetitions,
            "spread": np.sqrt(by_point.var().groupby("method").mean()),
            "worst": np.expm1((by_point.max() - by_point.min()).groupby("method").max()),
            "against_dlmark": np.expm1(middle.sub(ours, axis=0).median()),
        }
    )
    table.loc[table["repetitions"] < 2, "worst"] = math.nan  # one answer differs from no other
    return table.sort_values("seconds")


def times_cheaper(data: pd.DataFrame, other: str) -> pd.Series:
    """How many times more seconds `other` spends than dlmark, by batch size, and over all points as "all".

    Raises Nothing where one of the two has no seconds.
    """
    alone = _alone(data)
    spent = alone.groupby(["method", "repetition", "batch_size"])["spent_s"].sum().groupby(["method", "batch_size"]).mean()
    both = pd.DataFrame({method: spent[method] for method in (other, OURS) if method in spent}).reindex(columns=[other, OURS])
    both = both[(both > 0).all(axis="columns")]
    if both.empty:
        raise Nothing(f"no batch size has the seconds of both {OURS} and {other}")
    ratios = (both[other] / both[OURS]).rename(index=_whole)
    return pd.concat([ratios, pd.Series({"all": both[other].sum() / both[OURS].sum()})]).rename("times")


def under(data: pd.DataFrame, condition: str) -> pd.DataFrame:
    """The rows of `data` that were measured under the condition whose text starts with `condition`. Raises Nothing for none."""
    found = data[data["condition"].map(lambda text: isinstance(text, str) and text.startswith(condition)).astype(bool)]
    if found.empty:
        raise Nothing(f"no result was measured under the condition {condition}")
    return found


def held(data: pd.DataFrame) -> pd.DataFrame:
    """How often another repetition of dlmark's fell inside the interval of the first, for three kinds of interval.

    A row for each method and condition of more than one repetition, and interval: `pairs` (ordered pairs of repetitions of one
    point), `inside` (share of them), and `half_width` (median, as a share).
    """
    usable = _ok(data)
    ours = usable[usable["method"].str.startswith(OURS) & usable["throughput_half_width"].notna()]
    ours = ours[ours["block_times_s"].map(_are_times).astype(bool)]
    rows = []
    for (method, condition), part in ours.groupby(["method", "condition"], sort=False):
        for name, interval in INTERVALS.items():
            points = [[interval(record) for record in _records(records)] for _, records in part.groupby(POINT)]
            inside = [abs(b - a) <= width for point in points for (a, width), (b, _) in permutations(point, 2)]
            width = median(math.expm1(width) for point in points for _, width in point)
            rows += [(method, condition, name, len(inside), float(np.mean(inside)), width)] if inside else []
    return pd.DataFrame(rows, columns=["method", "condition", "interval", "pairs", "inside", "half_width"])


def _are_times(value: object) -> bool:
    """Whether a median and a deviation can be taken of the block times of every round."""
    return isinstance(value, (list, np.ndarray)) and len(value) > 0 and min(value) > 0


def verdicts(a: pd.DataFrame, b: pd.DataFrame) -> pd.DataFrame:
    """What dlmark.analysis.compare says of `b` against `a`: a row a network, a column a batch size, and one for all of them together."""
    compared = compare.compare(_records(a), _records(b))
    table: dict[str, dict[str, str]] = {}
    for row in [*compared.points, *compared.networks]:
        size = row.what.get("batch_size")
        change = "" if row.change is None else f" {math.expm1(row.change):+.1%}"
        bound = "" if row.bound is None else f" (by chance ±{math.expm1(row.bound):.1%})"
        column = "all batch sizes" if row in compared.networks else f"batch {size}"
        table.setdefault(row.what["model"], {})[column] = row.verdict + change + bound
    return pd.DataFrame(table).T


def _records(data: pd.DataFrame) -> list[dict]:
    """The rows as records, with lists for arrays, and without the fields that they do not have."""
    rows = ({n: v.tolist() if isinstance(v, np.ndarray) else _whole(v) for n, v in row.items()} for row in data.to_dict("records"))
    return [{name: value for name, value in row.items() if isinstance(value, (list, dict)) or value == value} for row in rows]


def _whole(value: object) -> object:
    """A column of whole numbers of which one is missing holds them as floats; here they are whole again."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def repeated(data: pd.DataFrame, title: str) -> figure:
    """Each repetition of dlmark's with its interval, against the mean of its point: a row a point.

    Needs the columns model, batch_size, repetition, throughput and throughput_half_width; one method and condition. Raises
    NothingToDraw if no row has a batch size and a throughput.
    """
    points = data[data["throughput"].notna() & data["batch_size"].notna()].reset_index(drop=True)
    if points.empty:
        raise NothingToDraw("no result has a batch size and a throughput")
    log = np.log(points["throughput"])
    off = log - log.groupby([points[name] for name in POINT]).transform("mean")
    names = points["model"].astype(str) + ", " + points["batch_size"].map("{:.0f}".format)
    order = list(dict.fromkeys(names.sort_index()))[::-1]
    count = points.groupby(names)["throughput"].transform("size")
    place = points.groupby(names).cumcount()
    reach = np.log1p(points["throughput_half_width"] / points["throughput"])
    ends = {"low": 100 * np.expm1(off - reach.fillna(0)), "high": 100 * np.expm1(off + reach.fillna(0))}
    source = ColumnDataSource({
        "x": 100 * np.expm1(off), **ends,
        "y": [(name, 0.6 * (0.5 - (at + 0.5) / of)) for name, at, of in zip(names, place, count)],
        "network": names, "repetition": points["repetition"].map(_whole), "images/s": points["throughput"].map("{:,.4g}".format),
        "interval": [f"±{math.expm1(h):.1%}" if h == h else "—" for h in reach],
    })  # fmt: skip
    plot = style.plain_figure(title, "off the mean (%)", "", height=90 + 38 * len(order), y_range=FactorRange(*order))
    # The widest intervals would leave no room for the others: what does not fit runs out of the plot.
    edge = max(2.0, float(np.quantile(np.abs([*ends["low"], *ends["high"]]), 0.9)))
    plot.x_range = Range1d(-edge, edge)
    colour = style.COLOURS[0]
    plot.add_layout(Span(location=0, dimension="height", line_color=style.NO_NUMBER, line_dash="dashed"))
    plot.segment("low", "y", "high", "y", source=source, color=colour, line_width=1.5, alpha=0.6)
    marks = plot.scatter("x", "y", source=source, size=6, color=colour)
    plot.add_tools(HoverTool(renderers=[marks], tooltips=[(n, f"@{{{n}}}") for n in ("network", "repetition", "images/s", "interval")]))
    plot.ygrid.grid_line_color = None
    return plot


def seconds_and_spread(table: pd.DataFrame) -> figure:
    """Cost against spread, a mark a method of `cost_and_spread`: best is bottom left."""
    known = table[table["spread"].notna() & (table["seconds"] > 0)]
    if known.empty:
        raise NothingToDraw("no method has its seconds and more than one repetition of a point")
    plot = style.plain_figure("Cost and spread", "seconds for all the points", "spread between repetitions (%)", height=400, x_axis_type="log")
    middle = (known["seconds"].min() * known["seconds"].max()) ** 0.5  # a name reaches from its mark to the side that has more room
    sides = ["left" if seconds <= middle else "right" for seconds in known["seconds"]]
    source = ColumnDataSource({"x": known["seconds"], "y": 100 * known["spread"], "method": known.index, "side": sides,
                               "seconds": known["seconds"].map("{:,.0f}".format), "spread": known["spread"].map("{:.2%}".format)})  # fmt: skip
    style.log_axis(plot, "x", known["seconds"])
    plot.y_range = Range1d(0, 125 * max(known["spread"].max(), LEAST_SPREAD))
    marks = plot.scatter("x", "y", source=source, size=11, color=style.COLOURS[0])
    plot.add_layout(LabelSet(x="x", y="y", text="method", source=source, y_offset=9, text_align="side", text_font_size="13px"))
    plot.add_tools(HoverTool(renderers=[marks], tooltips=[(n, f"@{{{n}}}") for n in ("method", "seconds", "spread")]))
    return plot


def _ok(data: pd.DataFrame) -> pd.DataFrame:
    """The rows with a throughput that say which repetition of which point they are, in which way and beside what."""
    return data.dropna(subset=["throughput", "method", "condition", "repetition", *POINT])


def _alone(data: pd.DataFrame) -> pd.DataFrame:
    found = _ok(data)
    found = found[found["condition"] == ALONE]
    if found.empty:
        raise Nothing("no result of the study was measured while nothing else ran")
    return found


def _published(record: dict) -> tuple[float, float]:
    """Centre and half-width in logarithms: what the record says."""
    return math.log(record["throughput"]), math.log1p(record["throughput_half_width"] / record["throughput"])


def _of_one_process(record: dict) -> tuple[float, float]:
    """The same of the first round alone, its blocks' correlation heeded."""
    blocks = rounds.blocks(record)[0]
    width = stats.half_width(blocks)
    return -math.log(median(blocks)), math.log1p(width)


def _naive(record: dict) -> tuple[float, float]:
    """The interval that most tools give: the mean of one process's blocks and 1.96 of its standard errors."""
    blocks = rounds.blocks(record)[0]
    if len(blocks) < 2:
        return -math.log(mean(blocks)), math.inf
    return -math.log(mean(blocks)), 1.96 * stdev(blocks) / math.sqrt(len(blocks)) / mean(blocks)


INTERVALS: dict[str, Callable[[dict], tuple[float, float]]] = {
    "dlmark's: two rounds, all points": _published,
    "one process, correlation heeded": _of_one_process,
    "one process, 1.96 standard errors": _naive,
}
