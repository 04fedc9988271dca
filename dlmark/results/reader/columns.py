"""Columns out of records: compact while they grow and while they go from one process to another."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import accumulate, chain, count
from typing import NamedTuple

import numpy as np

from dlmark.record import FIELDS
from dlmark.results.reader import decode as fast

KINDS = {name: "number" if field.kind == "integer" else field.kind for name, field in FIELDS.items()}


class Part(NamedTuple):
    """The records of some files in compact columns."""

    counts: list[int]  # records of each file
    columns: dict[str, object]


class Columns:
    """The checked records of some files, by column: numbers side by side, lists of numbers on end, all else as codes."""

    def __init__(self):
        self.counts: list[int] = []
        self.length = 0
        self._tables: list[tuple] = []  # first row, and the numbers of each field
        self._lists: dict[str, list[tuple]] = {}  # first row, length of each list, and their numbers
        self._values: dict[str, dict] = {}  # a number for each value, in the order in which they came
        self._codes: dict[str, list[tuple]] = {}  # first row, number of rows, and their code or codes

    def add(self, counts: Sequence[int], columns: dict[str, Sequence]) -> None:
        """Add the records of some files: how many each has, and the values of each field over all of them, as fast.decode gives them."""
        self._tables.append((self.length, {name: column for name, column in columns.items() if KINDS[name] == "number"}))
        for name, values in columns.items():
            if KINDS[name] == "numbers":
                self._lists.setdefault(name, []).append((self.length, *values))
            elif KINDS[name] != "number":
                self._encode(name, values)
        self.counts += counts
        self.length += sum(counts)

    def add_records(self, records: Sequence[dict]) -> None:
        """Add the records of one file."""
        names = dict.fromkeys(chain.from_iterable(records))
        self.add([len(records)], fast.packed({name: tuple(_hashable(record.get(name)) for record in records) for name in names}))

    def _encode(self, name: str, values: Sequence) -> None:
        codes = self._values.setdefault(name, defaultdict(count().__next__, {None: -1}))
        runs = self._codes.setdefault(name, [])
        first = values[0]
        if first == values[-1] and values.count(first) == len(values):  # often, and faster than to look up each
            runs.append((self.length, len(values), codes[_hashable(first)]))
        else:
            numbers = map(codes.__getitem__, map(_hashable, values) if KINDS[name] in ("table", "measures") else values)
            runs.append((self.length, len(values), np.fromiter(numbers, np.int32, len(values))))

    def packed(self) -> Part:
        """The columns in which any record has a value, one field after the other and no longer in pieces."""
        columns = self._numbers()
        for name, pieces in self._lists.items():
            lengths = np.full(self.length, -1, np.int32)
            for start, piece, _ in pieces:
                lengths[start : start + len(piece)] = piece
            if lengths.max(initial=-1) >= 0:
                columns[name] = lengths, np.concatenate([items for *_, items in pieces])
        for name, runs in self._codes.items():
            codes = np.full(self.length, -1, np.int32)
            for start, length, numbers in runs:
                codes[start : start + length] = numbers
            if len(self._values[name]) > 1:
                columns[name] = codes, list(self._values[name])[1:]
        return Part(self.counts, columns)

    def _numbers(self) -> dict[str, np.ndarray]:
        names = dict.fromkeys(chain.from_iterable(table for _, table in self._tables))
        columns = {name: np.full(self.length, np.nan) for name in names}
        for start, table in self._tables:
            for name, numbers in table.items():
                columns[name][start : start + len(numbers)] = numbers
        return {name: column for name, column in columns.items() if not np.isnan(column).all()}


def joined(parts: Sequence[Part]) -> Part:
    """One part out of several; their columns are given up one by one, so that little is held twice."""
    names = [name for name in FIELDS if any(name in part.columns for part in parts)]
    lengths = [sum(part.counts) for part in parts]
    columns = {name: _joined(KINDS[name], [part.columns.pop(name, None) for part in parts], lengths) for name in names}
    return Part(list(chain.from_iterable(part.counts for part in parts)), columns)


def _joined(kind: str, pieces: list, lengths: list[int]):
    if kind == "number":
        return np.concatenate([np.full(length, np.nan) if piece is None else piece for piece, length in zip(pieces, lengths)])
    firsts, seconds = zip(*((np.full(length, -1, np.int32), ()) if piece is None else piece for piece, length in zip(pieces, lengths)))
    if kind == "numbers":
        return np.concatenate(firsts), np.concatenate(seconds)
    starts = accumulate(map(len, seconds), initial=0)  # the codes of each part count from 0
    return np.concatenate([np.where(codes < 0, -1, codes + start) for codes, start in zip(firsts, starts)]), list(chain.from_iterable(seconds))


def _hashable(value):
    if isinstance(value, dict):
        return tuple(value.items())
    return tuple(value) if isinstance(value, list) else value
