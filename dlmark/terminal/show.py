"""Records as a table in the terminal: which of them, in what order, and as which texts."""

import difflib
import fnmatch
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from dlmark.record import FIELDS, is_ok, newest, unit, words
from dlmark.record.words import NONE, number
from dlmark.results.files import ResultsError, is_there, matching, read_records, results_folder
from dlmark.results.load import what_there_is
from dlmark.terminal.table import print_table


def find_records(names: Sequence[str], folder: Path | None = None, history: bool = False) -> list[dict]:
    """The newest records of every file that `names` mean, with `history` all, each with its file's name in the field `file`.

    A name is a file, a folder, or a pattern as for load_results. Raises ResultsError if one matches nothing.
    """
    paths = list(dict.fromkeys(path for name in names for path in _files(name, results_folder(folder))))
    return [{**record, "file": path.name} for path in paths for record in (list if history else newest)(read_records(path))]


def _files(name: str, folder: Path) -> list[Path]:
    path = Path(name)
    if path.is_dir():
        folder, name = path, "*.json"
    elif is_there(path):
        return [path]
    found = [folder / file for file in matching(name, folder)]
    if not found:
        raise ResultsError(f"no result file matches {name!r}{what_there_is(folder)}")
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
    """The records by the value of `field`, throughputs of each unit by themselves; those without one come last. Raises ResultsError for a field that there is not."""
    _known(field, [*FIELDS, "file"], "field")
    known = [record for record in records if record.get(field) is not None]
    without = [record for record in records if record.get(field) is None]
    plain = field not in FIELDS or FIELDS[field].kind in ("text", "number", "integer")
    of_unit = field in FIELDS and FIELDS[field].unit == FIELDS["throughput"].unit

    def key(record: dict) -> tuple:
        return unit(record) if of_unit else "", record[field] if plain else json.dumps(record[field])

    return sorted(known, key=key, reverse=descending) + without


def _known(name: str, names: Iterable[str], what: str) -> None:
    names = list(names)
    if name not in names:
        close = difflib.get_close_matches(name, names, n=1)
        meant = f" (did you mean {close[0]}?)" if close else ""
        raise ResultsError(f"unknown {what} {name!r}{meant}; there are: {', '.join(names)}")


# ---- as which texts ----


def note(record: dict) -> str:
    """Why there is no number, else what the grade misses, else what a quality or a largest batch is about."""
    if not is_ok(record):
        return words.failure(record)
    parts = [*(record.get("grade_reasons") or []), *(f"{name} {text}" for name, text in words.quality(record).items() if name != "top-5")]
    if record.get("memory_limit_mb") is not None:
        parts.append(f"largest batch within {words.memory(record['memory_limit_mb'])}")
    return "; ".join(parts)


def _milliseconds(record: dict) -> str:
    seconds = record.get("latency_p50_s")
    return NONE if seconds is None else words.quantity(1_000 * seconds, "ms", 3)


def _framework(record: dict) -> str:
    return " ".join(filter(None, (record.get("framework"), record.get("framework_version"))))


# Name: heading and text of a column that is more than a field.
COLUMNS = {
    "model": ("model", lambda record: record["model"]),
    "batch": ("batch", lambda record: number(record.get("batch_size"), 1)),
    "throughput": ("throughput (95%)", words.with_interval),
    "grade": ("grade", lambda record: record.get("grade") or NONE),
    "latency": ("p50", _milliseconds),
    "memory": ("memory", lambda record: words.memory(record.get("device_mem"))),
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
    its_unit = words.common_unit(records)
    texts = {name: COLUMNS[name][1] for name in COLUMNS} | ({} if its_unit else {"throughput": words.with_interval_and_unit})
    headings = [f"{its_unit} (95%)" if name == "throughput" and its_unit else COLUMNS[name][0] if name in COLUMNS else name for name in columns]
    numeric = [name in RIGHT or name in FIELDS and name not in COLUMNS and FIELDS[name].kind in ("number", "integer") for name in columns]
    rows = [[texts[name](record) if name in COLUMNS else _field(record.get(name)) for name in columns] for record in records]
    print_table(headings, rows, numeric)


def _field(value: object) -> str:
    """A field as it is: a number in full, a list as JSON."""
    return NONE if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
