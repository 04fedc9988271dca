"""The check of dlmark.record on many records at once: their texts, and the rules on fields that are each right by themselves.

Each different text is looked at once. For a rule on several fields a glance at whole columns finds the rows that the rule might
refuse, and of those the rule itself decides: a glance may find too many, and never too few.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import chain, groupby

import numpy as np

from dlmark.record import (
    CLOCK,
    FIELDS,
    GRADES,
    LEAST_CALLS,
    LEAST_THROUGHPUT,
    NO_NAMES,
    RESULTS,
    ROUNDED,
    RULES,
    SPREAD,
    TINY,
    WIDEST,
    is_day,
    is_name,
    is_text,
)

FORMS = ("workload", "status", "grade", "measured_at", "published_date")  # texts of which a rule knows all
CLOSER = 0.99 * ROUNDED  # a glance rounds otherwise than a rule


def is_right(columns: dict[str, object]) -> bool:
    """Whether record.check accepts all records of `columns`, which are as fast.decode gives them."""
    if not columns:  # no record at all
        return True
    table = _Table(columns)
    with np.errstate(all="ignore"):
        texts = all(_are_texts(name, table) for name in columns if FIELDS[name].kind in ("text", "texts", "table", "measures"))
        return texts and all(_is_kept(rule, names, table) for rule, names in RULES if any(name in columns for name in names))


class _Table:
    """Columns of records, of which any may be missing."""

    def __init__(self, columns: dict[str, object]):
        self.columns = columns
        self.rows = len(columns["model"])
        self._nothing = np.full(self.rows, np.nan)
        self._ends: dict[str, np.ndarray] = {}  # of each list in all items
        self._different: dict[str, set] = {}
        self._rounds = None

    def number(self, name: str) -> np.ndarray:
        """A column of numbers, NaN where there is none."""
        return self.columns.get(name, self._nothing)

    def lists(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """The length of each list of numbers, -1 where there is none, and all of their items."""
        return self.columns.get(name) or (np.full(self.rows, -1), self._nothing[:0])

    def values(self, name: str) -> Sequence:
        """A column of anything else, None where there is none."""
        return self.columns.get(name) or (None,) * self.rows

    def rounds(self) -> tuple[np.ndarray, np.ndarray]:
        """How many rounds each record has, 0 without block times and round_blocks, and the blocks of all of them."""
        if self._rounds is None:
            lengths = self.lists("block_times_s")[0].tolist()
            rounds = [blocks or ((length,) if length > 0 else ()) for blocks, length in zip(self.values("round_blocks"), lengths)]
            self._rounds = np.array(list(map(len, rounds))), np.fromiter(chain.from_iterable(rounds), int)
        return self._rounds

    def different(self, name: str) -> set:
        """The different values of a column, None among them where a record has none."""
        if name not in self._different:
            numbers = FIELDS[name].kind in ("number", "integer")
            values = [None if n != n else n for n in set(self.number(name).tolist())] if numbers else self.values(name)
            first = values[0]  # often the only one, and to see that is faster than to look up each
            self._different[name] = {first} if first == values[-1] and values.count(first) == len(values) else set(values)
        return self._different[name]

    def cells(self, names: Iterable[str], row: int) -> list:
        """What a record has in some fields, as a rule is given it."""
        return [self._cell(name, row) for name in names]

    def _cell(self, name: str, row: int):
        if FIELDS[name].kind == "numbers":
            lengths, items = self.lists(name)
            if name not in self._ends:
                self._ends[name] = np.cumsum(np.maximum(lengths, 0))
            return None if lengths[row] < 0 else items[self._ends[name][row] - lengths[row] : self._ends[name][row]].tolist()
        value = self.number(name)[row].item() if FIELDS[name].kind in ("number", "integer") else self.values(name)[row]
        return None if value != value else value


# ---- texts ----


def _are_texts(name: str, table: _Table) -> bool:
    if FIELDS[name].kind == "measures":
        return _all(is_name, set(chain.from_iterable(filter(None, table.values(name)))))
    if FIELDS[name].kind == "table":  # records one after the other mostly have the same
        tables = [value for value, _ in groupby(table.values(name)) if value]
        return _all(is_name, set(chain.from_iterable(tables))) and _all(is_text, set(chain.from_iterable(map(dict.values, tables))))
    if name in FORMS:
        return True
    values = table.different(name) - {None}
    texts = values if FIELDS[name].kind == "text" else set(chain.from_iterable(values))
    return _all(is_text if name in NO_NAMES else is_name, texts)


def _all(is_right: Callable[[str], bool], texts: set[str]) -> bool:
    """Whether all texts are right. Most are of ASCII alone, and a look at all of them on end is enough."""
    together = "\n".join(["", *texts, ""])
    plain = together.isascii() and "".join(texts).isprintable()
    trimmed = is_right is is_text or not ("\n\n" in together or "\n " in together or " \n" in together)
    return plain and trimmed or all(map(is_right, texts))


# ---- rules ----


def _is_kept(rule: Callable, names: Sequence[str], table: _Table) -> bool:
    if rule.__name__ == "_measured_at" and _are_moments(table.values("measured_at")):
        return True
    if len(names) == 1:
        return not any(map(rule, table.different(names[0])))
    suspects = np.flatnonzero(GLANCES[rule.__name__](table))
    return not any(rule(*table.cells(names, row)) for row in suspects.tolist())


def _are_moments(values: Sequence[str | None]) -> bool:
    """Whether all have the form of measured_at, of which nearly every record has its own."""
    texts = [text for text in values if text is not None]
    alike = set(map(len, texts)) == {20} and _MOMENTS.fullmatch("".join(texts))
    return bool(alike) and all(map(is_day, {text[:10] for text in texts}))


_MOMENTS = re.compile(f"(?:.{{10}}{CLOCK})*")


def _number_or_reason(table: _Table) -> np.ndarray:
    throughput = table.number("throughput")
    failed = _failed(table.values("status"))
    reasons = np.array([bool(reason and not reason.isspace()) for reason in table.values("reason")])
    return (throughput < LEAST_THROUGHPUT) | (reasons != failed) | failed & ~np.isnan(throughput)


def _result(table: _Table) -> np.ndarray:
    numbers = [~np.isnan(table.number(name)) for name in RESULTS if name != "quality"]
    found = np.logical_or.reduce([*numbers, np.array([measures is not None for measures in table.values("quality")])])
    statuses = table.values("status")
    fine = found | ~np.isnan(table.number("throughput")) | ~np.isnan(table.number("memory_limit_mb"))
    return found & _failed(statuses) | ~fine & np.array([status == "ok" for status in statuses])


def _failed(statuses: Sequence[str | None]) -> np.ndarray:
    return np.array([status is not None and status != "ok" for status in statuses])


def _needs(name: str, needed: str) -> Callable:
    return lambda table: np.isnan(table.number(needed)) > np.isnan(table.number(name))


def _exceeds(name: str, most: str) -> Callable:
    return lambda table: table.number(name) > table.number(most)


def _percentiles(table: _Table) -> np.ndarray:
    p50, p90, p99 = map(table.number, LEAST_CALLS)
    calls, wrong = table.number("latency_calls"), (p50 > p90) | (p50 > p99) | (p90 > p99)
    return np.logical_or.reduce([wrong, *(~np.isnan(p) & ~(calls >= least) for p, least in zip((p50, p90, p99), LEAST_CALLS.values()))])


def _grade(table: _Table) -> np.ndarray:
    places = {None: -1, **{grade: place for place, grade in enumerate(GRADES)}}
    grades = np.array([places.get(grade, len(GRADES)) for grade in table.values("grade")])
    reasons = np.array([len(reasons or ()) for reasons in table.values("grade_reasons")])
    width = table.number("throughput_half_width") / table.number("throughput")
    missed = (width > WIDEST).astype(int) + ~(table.number("round_spread") <= SPREAD) + (table.number("foreign_processes") > 0)
    missed += np.array([bool(reasons) for reasons in table.values("throttle_reasons")])
    return (grades >= 0) & ((grades != np.minimum(reasons, 2)) | (missed > reasons) | np.isnan(width))


def _blocks(table: _Table) -> np.ndarray:
    lengths, _ = table.lists("block_times_s")
    counts, blocks = table.rounds()
    ends = np.cumsum(counts)
    up_to = np.cumsum(np.append(0.0, blocks))
    wrong = (counts > 0) & (up_to[ends] - up_to[ends - counts] != np.maximum(lengths, 0))
    disturbed = table.values("contended_blocks")
    return wrong | np.array([bool(places) and (len(places) > 1 or places[0] >= n) for places, n in zip(disturbed, lengths.tolist())])


def _rounds(table: _Table) -> np.ndarray:
    throughput, spread = table.number("throughput"), table.number("round_spread")
    fastest, slowest, rounds = _round_medians(table)
    call_s = table.number("batch_size") * table.number("calls_per_block") / throughput
    agrees = (fastest * (1 - CLOSER) <= call_s) & (call_s <= slowest * (1 + CLOSER)) | np.isnan(throughput)
    most = slowest / np.maximum(fastest, TINY) - 1
    near = np.abs(spread - most) <= CLOSER * (1 + most)
    return ~np.isnan(fastest) & ~(agrees & (near & (rounds > 1) | np.isnan(spread)))


def _round_medians(table: _Table) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The shortest and the longest median of a round of each record, disturbed blocks among the others, and how many rounds it has."""
    lengths, items = table.lists("block_times_s")
    counts, blocks = table.rounds()
    shortest, longest = np.full(table.rows, np.nan), np.full(table.rows, np.nan)
    if len(blocks):
        has, starts, ordered = counts > 0, np.cumsum(blocks) - blocks, items
        if blocks.max() > 2:  # by round, and by time within each
            ordered = np.sort(np.repeat(np.arange(len(blocks)), blocks) + 1j * items).imag
        medians = (ordered[starts + (blocks - 1) // 2] + ordered[starts + blocks // 2]) / 2
        firsts = (np.cumsum(counts) - counts)[has]
        shortest[has], longest[has] = np.minimum.reduceat(medians, firsts), np.maximum.reduceat(medians, firsts)
    return shortest, longest, counts


GLANCES = {
    "_number_or_reason": _number_or_reason, "_result": _result, "_percentiles": _percentiles, "_grade": _grade,
    "_blocks": _blocks, "_rounds": _rounds,
    "_interval": _needs("throughput_half_width", "throughput"), "_energy": _needs("energy_j", "energy_s"),
    "_top5": _exceeds("accuracy", "accuracy_top5"), "_clocks": _exceeds("clock_min_mhz", "clock_mhz"),
}  # fmt: skip
