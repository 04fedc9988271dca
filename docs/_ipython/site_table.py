"""The first rows of what a plot shows, as an HTML table."""

import html
import numbers

import pandas as pd
from bokeh.models import GlyphRenderer, Legend

MAX_ROWS = 30
ROW_NUMBERS = {"index", "level_0"}  # bokeh adds one of these to a source made of a DataFrame


def table(plot) -> str:
    """HTML of a folded table with at most MAX_ROWS rows of the plot's data; empty if it has none."""
    rows = [row for frame in _frames(plot) for row in frame]
    if not rows:
        return ""
    names = list(dict.fromkeys(name for row in rows for name in row))
    head = "".join(f'<th scope="col">{html.escape(str(name))}</th>' for name in names)
    body = "".join(_row(row, names) for row in rows[:MAX_ROWS])
    shown = f"all {len(rows)} rows" if len(rows) <= MAX_ROWS else f"the first {MAX_ROWS} of {len(rows)} rows"
    return (
        f'<details class="plot-data"><summary>Data of this plot ({shown})</summary><div>'
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div></details>"
    )


def _row(row, names):
    cells = (row.get(name) for name in names)
    return "<tr>" + "".join(f"<td>{html.escape(_text(cell))}</td>" for cell in cells) + "</tr>"


def _text(cell):
    if cell is None or pd.isna(cell):
        return ""
    if isinstance(cell, numbers.Integral) or not isinstance(cell, numbers.Real):
        return str(cell)
    return f"{cell:,.0f}" if abs(cell) >= 10_000 else f"{cell:.4g}"


def _frames(plot):
    """One list of rows for each source of data, in the order in which the plot was made."""
    renderers = sorted(plot.select({"type": GlyphRenderer}), key=lambda r: (len(r.id), r.id))
    sources = {renderer.data_source.id: renderer.data_source for renderer in renderers}
    labels = _labels(plot) if len(sources) > 1 else {}
    return [_records(source, labels.get(identity)) for identity, source in sources.items()]


def _labels(plot):
    """The legend's name of each source that has exactly one."""
    found = {}
    for legend in plot.select({"type": Legend}):
        for item in legend.items:
            for renderer in item.renderers:
                found.setdefault(renderer.data_source.id, set()).add(getattr(item.label, "value", None))
    return {source: next(iter(names)) for source, names in found.items() if len(names) == 1}


def _records(source, label):
    columns = {name: list(values) for name, values in source.data.items() if _is_for_readers(name, values)}
    rows = [dict(zip(columns, cells)) for cells in zip(*columns.values())]
    if label and not any(label in row.values() for row in rows):
        return [{"series": label, **row} for row in rows]
    return rows


def _is_for_readers(name, values):
    """A name with a leading underscore marks what only the drawing needs, such as a colour for each row."""
    return not name.startswith("_") and name not in ROW_NUMBERS and all(map(pd.api.types.is_scalar, values))
