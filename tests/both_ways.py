"""What the two ways of reading a result file make of it, in a form in which they can be compared."""

import math
from pathlib import Path

from dlmark import fast
from dlmark.files import ResultsError, read_records
from dlmark.record import RecordError


def fast_records(data: bytes) -> list[dict] | None:
    """What the fast check makes of a file: its records without what they miss, or None if it does not accept them."""
    found = fast.decode([data], {})
    if found is None:
        return None
    (count,), columns = found
    plain = {name: [_plain(value) for value in values] for name, values in columns.items()}
    return [{name: values[n] for name, values in plain.items() if not _is_missing(values[n])} for n in range(count)]


def patient_records(path: Path) -> list[dict] | None:
    """The same of the patient check."""
    try:
        return [{name: value for name, value in record.items() if value is not None} for record in read_records(path)]
    except (ResultsError, RecordError):
        return None


def _is_missing(value) -> bool:
    return value is None or isinstance(value, float) and math.isnan(value)


def _plain(value):
    return list(value) if isinstance(value, tuple) else value
