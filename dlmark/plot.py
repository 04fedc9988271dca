"""One function a plot: a DataFrame from `load_results` in, a Bokeh figure out. Nothing is read, shown or changed.

Filled marks were measured by this benchmark, hollow ones come from elsewhere (or do not say where from); a grey cross has
no number and says why.
"""

from numbers import Real

import numpy as np
import pandas as pd
from bokeh.layouts import column, row
from bokeh.models import ColumnDataSource, FactorRange
from bokeh.plotting import figure

from dlmark import style

# The columns that tell series apart, beside network and batch size.
CONDITIONS = ["device", "framework", "framework_version", "precision", "mode", "threads", "host", "workload", "input_shape",
              "published_date", "source"]  # fmt: skip
# What a label leaves out where it tells nothing apart: all of a host but its number, of a source the path.
LEFT_OUT = {"host": r"^.*, ", "source": r"^published: |:.*"}
IMAGES_S = "images/s"


def batch_size_vs_throughput(data: pd.DataFrame, *, title: str = "Throughput over batch size", height: int = 380) -> figure:
    """Throughput over batch size, both in log scale: a line a network, device, source and whatever else differs.

    Needs the columns model, batch_size and throughput. Bars show the 95% interval where there is one. Rows without a batch
    size are left out; raises ValueError if none is left.
    """
    points = _known(_points(data, ["model", "batch_size", "throughput"]), ["batch_size"])
    labels = _series(points, ["model", *CONDITIONS])
    looks = _looks(points, labels)
    room = 22 * len(looks) if len(looks) > 1 else 0  # for the legend
    plot = style.plain_figure(title, "batch size", IMAGES_S, height=height + room, x_axis_type="log", y_axis_type="log")
    style.batch_axis(plot.xaxis[0], points["batch_size"])
    style.log_axis(plot, "y", points["throughput"])
    for label, part in points.groupby(labels, sort=False):
        _line(plot, part.sort_values("batch_size"), "throughput", label, *looks[label])
    style.legend_below(plot, columns=1, visible=len(looks) > 1)
    return plot


def batch_size_vs_throughput_grid(data: pd.DataFrame, models) -> row:
    """For each network of `models` throughput over batch size, and below it the device memory.

    Needs the columns model, batch_size and throughput; device_mem adds the memory. Networks that `data` does not have
    are passed over, unless it has none of them.
    """
    points = _known(_points(data, ["model", "batch_size", "throughput"]), ["batch_size"])
    there = [model for model in models if model in set(points["model"])]
    if not there:
        raise ValueError(f"nothing to draw: data has none of the networks {list(models)}; it has {sorted(points['model'].unique())}")
    cells = [_cell(points[points["model"] == model], model) for model in there]
    # As many cells side by side as fit: three on a wide screen, one on a phone.
    return row(cells, sizing_mode="stretch_width", styles={"display": "grid", "grid-template-columns": "repeat(auto-fill, minmax(270px, 1fr))"})


def max_batch_size(data: pd.DataFrame) -> figure:
    """The largest batch that fits, by network and device, in log scale. Needs the columns model and batch_size.

    A search without an outcome is a cross at the left edge. Raises ValueError if there is neither.
    """
    points = _known(_points(data, ["model", "batch_size"]), ["batch_size"], or_failed=True)
    if "memory_limit_mb" in points:
        limits = points["memory_limit_mb"].map(lambda mb: f"\nwithin {mb:,.0f} MB" if pd.notna(mb) else "")
        points["device"] = points.get("device", pd.Series("", index=points.index)).fillna("") + limits
    points["row"] = _row_names(points, ["model", "input_shape"])
    labels = _series(points, [name for name in CONDITIONS if name != "input_shape"])
    looks = style.in_turn(labels.unique())
    heights = (120 + 38 * len(looks), 26)  # the legend has two lines a series
    plot = _rows_figure("Largest batch", "images in the largest batch", points, "batch_size", heights=heights)
    for label, part in points.groupby(labels, sort=False):
        _dots(plot, part, "batch_size", "row", label, *looks[label])
    _crosses_at_left_edge(plot, points, "batch_size")
    style.legend_below(plot, columns=1)
    return plot


