"""One function a plot: a DataFrame from `load_results` in, a Bokeh figure out. Nothing is read, shown or changed.

Large filled marks were measured by this benchmark with grade A, large hollow ones with grade B or C, or before there were
grades; small marks come from elsewhere (or do not say where from). A grey cross has no number and says why.
"""

import pandas as pd
from bokeh.layouts import column, row
from bokeh.plotting import figure

from dlmark import marks, style
from dlmark.marks import CONDITIONS
from dlmark.nothing import NothingToDraw
from dlmark.ranking import ranking, tie_texts, unbeaten

__all__ = ["batch_size_vs_throughput", "batch_size_vs_throughput_grid", "max_batch_size", "ranking", "throughput_vs_accuracy", "throughput_vs_device"]

IMAGES_S = "images/s"
MOST_NAMED = 5  # networks that a message names


def batch_size_vs_throughput(data: pd.DataFrame, *, title: str = "Throughput over batch size", height: int = 380) -> figure:
    """Throughput over batch size, both in log scale: a line a network, device, source and whatever else differs.

    Needs the columns model, batch_size and throughput. Bars show the 95% interval where there is one. Rows without a batch
    size, and those with neither throughput nor failure, are left out; raises NothingToDraw if none is left.
    """
    points = _over_batch_size(data)
    labels = marks.series(points, ["model", *CONDITIONS])
    looks = marks.looks(points, labels)
    room = style.legend_room(len(looks), 22) if len(looks) > 1 else 0
    plot = style.plain_figure(title, "batch size", IMAGES_S, height=height + room, x_axis_type="log", y_axis_type="log")
    style.batch_axis(plot.xaxis[0], points["batch_size"])
    style.log_axis(plot, "y", marks.throughputs(points))
    for label, part in points.groupby(labels, sort=False):
        marks.line(plot, part.sort_values("batch_size"), "throughput", label, *looks[label])
    style.legend_below(plot, columns=1, visible=len(looks) > 1)
    return plot


def batch_size_vs_throughput_grid(data: pd.DataFrame, models) -> row:
    """For each network of `models` throughput over batch size, and below it the device memory.

    Needs the columns model, batch_size and throughput; device_mem adds the memory. Networks that `data` does not have
    are passed over, unless it has none of them.
    """
    points = _over_batch_size(data)
    there = [model for model in models if model in set(points["model"])]
    if not there:
        raise NothingToDraw(f"the data have none of the networks {list(models)[:MOST_NAMED]}; they have {sorted(points['model'].unique())[:MOST_NAMED]}")
    cells = [_cell(points[points["model"] == model], model) for model in there]
    # As many cells side by side as fit: three on a wide screen, one on a phone.
    return row(cells, sizing_mode="stretch_width", styles={"display": "grid", "grid-template-columns": "repeat(auto-fill, minmax(270px, 1fr))"})


def max_batch_size(data: pd.DataFrame) -> figure:
    """The largest batch that fits, by network and device, in log scale. Needs the columns model and batch_size.

    A search without an outcome is a cross at the left edge. Raises NothingToDraw if there is neither.
    """
    points = marks.known(marks.points(data, ["model", "batch_size"]), ["batch_size"], or_failed=True)
    if "memory_limit_mb" in points and points["memory_limit_mb"].notna().any():
        limits = points["memory_limit_mb"].map(lambda mb: f"\nwithin {mb:,.0f} MB" if pd.notna(mb) else "")
        devices = points.get("device", pd.Series("", index=points.index)).fillna("")
        points["device"] = devices.map(style.fitted(devices.unique())) + limits
    points["row"] = marks.row_names(points, ["model", "input_shape"])
    points, most = marks.foremost(points, "batch_size")
    labels = marks.series(points, [name for name in CONDITIONS if name != "input_shape"])
    looks = style.in_turn(labels.unique())
    heights = (120 + style.legend_room(len(looks), 38), 26)  # two lines a series
    plot = marks.rows_figure(f"Largest batch{most}", "images in the largest batch", points, "batch_size", heights=heights)
    for turn, (label, part) in enumerate(points.groupby(labels, sort=False)):
        beside = 0.5 * ((turn + 0.5) / len(looks) - 0.5)  # of a row's height, so that equal answers of two devices are both seen
        marks.dots(plot, part.assign(place=[(row, beside) for row in part["row"]]), "batch_size", "place", label, *looks[label])
    marks.crosses_at_left_edge(plot, points, "batch_size")
    style.legend_below(plot, columns=1)
    return plot


def throughput_vs_device(data: pd.DataFrame) -> figure:
    """Throughput of one network on each device, a mark a batch size: the darker, the larger.

    Needs the columns model, device, batch_size and throughput. A mark tells with which others of its batch size it ties. A
    point that failed is a cross at the left edge; rows with neither number nor failure are left out. Raises NothingToDraw
    if none is left.
    """
    points = marks.known(marks.points(data, ["model", "device", "batch_size", "throughput"]), ["batch_size", "throughput"], or_failed=True)
    columns = ["device", "precision", "framework", "threads", "host"]
    points["row"] = marks.row_names(points, columns)
    points, most = marks.foremost(points, "throughput")
    points["tie"] = tie_texts(points.assign(label=marks.series(points, columns)), "label", ["model", "batch_size"])
    name = ", ".join(points["model"].unique()[:3]) + most
    plot = marks.rows_figure(name, IMAGES_S, points, "throughput", heights=(200, 34))
    sizes = sorted(points.loc[~style.no_number(points), "batch_size"].unique())
    for number, size in enumerate(sizes):
        shade = _shade(number / max(1, len(sizes) - 1))
        marks.dots(plot, points[points["batch_size"] == size], "throughput", "row", f"{size:,.0f}", shade, "circle")
    marks.crosses_at_left_edge(plot, points, "throughput")
    style.legend_below(plot, columns=2, title="batch size")
    return plot


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
    plot = style.plain_figure("Accuracy and throughput", IMAGES_S, "top-1 accuracy (%)", height=440, x_axis_type="log")
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


# ---- parts of one plot ----


def _over_batch_size(data: pd.DataFrame) -> pd.DataFrame:
    points = marks.known(marks.points(data, ["model", "batch_size", "throughput"]), ["batch_size"])
    return marks.known(points, ["throughput"], or_failed=True)


def _cell(data: pd.DataFrame, model: str) -> column:
    parts = [batch_size_vs_throughput(data, title=model, height=240)]
    if "device_mem" in data and (data["device_mem"] > 0).any():
        plot = style.plain_figure("", "batch size", "memory (MB)", height=190, x_axis_type="log", y_axis_type="log", x_range=parts[0].x_range)
        style.batch_axis(plot.xaxis[0], data["batch_size"])
        style.log_axis(plot, "y", data["device_mem"], most=4)
        labels = marks.series(data, ["model", *CONDITIONS])
        looks = marks.looks(data, labels)
        for label, part in data[data["device_mem"] > 0].groupby(labels, sort=False):
            marks.line(plot, part.sort_values("batch_size"), "device_mem", label, *looks[label])
        style.legend_below(plot, columns=1, visible=False)
        parts.append(plot)
    return column(parts, sizing_mode="stretch_width")


def _shade(share: float) -> str:
    """From light (0) to dark (1) blue; both ends are seen on light and on dark ground."""
    light, dark = (158, 202, 225), (8, 81, 156)
    return "#" + "".join(f"{round(a + share * (b - a)):02x}" for a, b in zip(light, dark))
