"""The check of one record: names, kinds and ranges by the table of fields, texts, and the rules."""

import difflib
import math

from dlmark.record.fields import FIELDS, MAX_ITEMS, MAX_MEASURES, MAX_NUMBER, MAX_TABLE, Field
from dlmark.record.rules import contradiction
from dlmark.record.text import MAX_TEXT, is_name, is_text, shown

EXPECTED = {
    "text": f"a text of at most {MAX_TEXT:,} characters, all of which can be seen", "number": "a number", "integer": "a whole number",
    "numbers": "a list of numbers", "integers": "a list of whole numbers", "texts": "a list of texts",
    "table": f"an object of at most {MAX_TABLE} texts with names", "measures": f"an object of at most {MAX_MEASURES:,} numbers with names",
}  # fmt: skip
EXPECTED["name"] = EXPECTED["text"] + ", not empty, with no space at its ends"

# Any other text is a name: it says what was measured, where or how. These may be empty, or have rules of their own.
NO_NAMES = ("reason", "command", "workload", "status", "grade", "measured_at", "published_date")


class RecordError(ValueError):
    """A record breaks the format; the message names file, record, field, what was expected and what came."""


def check(record: object, where: str = "record") -> dict:
    """Return `record` if it keeps the format, else raise RecordError. `where` starts the message."""
    if not isinstance(record, dict):
        raise RecordError(f"{where}: expected an object with fields such as model and throughput, got {shown(record)}")
    for name, value in record.items():
        if name not in FIELDS:
            raise RecordError(f"{where}: unknown field {shown(name)}{_suggest(name)}; the format is in dlmark/record/fields.py")
        problem = value is not None and _problem(name, FIELDS[name], value)
        if problem:
            raise RecordError(f"{where}: field {name}: expected {problem}, got {shown(value)}")
    problem = contradiction(record)
    if problem:
        raise RecordError(f"{where}: {problem}")
    return record


def _problem(name: str, field: Field, value: object) -> str | None:
    """What was expected, where `value` is not it."""
    if field.kind == "measures":
        fits = isinstance(value, dict) and len(value) <= MAX_MEASURES and all(map(is_name, value)) and (not value or _are_numbers(field, list(value.values())))
        return None if fits else EXPECTED["measures"]
    if field.kind in ("text", "texts", "table"):
        return _text_problem(name, field.kind, value)
    expected = EXPECTED[field.kind]
    if field.kind in ("numbers", "integers"):
        if not isinstance(value, list) or len(value) > MAX_ITEMS:
            return f"{expected}, at most {MAX_ITEMS:,}"
        if _are_numbers(field, value):
            return None
        one = field._replace(kind=field.kind[:-1])
        return next((f"{expected} with, in each place, {p}" for item in value if (p := _problem(name, one, item))), None)
    types = (int,) if field.kind == "integer" else (int, float)
    if isinstance(value, bool) or not isinstance(value, types) or not abs(value) <= MAX_NUMBER:
        return f"{expected}{' (' + field.unit + ')' if field.unit else ''}"
    if not field.low <= value <= field.high:
        upper = "" if field.high == math.inf else f" and at most {field.high:g}"
        return f"{expected} of at least {field.low:g}{upper}{' (' + field.unit + ')' if field.unit else ''}"
    return None


def _are_numbers(field: Field, values: list) -> bool:
    """Whether all are right, without a call for each of what may be millions; where not, the calls find out which is wrong."""
    if not values or not set(map(type, values)) <= ({int} if field.kind == "integers" else {int, float}):
        return False
    within = max(field.low, -MAX_NUMBER) <= min(values) and max(values) <= min(field.high, MAX_NUMBER)
    return within and math.isfinite(sum(values))  # NaN is neither above nor below


def _text_problem(name: str, kind: str, value: object) -> str | None:
    """The same for a text, a list or a table of texts."""
    if kind == "texts":
        if not isinstance(value, list) or len(value) > MAX_ITEMS:
            return f"{EXPECTED[kind]}, at most {MAX_ITEMS:,}"
        return None if all(map(is_name, value)) else f"{EXPECTED[kind]} with, in each place, {EXPECTED['name']}"
    if kind == "table":
        fits = isinstance(value, dict) and len(value) <= MAX_TABLE and all(map(is_name, value)) and all(map(is_text, value.values()))
        return None if fits else f"{EXPECTED[kind]}, each {EXPECTED['text']}"
    if name in NO_NAMES:
        return None if is_text(value) else EXPECTED["text"]
    return None if is_name(value) else EXPECTED["name"]


def _suggest(name: str) -> str:
    close = difflib.get_close_matches(name, FIELDS, n=1)
    return f" (did you mean {close[0]}?)" if close else ""
