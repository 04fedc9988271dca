"""One measurement, a record: its fields, what its texts may be, the check, and what identifies it. It imports nothing of the project."""

from dlmark.record.checking import EXPECTED, NO_NAMES, RecordError, check
from dlmark.record.fields import (
    FIELDS,
    FORMAT_VERSION,
    GRADES,
    MAX_ITEMS,
    MAX_MEASURES,
    MAX_NUMBER,
    MAX_TABLE,
    MEASURED,
    PUBLISHED,
    STATUSES,
    WORKLOADS,
    Field,
)
from dlmark.record.identity import OUTCOMES, POINT, is_ok, is_published, items, newest, point, row, task, unit
from dlmark.record.rules import CLOCK, LEAST_CALLS, LEAST_THROUGHPUT, MAX_AXES, RESULTS, ROUNDED, RULES, SPREAD, TINY, WIDEST, is_day
from dlmark.record.text import BLANK, MAX_MARKS, MAX_TEXT, is_name, is_text, plain, safe

__all__ = [
    "BLANK", "CLOCK", "EXPECTED", "FIELDS", "FORMAT_VERSION", "GRADES", "LEAST_CALLS", "LEAST_THROUGHPUT", "MAX_AXES", "MAX_ITEMS", "MAX_MARKS", "MAX_MEASURES",
    "MAX_NUMBER", "MAX_TABLE", "MAX_TEXT", "MEASURED", "NO_NAMES", "OUTCOMES", "POINT", "PUBLISHED", "RESULTS", "ROUNDED", "RULES", "SPREAD",
    "STATUSES", "TINY", "WIDEST", "WORKLOADS", "Field", "RecordError", "check", "is_day", "is_name", "is_ok", "is_published", "is_text", "items", "newest", "plain", "point", "row", "safe", "task", "unit",
]  # fmt: skip
