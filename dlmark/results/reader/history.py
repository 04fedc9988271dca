"""Of several sessions in one file the newest record of each point."""

from collections.abc import Sequence

import numpy as np

from dlmark.record import POINT, PUBLISHED, newest
from dlmark.results.reader.columns import Part

NEEDED = (*POINT, "measured_at")
VERSIONS = ("session", "framework_version")  # where they are the same in all of a file, it has each point once


def outdated(part: Part) -> np.ndarray | None:
    """Which records have a newer one of the same point in their file; None where there is none."""
    suspects = np.flatnonzero(_varied(part) & ~_published(part))
    files = np.repeat(np.arange(len(part.counts)), part.counts)[suspects]
    records = [{"place": place, **record} for place, record in zip(suspects.tolist(), _records(part, suspects))]
    starts = np.flatnonzero(np.diff(files, prepend=-1)).tolist()  # the suspects of one file stand together
    kept = {record["place"] for start, end in zip(starts, [*starts[1:], len(records)]) for record in newest(records[start:end])}
    if len(kept) == len(suspects):
        return None
    old = np.zeros(sum(part.counts), bool)
    old[suspects] = [place not in kept for place in suspects.tolist()]
    return old


def _varied(part: Part) -> np.ndarray:
    """Which records are in a file of several sessions or versions."""
    counts = np.array(part.counts, int)
    varied, filled = np.zeros(len(counts), bool), counts > 0
    starts = (np.cumsum(counts) - counts)[filled]
    for name in VERSIONS:
        if name in part.columns and len(starts):
            codes, _ = part.columns[name]
            varied[filled] |= np.minimum.reduceat(codes, starts) != np.maximum.reduceat(codes, starts)
    return np.repeat(varied, counts)


def _published(part: Part) -> np.ndarray:
    codes, values = part.columns.get("source", (np.full(sum(part.counts), -1), []))
    return np.array([*(value.startswith(PUBLISHED) for value in values), False])[codes]


def _records(part: Part, places: np.ndarray) -> list[dict]:
    """The fields of some records that tell of what point they are, and when they were measured."""
    columns = {name: _values(part.columns[name], places) for name in NEEDED if name in part.columns}
    return [dict(zip(columns, values)) for values in zip(*columns.values())] if len(places) else []


def _values(column, places: np.ndarray) -> Sequence:
    if isinstance(column, np.ndarray):
        return [None if number != number else number for number in column[places].tolist()]
    codes, values = column
    return [values[code] if code >= 0 else None for code in codes[places].tolist()]
