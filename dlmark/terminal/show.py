"""Records as a table in the terminal: which of them, in what order, and as which texts."""

import difflib
import fnmatch
import json
import math
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from dlmark.record import FIELDS, is_ok, safe
from dlmark.results.files import ResultsError, is_there, matching, read_records, results_folder

MAX_CELL = 300  # characters of a cell
SHORT = 12  # characters up to which a text is not broken into lines
NONE = "—"


def find_records(names: Sequence[str], folder: Path | None = None) -> list[dict]:
    """The records of every file that `names` mean, each with its file's name in the field `file`.

    A name is a file, a folder, or a pattern as for load_results. Raises ResultsError if one matches nothing.
    """
    paths = list(dict.fromkeys(path for name in names for path in _files(name, results_folder(folder))))
    return [{**record, "file": path.name} for path in paths for record in read_records(path)]


def _files(name: str, folder: Path) -> list[Path]:
    path = Path(name)
    if path.is_dir():
        folder, name = path, "*.json"
    elif is_there(path):
        return [path]
    found = [folder / file for file in matching(name, folder)]
    if not found:
        raise ResultsError(f"no result file matches {name!r} in {folder}; there are: {_listed(file.name for file in folder.glob('*.json'))}")
    return found


def _listed(texts: Iterable[str], most: int = 20) -> str:
    texts = sorted(set(texts))
    return "; ".join(texts[:most]) + (f" and {len(texts) - most} more" if len(texts) > most else "") or "none"


# ---- which records ----


def chosen(records: list[dict], wanted: dict[str, list[str] | None]) -> list[dict]:
    """The records whose field matches one of the globs that `wanted` has for it; None matches all.

    Case does not matter. Raises ResultsError that names what there is, if a filter leaves nothing.
    """
    for name, patterns in wanted.items():
        if patterns is None:
            continue
        left = [record for record in records if any(_matches(_value(record, name), pattern) for pattern in patterns)]
        if not left:
            there = _listed(_value(record, name) or "none" for record in records)
            raise ResultsError(f"no record has {name.replace('_', ' ')} {' or '.join(patterns)}; there are: {there}")
        records = left
    return records


