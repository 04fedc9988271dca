"""What the plots share: which rows have something to draw, what a series is called, and its marks."""

from numbers import Real

import numpy as np
import pandas as pd
from bokeh.models import ColumnDataSource, FactorRange
from bokeh.plotting import figure

from dlmark.analysis import intervals, kinds
from dlmark.plots import style
from dlmark.results.nothing import NothingToDraw

# The columns that tell series apart, beside network and batch size.
CONDITIONS = ["device", "framework", "framework_version", "precision", "mode", "threads", "host", "task", "workload", "input_shape",
              "published_date", "source"]  # fmt: skip
MOST_ROWS = 150  # of a plot with a row for each device or network
# What a label leaves out where it tells nothing apart: all of a host but its number, of a source the path.
LEFT_OUT = {"host": r"^.*, ", "source": r"^published: |:.*"}


def require(data: pd.DataFrame, columns: list[str]) -> None:
    if not isinstance(data, pd.DataFrame):
        raise TypeError(f"plot needs a DataFrame from load_results, got {type(data).__name__}")
    missing = [name for name in columns if name not in data]
    if missing:
        raise ValueError(f"plot needs column(s) {missing}; data has {list(data.columns)}")
    if data.empty:
        raise NothingToDraw("the data have no rows, perhaps because they were filtered by a name that they do not have")