def throughput_vs_device(data: pd.DataFrame) -> figure:
    """Throughput of one network on each device, a mark a batch size: the darker, the larger.

    Needs the columns model, device, batch_size and throughput. A point that failed is a cross at the left edge; rows with
    neither number nor failure are left out. Raises ValueError if none is left.
    """
    points = _known(_points(data, ["model", "device", "batch_size", "throughput"]), ["batch_size", "throughput"], or_failed=True)
    points["row"] = _row_names(points, ["device", "precision", "framework", "threads", "host"])
    name = ", ".join(points["model"].unique()[:3])
    plot = _rows_figure(name, IMAGES_S, points, "throughput", heights=(200, 34))
    sizes = sorted(points.loc[~style.no_number(points), "batch_size"].unique())
    for number, size in enumerate(sizes):
        shade = _shade(number / max(1, len(sizes) - 1))
        _dots(plot, points[points["batch_size"] == size], "throughput", "row", f"{size:,.0f}", shade, "circle")
    _crosses_at_left_edge(plot, points, "throughput")
    style.legend_below(plot, columns=2, title="batch size")
    return plot


def throughput_vs_accuracy(data: pd.DataFrame) -> figure:
    """Top-1 accuracy over throughput, in the colours of the families; the line joins what nothing else beats in both.

    Needs the columns model (or it is the index), throughput and accuracy.
    """
    if isinstance(data, pd.DataFrame) and data.index.name == "model":
        data = data.reset_index()
    points = _points(data, ["model", "throughput", "accuracy"])
    points = points[points["throughput"].notna() & points["accuracy"].notna()]
    if points.empty:
        raise ValueError("nothing to draw: no row has both throughput and accuracy")
    points["percent"] = 100 * points["accuracy"]
    plot = style.plain_figure("Accuracy and throughput", IMAGES_S, "top-1 accuracy (%)", height=440, x_axis_type="log")
    style.log_axis(plot, "x", points["throughput"])
    _frontier(plot, points)
    for name in style.FAMILIES:
        part = points[points["model"].map(style.family) == name]
        if len(part):
            _dots(plot, part, "throughput", "percent", name, *style.FAMILIES[name])
    style.legend_below(plot, columns=2)
    return plot


# ---- what the plots share ----


def _require(data: pd.DataFrame, columns: list[str]) -> None:
    if not isinstance(data, pd.DataFrame):
        raise TypeError(f"plot needs a DataFrame from load_results, got {type(data).__name__}")
    missing = [name for name in columns if name not in data]
    if missing:
        raise ValueError(f"plot needs column(s) {missing}; data has {list(data.columns)}")
    if data.empty:
        raise ValueError("nothing to draw: data has no rows; was it filtered by a name that it does not have?")


