"""What the fast reader and the patient one make of a file."""

import math

import numpy as np

from dlmark.record import FIELDS, RecordError
from dlmark.results.files import ResultsError, read_records
from dlmark.results.reader import decode as fast


def fast_records(data: bytes) -> list[dict] | None:
    """What the fast check makes of a file: its records without what they miss, or None if it does not accept them."""
    found = fast.decode([data], {})
    if found is None:
        return None
    (count,), columns = found
    plain = {name: [_plain(value) for value in _values(name, values)] for name, values in columns.items()}
    return [{name: values[n] for name, values in plain.items() if not _is_missing(values[n])} for n in range(count)]


def _values(name, column):
    """What each record has, of a column as fast.decode gives it."""
    if FIELDS[name].kind != "numbers":
        return column
    lengths, items = column
    ends = np.cumsum(np.maximum(lengths, 0))
    return [None if n < 0 else items[end - n : end].tolist() for n, end in zip(lengths, ends)]


def patient_records(path) -> list[dict] | None:
    try:
        return [{name: value for name, value in record.items() if value is not None} for record in read_records(path)]
    except (ResultsError, RecordError):
        return None


def _is_missing(value):
    return value is None or isinstance(value, float) and math.isnan(value)


def _plain(value):
    return list(value) if isinstance(value, tuple) else value
