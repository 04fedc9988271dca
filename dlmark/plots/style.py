"""The house style of the plots: colours, figures, axes, legends and what a mark tells when it is pointed at."""

import math
import re
from collections.abc import Callable, Iterable
from itertools import chain, count, cycle

import pandas as pd
from bokeh.models import FixedTicker, HoverTool, NumeralTickFormatter, Range1d
from bokeh.plotting import figure

from dlmark.analysis import intervals
from dlmark.record import words

# Okabe and Ito's colours, told apart with every kind of colour vision and on light and dark ground, each with a mark of
# its own. MobileNet's is their yellow, darkened: on white theirs is too pale. A family keeps its colour on every plot;
# families without one share the last, a grey that is not theirs.
FAMILIES = {
    "ResNet-v1": ("#0072b2", "circle"),
    "ResNet-v2": ("#56b4e9", "square"),
    "VGG": ("#d55e00", "triangle"),
    "DenseNet": ("#009e73", "diamond"),
    "SqueezeNet": ("#cc79a7", "inverted_triangle"),
    "AlexNet": ("#e69f00", "hex"),
    "MobileNet": ("#9a8a00", "star"),
    "other": ("#888888", "plus"),
}
COLOURS, MARKS = zip(*list(FAMILIES.values())[:-1])
# For series in turn: every colour with its own mark, then every colour with the next one's, and so on. All 49 differ.
PALETTE = [(colour, MARKS[(place + shift) % len(MARKS)]) for shift in range(len(MARKS)) for place, colour in enumerate(COLOURS)]
AXIS_ROOM = 32  # characters of a label; more of them take most of a phone's screen
MOST_IN_LEGEND = 60
CHARACTER_PX = 5.3  # width of a letter of an axis, about
NO_NUMBER = "#888888"

# How a mark looks by where its number comes from and how far to trust it.
TRUST = {
    "A": {"size": 9, "line_width": 1.5, "fill_alpha": 1},
    "less": {"size": 9, "line_width": 1.5, "fill_alpha": 0},
    "elsewhere": {"size": 6, "line_width": 0, "fill_alpha": 1, "hit_dilation": 1.5},  # as easy to point at as the others
}

# What a reader wants to know of a point, in this order: label in the hover and name of the column behind it.
TOLD = ["network", "device", "framework", "precision", "batch", "throughput", "rounds", "tie with", "grade", "accuracy", "memory", "note", "source",
        "FLOP/byte", "TFLOP/s", "of the ceiling", "limited by"]  # fmt: skip
# What words.py asks of a record to say how fast it is.
OF_SPEED = ["throughput", "throughput_half_width", "unit", "workload", *words.STILL, "overhead_s"]


def family(model: str) -> str:
    """ResNet-v1d-50_0.48 -> ResNet-v1; a network without a family of its own is "other"."""
    name = re.sub(r"^(se|cifar)-", "", model.lower())
    return next((known for known in FAMILIES if name.startswith(known.lower())), "other")