def points(data: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """A copy of `data` with one row a mark and an index of its own; each states its unit, task and workload."""
    require(data, columns)
    return kinds.stated(data.reset_index(drop=True))


def known(points: pd.DataFrame, columns: list[str], *, or_failed: bool = False) -> pd.DataFrame:
    """The rows that have each of `columns`, and with `or_failed` those that say why there is no number."""
    for number, name in enumerate(columns, start=1):
        points = points[points[name].notna() | (intervals.no_number(points) & or_failed)]
        if points.empty:
            raise NothingToDraw(f"no result has a {' and a '.join(columns[:number]).replace('_', ' ')}")
    return points.copy()


def unit(points: pd.DataFrame) -> str:
    """The one unit of all throughputs that are drawn. Raises ValueError where they are of several units, tasks or workloads."""
    return kinds.one(points, "plot")


def series(points: pd.DataFrame, columns: list[str]) -> pd.Series:
    """A label for each row: the first column's text, and of the others only what tells two series apart."""
    columns = [name for name in columns if name in points]
    labels = _texts(points, columns[0]) if columns else pd.Series("", index=points.index)
    for name in columns[1:]:
        texts = _texts(points, name)
        if name in LEFT_OUT:
            texts = _shortened(texts, labels, LEFT_OUT[name])
        several = texts.groupby(labels).transform("nunique") > 1
        labels = labels.where(~several, labels + ", " + texts)
    return labels


def _shortened(texts: pd.Series, labels: pd.Series, left_out: str) -> pd.Series:
    """Without what matches `left_out`, unless two texts of one label would then look alike."""
    short = texts.str.replace(left_out, "", regex=True)
    return short.where(short.groupby(labels).transform("nunique") == texts.groupby(labels).transform("nunique"), texts)


def _texts(points: pd.DataFrame, name: str) -> pd.Series:
    texts = pd.Series([_text(value) for value in points[name]], points.index)
    if name == "published_date":  # what was measured here has none, and says so
        texts = texts.mask(intervals.is_measured(points) & points[name].isna(), "measured")
    return texts


def _text(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return "x".join(_text(part) for part in value)
    if isinstance(value, Real) and value == value:
        return f"{value:g}"
    return value if isinstance(value, str) else "not stated"


def drawn_interval(points: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """The same as a bar has it: above 0, for an axis in log scale, and of no length where there is none."""
    low, high = (end.fillna(points["throughput"]).astype(float) for end in intervals.interval(points))
    return np.maximum(low, points["throughput"].astype(float) / 20), high


def throughputs(points: pd.DataFrame) -> pd.Series:
    """What an axis of throughputs must have room for: they and their bars."""
    return pd.concat([points["throughput"].astype(float), *drawn_interval(points)])[lambda values: values.notna()]


def looks(points: pd.DataFrame, labels: pd.Series) -> dict[str, tuple[str, str]]:
    """Colour and mark of each series: its family's where that tells them apart, else the palette in turn."""
    families = points["model"].map(style.family).groupby(labels, sort=False).first()
    if families.is_unique:
        return {label: style.FAMILIES[name] for label, name in families.items()}
    return style.in_turn(families.index)


def row_names(points: pd.DataFrame, columns: list[str]) -> pd.Series:
    """The labels of `series`, cut to fit on an axis."""
    labels = series(points, columns)
    return labels.map(style.fitted(labels.unique()))


def foremost(points: pd.DataFrame, x: str) -> tuple[pd.DataFrame, str]:
    """The points of the MOST_ROWS rows with the largest `x`, and what the title then adds: nobody reads more, and no browser draws a plot of any height."""
    best = _best(points, x).index
    if len(best) <= MOST_ROWS:
        return points, ""
    return points[points["row"].isin(best[-MOST_ROWS:])].copy(), f"\nthe first {MOST_ROWS} of {len(best):,}"


def _best(points: pd.DataFrame, x: str) -> pd.Series:
    """The largest `x` of each row, the smallest first."""
    numbers = points[x].where(~intervals.no_number(points)).astype(float)
    return numbers.groupby(points["row"]).max().sort_values(na_position="first")


def rows_figure(title: str, x_label: str, points: pd.DataFrame, x: str, *, heights: tuple[int, int]) -> figure:
    """A figure with a row on the y axis for each text in the column row, the largest `x` on top.

    `heights`: of the figure without rows, and of a row, in pixels.
    """
    order = _best(points, x).index
    plot = style.plain_figure(title, x_label, "", height=heights[0] + heights[1] * len(order), x_axis_type="log",
                              y_range=FactorRange(*order))  # fmt: skip
    known = points[~intervals.no_number(points)]
    shown = throughputs(known) if x == "throughput" else known[x]
    style.log_axis(plot, "x", shown, most=3)  # the names on the y axis leave little room
    plot.title.offset = -style.CHARACTER_PX * max(map(len, order), default=0)  # over the names, for on a phone it is longer than the frame
    return plot


def line(plot: figure, part: pd.DataFrame, y: str, label: str, colour: str, mark: str) -> None:
    """Marks joined by a line, over the batch size; a cross where there is no number."""
    known = part[part[y].notna() & ~intervals.no_number(part)]
    if len(known):
        plot.line(known["batch_size"].tolist(), known[y].tolist(), color=colour, line_width=2, legend_label=label)
    dots(plot, known, "batch_size", y, label, colour, mark)
    lost = part[intervals.no_number(part)].assign(height=known[y].iloc[-1] if len(known) else 1)
    crosses(plot, lost, "batch_size", "height", label)


def dots(plot: figure, part: pd.DataFrame, x: str, y: str, label: str, colour: str, mark: str) -> None:
    """Marks with their intervals, drawn by how far to trust them, which tell all about themselves when pointed at."""
    for trust, rows in part[~intervals.no_number(part)].groupby(style.trust(part)):
        source = _source(rows, x, y)
        if "_low" in source.data:
            ends = ("_x", "_low", "_x", "_high") if y == "throughput" else ("_low", "_y", "_high", "_y")
            plot.segment(*ends, source=source, color=colour, line_width=1.5, legend_label=label)
        found = plot.scatter("_x", "_y", source=source, marker=mark, line_color=colour, fill_color=colour, legend_label=label, **style.TRUST[trust])
        style.add_hover(plot, [found], source.data)


def crosses(plot: figure, lost: pd.DataFrame, x: str, y: str, label: str) -> None:
    """A cross for each row of `lost`; a click on `label` in the legend hides it."""
    if lost.empty:
        return
    source = _source(lost, x, y)
    crosses = plot.scatter("_x", "_y", source=source, marker="x", size=10, line_width=2, line_color=style.NO_NUMBER, legend_label=label)
    style.add_hover(plot, [crosses], source.data)


def crosses_at_left_edge(plot: figure, points: pd.DataFrame, x: str) -> None:
    failed = intervals.no_number(points)
    crosses(plot, points[failed].assign(edge=1 if failed.all() else points.loc[~failed, x].min()), "edge", "row", "missing")


def _source(part: pd.DataFrame, x: str, y: str) -> ColumnDataSource:
    """What is drawn (columns that start with _) and what is told."""
    columns = style.told(part).assign(_x=part[x], _y=part[y])
    if "tie" in part and part["tie"].any():
        columns["tie with"] = part["tie"].replace("", "none")
    if "accuracy" in part and part["accuracy"].notna().any():
        columns["accuracy"] = [f"{share:.2%} top-1" if pd.notna(share) else "—" for share in part["accuracy"]]
    if "throughput" in (x, y) and intervals.interval(part)[0].notna().any():
        columns["_low"], columns["_high"] = drawn_interval(part)
    return ColumnDataSource(columns.reset_index(drop=True).to_dict("list"))
