"""Compact columns as they stand in a DataFrame."""

from itertools import chain

import numpy as np
import pandas as pd

from dlmark.record import FIELDS
from dlmark.results.files import current_name
from dlmark.results.reader.columns import KINDS, Part
from dlmark.results.reader.history import outdated


def frame(part: Part, names: list[str], history: bool = True) -> pd.DataFrame:
    """The records of the files `names`, without `history` the newest of each point; `part` gives its columns up one by one, so that little is held twice."""
    old = None if history else outdated(part)
    columns = {name: _cells(name, part.columns.pop(name)) for name in list(part.columns)}
    if not columns:
        return pd.DataFrame(columns=["model", "device", "batch_size", "throughput", "status", "file"])
    columns.setdefault("status", _taken(["ok"], np.zeros(sum(part.counts), np.int32)))
    columns["file"] = _taken(names, np.repeat(np.arange(len(names)), part.counts))
    data = pd.DataFrame(columns, copy=False)
    return data if old is None else data[~old].dropna(axis="columns", how="all").reset_index(drop=True)


def with_every_field(data: pd.DataFrame) -> pd.DataFrame:
    """`data` with the fields that no record has as columns too: numbers as NaN, all else as missing objects."""
    rest = [name for name in FIELDS if name not in data]
    kinds = {name: float if KINDS[name] == "number" else object for name in rest}
    return pd.concat([data, pd.DataFrame({name: pd.Series(np.nan, data.index, dtype=kind) for name, kind in kinds.items()})], axis="columns")


def _cells(name: str, packed):
    if KINDS[name] == "number":
        whole = FIELDS[name].kind == "integer" and not np.isnan(packed).any()
        return packed.astype(np.int64) if whole else packed
    if KINDS[name] == "numbers":
        return _arrays(*packed)
    codes, values = packed
    missing = "ok" if name == "status" else np.nan
    return _taken([*_values(name, values), missing], codes)  # the last has the code -1


def _taken(values: list, codes: np.ndarray):
    """The value of each code. pandas looks at the values alone to find whether all are texts, and not at each row."""
    return pd.Series(values).values.take(codes)


def _values(name: str, values: list) -> list:
    if name == "model":
        return list(map(current_name, values))
    return values if KINDS[name] == "text" else list(map(dict if KINDS[name] in ("table", "measures") else list, values))


def _arrays(lengths: np.ndarray, items: np.ndarray) -> np.ndarray:
    """The numbers of each row, which are a view into `items`: lists of them would take twice as long to make."""
    items.flags.writeable = False
    ends = np.cumsum(np.maximum(lengths, 0)).tolist()
    arrays = np.fromiter(map(items.__getitem__, map(slice, chain([0], ends), ends)), object, len(lengths))
    arrays[lengths < 0] = np.nan
    return arrays