def _matches(value: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(value.lower() or "none", pattern.lower())


def _value(record: dict, name: str) -> str:
    """A field as filters see it."""
    if name == "status":
        return record.get("status") or "ok"
    if name == "source":
        return (record.get("source") or "").partition(":")[0]
    return "" if record.get(name) is None else str(record[name])


def in_order(records: list[dict], field: str, descending: bool = False) -> list[dict]:
    """The records by the value of `field`; those without one come last. Raises ResultsError for a field that there is not."""
    _known(field, [*FIELDS, "file"], "field")
    known = [record for record in records if record.get(field) is not None]
    without = [record for record in records if record.get(field) is None]
    plain = FIELDS[field].kind in ("text", "number", "integer") if field in FIELDS else True
    key: Callable = (lambda record: record[field]) if plain else (lambda record: json.dumps(record[field]))
    return sorted(known, key=key, reverse=descending) + without


def _known(name: str, names: Iterable[str], what: str) -> None:
    names = list(names)
    if name not in names:
        close = difflib.get_close_matches(name, names, n=1)
        meant = f" (did you mean {close[0]}?)" if close else ""
        raise ResultsError(f"unknown {what} {name!r}{meant}; there are: {', '.join(names)}")


# ---- as which texts ----


def number(value: float | None, digits: int = 4) -> str:
    """A number to so many significant digits, with its thousands apart and never with an exponent."""
    if value is None:
        return NONE
    places = digits - 1 - math.floor(math.log10(abs(value))) if value else 0
    return f"{value:,.{min(15, max(0, places))}f}"


def throughput(record: dict) -> str:
    """73.17 ± 2.0, or the number alone where it has no interval."""
    half_width = record.get("throughput_half_width")
    interval = "" if half_width is None or record.get("throughput") is None else f" ± {number(half_width, 2)}"
    return number(record.get("throughput")) + interval


def note(record: dict) -> str:
    """Why there is no number, else what the grade misses, else what an accuracy or a largest batch is about."""
    if not is_ok(record):
        return f"{record['status'].replace('_', ' ')}: {record.get('reason')}"
    parts = list(record.get("grade_reasons") or [])
    if record.get("accuracy") is not None:
        parts.append(f"top-1 {record['accuracy']:.2%}")
    if record.get("memory_limit_mb") is not None:
        parts.append(f"largest batch within {number(record['memory_limit_mb'])} MB")
    return "; ".join(parts)


def _milliseconds(record: dict) -> str:
    seconds = record.get("latency_p50_s")
    return NONE if seconds is None else f"{number(1_000 * seconds, 3)} ms"


def _memory(record: dict) -> str:
    return NONE if record.get("device_mem") is None else f"{number(record['device_mem'], 3)} MB"


def _framework(record: dict) -> str:
    return " ".join(filter(None, (record.get("framework"), record.get("framework_version"))))


# Name: heading and text of a column that is more than a field.
COLUMNS = {
    "model": ("model", lambda record: record["model"]),
    "batch": ("batch", lambda record: number(record.get("batch_size"), 1)),
    "throughput": ("images/s (95%)", throughput),
    "grade": ("grade", lambda record: record.get("grade") or NONE),
    "latency": ("p50", _milliseconds),
    "memory": ("memory", _memory),
    "framework": ("framework", _framework),
    "precision": ("precision", lambda record: record.get("precision") or NONE),
    "device": ("device", lambda record: record.get("device") or NONE),
    "note": ("note", note),
}  # fmt: skip
RIGHT = {"batch", "throughput", "latency", "memory"}


def show(records: Sequence[dict], columns: Sequence[str] = tuple(COLUMNS)) -> None:
    """Print the records as a table. `columns` are those of COLUMNS, or fields by their names."""
    for name in columns:
        _known(name, [*COLUMNS, *(field for field in [*FIELDS, "file"] if field not in COLUMNS)], "column")
    headings = [COLUMNS[name][0] if name in COLUMNS else name for name in columns]
    numeric = [name in RIGHT or name in FIELDS and name not in COLUMNS and FIELDS[name].kind in ("number", "integer") for name in columns]
    rows = [[COLUMNS[name][1](record) if name in COLUMNS else _field(record.get(name)) for name in columns] for record in records]
    print_table(headings, rows, numeric)


def _field(value: object) -> str:
    """A field as it is: a number in full, a list as JSON."""
    return NONE if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]], numeric: Sequence[bool]) -> None:
    """Print a table whose texts may come from strangers: as wide as the terminal, or as its content where there is none.

    Where the terminal is too narrow, what is the same in all rows becomes one line above the table.
    """
    from rich.console import Console
    from rich.text import Text

    cells = [[_cut(safe(row[place])) for row in rows] for place in range(len(headings))]
    columns = list(zip(headings, numeric, cells, strict=True))
    console = Console(file=sys.stdout)
    width = console.measure(_table(columns), options=console.options.update(max_width=100_000)).maximum
    if not console.is_terminal:
        console.width = width
    with console.capture() as printed:  # rich ends the program when a pipe closes; ours is to decide
        if width > console.width and len(rows) > 1:
            alike = [f"{heading} {texts[0]}" for heading, _, texts in columns if len(set(texts)) == 1 and texts[0] not in ("", NONE)]
            if alike:
                console.print(Text(f"the same in all rows: {'; '.join(alike)}"))
            columns = [column for column in columns if len(set(column[-1])) > 1] or columns[:1]
        console.print(_table(columns))
    print("\n".join(line.rstrip() for line in printed.get().splitlines()))


def _table(columns: Sequence[tuple[str, bool, Sequence[str]]]):
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    for place, (heading, is_number, texts) in enumerate(columns):
        whole = is_number or place == 0 or max(map(len, texts), default=0) <= SHORT
        table.add_column(heading, justify="right" if is_number else "left", no_wrap=whole, overflow="fold")
    for row in zip(*(texts for _, _, texts in columns)):
        table.add_row(*map(Text, row))
    return table


def _cut(text: str) -> str:
    return text if len(text) <= MAX_CELL else f"{text[: MAX_CELL - 1]}…"
