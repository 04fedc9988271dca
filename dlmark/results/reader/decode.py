"""The check of records at full speed: types made of record.FIELDS, which msgspec decodes straight from a file's bytes.

It never accepts what record.check refuses. Where it does not accept, it does not say why: `files.read_records` does, or
accepts after all (a number given twice, say). Without msgspec it accepts nothing, and everything goes the patient way.
"""

import math
import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from typing import Annotated

import numpy as np

from dlmark.record import FIELDS, MAX_ITEMS, MAX_MEASURES, MAX_NUMBER, MAX_TABLE, MAX_TEXT, Field
from dlmark.results.reader import screen

try:
    import msgspec
except ImportError:  # a machine that only measures needs none
    msgspec = None

NUMBERS = {name for name, field in FIELDS.items() if field.kind in ("number", "integer")}
LISTS = {name for name, field in FIELDS.items() if field.kind == "numbers"}


def decode(files: Sequence[bytes], known: dict[str, None]) -> tuple[list[int], dict[str, object]] | None:
    """Records of each file, and the values of each field over all of them; None where the fast check does not accept.

    Numbers are an array of floats, NaN where a record has none; a list of numbers is the length of each, -1 for none, and all items
    on end; of other fields what a record does not have is None, and lists are tuples. `known` collects the names of the fields that
    occur, for the next call: types of few fields are decoded faster than types of all.
    """
    if msgspec is None:
        return None
    known.setdefault("model")  # which a rule asks of every record
    names = tuple(known)
    lists = []
    for data in files:
        try:
            lists.append(_records(data, names))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            unknown = [name for name in _names_in(data) if name not in known]
            known |= dict.fromkeys(unknown)
            return decode(files, known) if unknown else None
        if lists[-1] is None:
            return None
    columns = packed(dict(zip(names, zip(*map(msgspec.structs.astuple, chain.from_iterable(lists))))))
    return (list(map(len, lists)), columns) if screen.is_right(columns) else None


def packed(columns: dict[str, Sequence]) -> dict[str, object]:
    """The columns with their numbers as arrays."""
    numbers = [name for name in columns if name in NUMBERS]
    lists = {name: _items(columns[name]) for name in columns if name in LISTS}
    return {**columns, **lists, **(dict(zip(numbers, _table([columns[name] for name in numbers]))) if numbers else {})}


def _items(values: Sequence) -> tuple[np.ndarray, np.ndarray]:
    lengths = [-1 if value is None else len(value) for value in values] if None in values else list(map(len, values))
    return np.array(lengths, np.int32), np.fromiter(chain.from_iterable(filter(None, values)), np.float64)


def _table(lines: list[Sequence]) -> np.ndarray:
    """Numbers, a line a field; None becomes NaN. All at once, because a call costs more than to convert a hundred numbers."""
    try:
        numbers = np.fromiter(chain.from_iterable(lines), np.float64, len(lines) * len(lines[0]))
        return numbers.reshape(len(lines), -1)
    except TypeError:  # there is a None
        return np.array(lines, np.float64)


def _names_in(data: bytes) -> list[str]:
    """The fields whose names stand in `data`, and perhaps some more, in the order that the decoder then expects them in."""
    names = dict.fromkeys(re.findall(rb'"(\w+)"\s*:', data))
    return [name for name in map(bytes.decode, names) if name in FIELDS]


def _records(data: bytes, names: tuple[str, ...]) -> list | None:
    """The records of a file; None where a field is stated both for all and for one of them."""
    if data[:1] != b"{":
        return _readers(names)[0](data)
    found = _readers(names)[1](data)
    for name, value in zip(names, msgspec.structs.astuple(found.common)):
        if value is None or value != value:
            continue
        for record in found.records:
            own = getattr(record, name)
            if own is not None and own == own:
                return None
            setattr(record, name, value)
    return found.records


@lru_cache(maxsize=16)
def _readers(names: tuple[str, ...]):
    """Two functions that decode a file into checked records, which are structs of the fields `names`: a list, and a set with common fields."""
    fields = [(name, _type(FIELDS[name]) | None, math.nan if name in NUMBERS else None) for name in names]
    record = msgspec.defstruct("Record", fields, forbid_unknown_fields=True, gc=False)
    one_set = msgspec.defstruct("Set", [("common", record), ("records", list[record])], forbid_unknown_fields=True)
    return msgspec.json.Decoder(list[record]).decode, msgspec.json.Decoder(one_set).decode


def _type(field: Field):
    """The type whose values are those that record.check accepts for `field`; what its texts are made of, dlmark.results.reader.screen sees."""
    low, high = max(field.low, -MAX_NUMBER), min(field.high, MAX_NUMBER)
    text = Annotated[str, msgspec.Meta(max_length=MAX_TEXT)]
    integer = Annotated[int, msgspec.Meta(ge=math.ceil(low), le=math.floor(high))]
    decimal = Annotated[float, msgspec.Meta(ge=low, le=high)]
    items = msgspec.Meta(max_length=MAX_ITEMS)
    return {
        "text": text, "integer": integer, "number": decimal,
        "texts": Annotated[tuple[text, ...], items], "integers": Annotated[tuple[integer, ...], items],
        "numbers": Annotated[tuple[decimal, ...], items],
        "table": Annotated[dict[text, text], msgspec.Meta(max_length=MAX_TABLE)],
        "measures": Annotated[dict[text, decimal], msgspec.Meta(max_length=MAX_MEASURES)],
    }[field.kind]  # fmt: skip