def _points(data: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """A copy of `data` with one row a mark and an index of its own."""
    _require(data, columns)
    return data.reset_index(drop=True).copy()


def _known(points: pd.DataFrame, columns: list[str], *, or_failed: bool = False) -> pd.DataFrame:
    """The rows that have each of `columns`, and with `or_failed` those that say why there is no number."""
    for number, name in enumerate(columns, start=1):
        points = points[points[name].notna() | (style.no_number(points) & or_failed)]
        if points.empty:
            raise ValueError(f"nothing to draw: no row has a {' and a '.join(columns[:number])}")
    return points.copy()


def _series(points: pd.DataFrame, columns: list[str]) -> pd.Series:
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
        texts = texts.mask(style.is_measured(points) & points[name].isna(), "measured")
    return texts


def _text(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return "x".join(_text(part) for part in value)
    if isinstance(value, Real) and value == value:
        return f"{value:g}"
    return value if isinstance(value, str) else "not stated"


def _looks(points: pd.DataFrame, labels: pd.Series) -> dict[str, tuple[str, str]]:
    """Colour and mark of each series: its family's where that tells them apart, else the palette in turn."""
    families = points["model"].map(style.family).groupby(labels, sort=False).first()
    if families.is_unique:
        return {label: style.FAMILIES[name] for label, name in families.items()}
    return style.in_turn(families.index)


def _row_names(points: pd.DataFrame, columns: list[str]) -> pd.Series:
    """The labels of `_series`, cut to fit on an axis."""
    labels = _series(points, columns)
    return labels.map(style.fitted(labels.unique()))


def _rows_figure(title: str, x_label: str, points: pd.DataFrame, x: str, *, heights: tuple[int, int]) -> figure:
    """A figure with a row on the y axis for each text in the column row, the largest `x` on top.

    `heights`: of the figure without rows, and of a row, in pixels.
    """
    numbers = points[x].where(~style.no_number(points)).astype(float)
    order = numbers.groupby(points["row"]).max().sort_values(na_position="first").index
    plot = style.plain_figure(title, x_label, "", height=heights[0] + heights[1] * len(order), x_axis_type="log",
                              y_range=FactorRange(*order))  # fmt: skip
    style.log_axis(plot, "x", numbers, most=3)  # the names on the y axis leave little room
    return plot


def _cell(data: pd.DataFrame, model: str) -> column:
    parts = [batch_size_vs_throughput(data, title=model, height=240)]
    if "device_mem" in data and data["device_mem"].notna().any():
        plot = style.plain_figure("", "batch size", "memory (MB)", height=190, x_axis_type="log", y_axis_type="log", x_range=parts[0].x_range)
        style.batch_axis(plot.xaxis[0], data["batch_size"])
        style.log_axis(plot, "y", data["device_mem"], most=4)
        labels = _series(data, ["model", *CONDITIONS])
        looks = _looks(data, labels)
        for label, part in data[data["device_mem"] > 0].groupby(labels, sort=False):
            _line(plot, part.sort_values("batch_size"), "device_mem", label, *looks[label])
        style.legend_below(plot, columns=1, visible=False)
        parts.append(plot)
    return column(parts, sizing_mode="stretch_width")


def _line(plot: figure, part: pd.DataFrame, y: str, label: str, colour: str, mark: str) -> None:
    """Marks joined by a line, over the batch size; a cross where there is no number."""
    known = part[part[y].notna() & ~style.no_number(part)]
    if len(known):
        plot.line(known["batch_size"].tolist(), known[y].tolist(), color=colour, line_width=2, legend_label=label)
    _dots(plot, known, "batch_size", y, label, colour, mark)
    lost = part[style.no_number(part)].assign(height=known[y].iloc[-1] if len(known) else 1)
    _crosses(plot, lost, "batch_size", "height", label)


def _dots(plot: figure, part: pd.DataFrame, x: str, y: str, label: str, colour: str, mark: str) -> None:
    """Marks with their intervals, filled if measured here, else hollow, which tell all about themselves when pointed at."""
    for measured, marks in part[~style.no_number(part)].groupby(style.is_measured(part)):
        source = _source(marks, x, y)
        if "_low" in source.data:
            ends = ("_x", "_low", "_x", "_high") if y == "throughput" else ("_low", "_y", "_high", "_y")
            plot.segment(*ends, source=source, color=colour, line_width=1.5, legend_label=label)
        dots = plot.scatter("_x", "_y", source=source, marker=mark, size=9, line_color=colour, line_width=1.5,
                            fill_color=colour, fill_alpha=1 if measured else 0, legend_label=label)  # fmt: skip
        style.add_hover(plot, [dots], source.data)


def _crosses(plot: figure, lost: pd.DataFrame, x: str, y: str, label: str) -> None:
    """A cross for each row of `lost`; a click on `label` in the legend hides it."""
    if lost.empty:
        return
    source = _source(lost, x, y)
    crosses = plot.scatter("_x", "_y", source=source, marker="x", size=10, line_width=2, line_color=style.NO_NUMBER, legend_label=label)
    style.add_hover(plot, [crosses], source.data)


def _crosses_at_left_edge(plot: figure, points: pd.DataFrame, x: str) -> None:
    failed = style.no_number(points)
    _crosses(plot, points[failed].assign(edge=1 if failed.all() else points.loc[~failed, x].min()), "edge", "row", "missing")


def _source(part: pd.DataFrame, x: str, y: str) -> ColumnDataSource:
    """What is drawn (columns that start with _) and what is told."""
    columns = style.told(part).assign(_x=part[x], _y=part[y])
    if "accuracy" in part:
        columns["accuracy"] = part["accuracy"].map("{:.2%} top-1".format)
    if "throughput" in (x, y) and "throughput_half_width" in part and part["throughput_half_width"].notna().any():
        reach = part["throughput_half_width"].fillna(0)
        columns["_low"] = np.maximum(part["throughput"] - reach, part["throughput"] / 20)  # above 0 on a log axis
        columns["_high"] = part["throughput"] + reach
    return ColumnDataSource(columns.reset_index(drop=True).to_dict("list"))


def _frontier(plot: figure, points: pd.DataFrame) -> None:
    best = points.sort_values(["throughput", "percent"], ascending=False)
    best = best[best["percent"] > best["percent"].cummax().shift(fill_value=-1)]
    plot.line(best["throughput"].tolist(), best["percent"].tolist(), color=style.NO_NUMBER, line_dash="dashed", legend_label="best of both")


def _shade(share: float) -> str:
    """From light (0) to dark (1) blue; both ends are seen on light and on dark ground."""
    light, dark = (158, 202, 225), (8, 81, 156)
    return "#" + "".join(f"{round(a + share * (b - a)):02x}" for a, b in zip(light, dark))