def in_turn(labels: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Colour and mark of each label, by its place."""
    return dict(zip(labels, cycle(PALETTE)))


def fitted(labels: Iterable[str], room: int = AXIS_ROOM) -> dict[str, str]:
    """Each label in at most `room` characters: without (R) and the like, cut in the middle, and numbered where it would look like one before it."""
    short, taken = {}, set()
    for label in labels:
        endings = chain([""], (f" ({number})" for number in count(2)))
        texts = (_cut(label, room - len(ending)) + ending for ending in endings)
        short[label] = next(text for text in texts if text not in taken)
        taken.add(short[label])
    return short


def _cut(text: str, room: int) -> str:
    if len(text) > room:  # what makers put in and nobody says comes out first
        text = re.sub(r"\((R|TM)\)| (Processor|CPU)\b", "", text)
    tail = (room - 1) // 2
    return text if len(text) <= room else f"{text[: room - 1 - tail]}…{text[-tail:]}"


def plain_figure(title: str, x_label: str, y_label: str, *, height: int = 360, **options) -> figure:
    """A figure that is as wide as its page, lets a finger scroll past it, and names its axes with units."""
    plot = figure(title=title, height=height, sizing_mode="stretch_width", tools="pan,box_zoom,wheel_zoom,reset,save",
                  active_drag=None, active_scroll=None, toolbar_location="above", **options)  # fmt: skip
    plot.toolbar.logo, plot.toolbar.autohide = None, True
    plot.xaxis.axis_label, plot.yaxis.axis_label = x_label, y_label
    plot.axis.axis_label_text_font_style = "normal"
    plot.grid.grid_line_alpha = 0.5
    return plot


def log_axis(plot: figure, dimension: str, values: pd.Series, *, most: int = 5) -> None:
    """Fit the x or y axis around `values`, with round numbers that have room beside each other on a phone.

    Its ends are at least a factor of 3 apart, so that noise does not look like a slope.
    """
    known = [value for value in values.astype(float) if value > 0] or [1.0]
    middle, spread = math.sqrt(min(known) * max(known)), math.sqrt(max(3, 1.4 * max(known) / min(known)))
    start, end = middle / spread, middle * spread
    setattr(plot, f"{dimension}_range", Range1d(start, end))
    (axis,) = getattr(plot, f"{dimension}axis")
    axis.formatter = NumeralTickFormatter(format="0,0.[000]")
    axis.ticker = FixedTicker(ticks=_round_numbers(start, end, most))


def _round_numbers(start: float, end: float, most: int) -> list[float]:
    """Round numbers from `start` to `end`: the closest series of them that has no more than `most`, or some powers of ten."""
    powers = range(math.floor(math.log10(start)), math.ceil(math.log10(end)) + 1)
    for mantissas in ((1, 1.5, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,)):
        numbers = [mantissa * 10.0**power for power in powers for mantissa in mantissas]
        numbers = [number for number in numbers if start <= number <= end]
        if len(numbers) <= most:
            break
    return numbers[:: -(-len(numbers) // most) or 1]


def batch_axis(axis, batch_sizes: Iterable) -> None:
    """A tick at every batch size that there is, or at every second if they are many."""
    sizes = sorted({int(size) for size in batch_sizes if pd.notna(size)})
    axis.ticker = FixedTicker(ticks=sizes if len(sizes) <= 10 else sizes[:: -(-len(sizes) // 10)])
    axis.formatter = NumeralTickFormatter(format="0,0")


def legend_below(plot: figure, *, columns: int, visible: bool = True, title: str | None = None) -> None:
    """Put the legend below the plot, where it covers nothing; a click on an entry hides its marks. One that nobody would read is not shown."""
    if not plot.legend:
        return
    plot.legend.visible = visible and len(plot.legend[0].items) <= MOST_IN_LEGEND
    legend = plot.legend[0]
    plot.center.remove(legend)
    plot.add_layout(legend, "below")
    legend.ncols, legend.location, legend.title = columns, "top_left", title
    legend.title_text_font_style, legend.title_text_font_size = "normal", "12px"
    legend.click_policy = "hide"
    legend.label_text_font_size, legend.border_line_color, legend.padding, legend.spacing = "12px", None, 4, 2
    legend.background_fill_alpha = 0


def legend_room(entries: int, height: int) -> int:
    """Pixels for a legend below a plot with so many entries of that height."""
    return entries * height if entries <= MOST_IN_LEGEND else 0


def add_hover(plot: figure, renderers: list, columns: Iterable[str]) -> None:
    """Tell what is known of the mark under the pointer. Bokeh escapes the values: they may come from strangers."""
    tooltips = [(name, f"@{{{name}}}") for name in TOLD if name in set(columns)]
    plot.add_tools(HoverTool(renderers=renderers, tooltips=tooltips, point_policy="snap_to_data"))


def told(data: pd.DataFrame) -> pd.DataFrame:
    """The columns of TOLD as texts, a row a record."""
    texts = pd.DataFrame(index=data.index)
    texts["network"] = data["model"].astype(str)
    texts["device"] = _or_dash(data, "device")
    texts["framework"] = [_joined(f, v) for f, v in zip(_or_dash(data, "framework"), _or_dash(data, "framework_version"))]
    texts["precision"] = [_joined(p, m) for p, m in zip(_or_dash(data, "precision"), _or_dash(data, "mode"))]
    texts["batch"] = _numbers(data, "batch_size", "{:,.0f}".format)
    texts["throughput"] = [_throughput(record) for record in _records(data, OF_SPEED)]
    if intervals.column(data, "round_spread").notna().any():
        texts["rounds"] = _numbers(data, "round_spread", "{:.1%} apart".format)
    if (intervals.is_measured(data) & intervals.column(data, "throughput").notna()).any():
        texts["grade"] = [_grade(*row) for row in zip(intervals.column(data, "grade"), intervals.column(data, "grade_reasons"))]
    texts["memory"] = _numbers(data, "device_mem", words.memory)
    texts["note"] = [_note(*row) for row in zip(intervals.column(data, "status"), intervals.column(data, "reason"), intervals.column(data, "flags"))]
    texts["source"] = [source if isinstance(source, str) else "not stated" for source in intervals.column(data, "source")]
    return texts if intervals.column(data, "ceiling_percent").isna().all() else texts.join(_under_the_roof(data))


def _under_the_roof(data: pd.DataFrame) -> pd.DataFrame:
    """What rows that went through dlmark.analysis.roofline.limits tell beside."""
    texts = {"FLOP/byte": _numbers(data, "flop_per_byte", _three_digits), "TFLOP/s": _numbers(data, "achieved_tflops", _three_digits),
             "of the ceiling": _numbers(data, "ceiling_percent", "{:,.0f}%".format), "limited by": _or_dash(data, "limited_by")}  # fmt: skip
    return pd.DataFrame(texts, data.index)


def trust(data: pd.DataFrame) -> pd.Series:
    """The key in TRUST of each row. A throughput measured without a grade, as before there were any, is less than A."""
    grades = intervals.column(data, "grade")
    is_a = grades.eq("A") | grades.isna() & intervals.column(data, "throughput").isna()  # a largest batch gets no grade
    return is_a.map({True: "A", False: "less"}).where(intervals.is_measured(data), "elsewhere")


def _or_dash(data: pd.DataFrame, name: str) -> list[str]:
    return [value if isinstance(value, str) else words.NONE for value in intervals.column(data, name)]


def _joined(name: str, detail: str) -> str:
    return name if detail == words.NONE else f"{name} {detail}" if name != words.NONE else detail


def _numbers(data: pd.DataFrame, name: str, text: Callable[[float], str]) -> list[str]:
    """A column of numbers as texts; a dash where there is none."""
    return [text(value) if pd.notna(value) else words.NONE for value in intervals.column(data, name)]


def _three_digits(value: float) -> str:
    return words.number(value, 3)


def _records(data: pd.DataFrame, names: list[str]) -> list[dict]:
    """The rows as records: of the fields `names` those that are there."""
    rows = zip(*(intervals.column(data, name) for name in names))
    return [{name: value for name, value in zip(names, row) if pd.notna(value)} for row in rows]


def _throughput(record: dict) -> str:
    text = words.with_interval_and_unit(record)
    if text == words.NONE:
        return text
    return f"{text} (95%)" if words.half_width(record) is not None else f"{text} (no interval given)"


def _grade(grade: object, reasons: object) -> str:
    if not isinstance(grade, str):
        return "none given"
    return f"{grade}: {'; '.join(reasons)}" if isinstance(reasons, list) and reasons else grade


def _note(status: object, reason: object, flags: object) -> str:
    parts = [words.status({"status": status})] if isinstance(status, str) and status != "ok" else []
    parts += [reason] if isinstance(reason, str) else []
    parts += flags if isinstance(flags, list) else []
    return "; ".join(parts) or words.NONE
