"""Compare two sets of records: which points and which networks became faster or slower by more than chance explains.

The half-width in a record is that of a 95% interval in which a second measurement by the same protocol is expected to fall. With
h = log(1 + half-width / throughput), two measurements of one thing differ in the logarithm by less than
sqrt((h_a² + h_b²) / 2) with 95% probability: each h is sqrt(2) times the interval of its own mean, and the variances of the
two means add up. A difference beyond that bound is FASTER or SLOWER, b against a. Within it the verdict is SAME if the bound is
at most `within`, so that a larger difference would have shown, else UNSURE.
"""

import math
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from dlmark.record import MEASURED, is_ok, words
from dlmark.record.kind import Kind, kind

SAME, FASTER, SLOWER, UNSURE = "SAME", "FASTER", "SLOWER", "UNSURE"

# What two measurements share that are compared, beside the device.
SHARED = ("model", "task", "batch_size", "framework", "precision", "mode", "workload", "unit", "input_shape")
# What may differ between them, and is then said.
SAID = ("device", "host", "threads", "framework_version", "driver_version", "power_limit_w", "layout", "autotune", "compile_mode",
        "source", "published_date", "method", "condition")  # fmt: skip


class Row(NamedTuple):
    """A point, or a network over its batch sizes: the change from a to b and what to think of it."""

    what: dict  # the fields that a and b share
    change: float | None  # log(b / a)
    bound: float | None  # what |change| exceeds by chance once in 20 times
    verdict: str
    reason: str = ""
    a: dict | None = None  # the two records, of a point
    b: dict | None = None


class Comparison(NamedTuple):
    """All that two sets of records say about each other."""

    points: list[Row]
    networks: list[Row]
    only_a: list[dict]
    only_b: list[dict]
    differences: list[str]
    repeated_a: int  # points that a has more than once; the newest was compared
    repeated_b: int

    def expected_by_chance(self) -> float:
        """Points that are expected to differ by chance: one in 20 of those with two intervals."""
        return sum(row.bound is not None for row in self.points) / 20


def compare(a: Iterable[dict], b: Iterable[dict], *, within: float = 0.05, any_device: bool = False) -> Comparison:
    """Set the throughputs of `b` against those of `a`, wherever both have the same point.

    Points are the same if they agree in SHARED and, unless `any_device`, in the device. Rows come in the order of `a`.
    Records of something else than throughput (an accuracy, a largest batch) are left out.
    """
    names = SHARED if any_device else (*SHARED, "device")
    of_a, repeated_a = _by_point(a, names)
    of_b, repeated_b = _by_point(b, names)
    common = [key for key in of_a if key in of_b]
    points = [_point_row(of_a[key], of_b[key], names, within) for key in common]
    return Comparison(points, networks(points, within), [of_a[key] for key in of_a if key not in of_b],
                      [of_b[key] for key in of_b if key not in of_a], differences([(of_a[key], of_b[key]) for key in common]),
                      repeated_a, repeated_b)  # fmt: skip


def verdict(change: float, bound: float, within: float) -> str:
    """SAME, FASTER, SLOWER or UNSURE, for a change and its bound in logarithms and a tolerance as a share."""
    if abs(change) > bound:
        return FASTER if change > 0 else SLOWER
    return SAME if bound <= math.log1p(within) else UNSURE


def networks(points: list[Row], within: float) -> list[Row]:
    """One row a network: the mean change over its batch sizes, with the mean of their bounds as its bound.

    The batch sizes of a network are measured in the same processes, so their errors go together to a degree that nobody
    knows, and dividing by sqrt(n) would promise too much. Whatever that degree is, the standard deviation of a mean is at
    most the mean of the standard deviations (the triangle inequality); the two are equal where all errors go together. So the mean
    of the bounds holds in the worst case, and is too careful in any other.
    """
    groups: dict[tuple, list[Row]] = {}
    for row in points:
        groups.setdefault(_key(row.what, [name for name in row.what if name != "batch_size"]), []).append(row)
    return [_network_row(rows, within) for rows in groups.values()]


def differences(pairs: list[tuple[dict, dict]]) -> list[str]:
    """What differs between the records of each pair, beside the numbers: a text a field, the commonest change first."""
    changes: dict[str, Counter] = {}
    for a, b in pairs:
        old, new = _conditions(a), _conditions(b)
        for name in [*old, *(name for name in new if name not in old)]:
            if old.get(name) != new.get(name):
                changes.setdefault(name, Counter())[f"{_said(old.get(name))} -> {_said(new.get(name))}"] += 1
    return [f"{name} {_commonest(counts, len(pairs))}" for name, counts in changes.items()]


def apart_by(only_a: Iterable[dict], only_b: Iterable[dict]) -> dict[str, tuple[str, str]]:
    """Of what two sets have to share, the fields in which no record of one is as any of the other, with what each has, three of them at most."""
    a, b = list(only_a), list(only_b)
    found = {}
    for name in (*SHARED, "device"):
        of_a, of_b = ({_key(record, [name]) for record in records} for records in (a, b))
        if a and b and not of_a & of_b:
            found[name] = (_few(value for (value,) in of_a), _few(value for (value,) in of_b))
    return found


def _few(values: Iterable[object]) -> str:
    known = sorted(map(_said, values))
    return ", ".join(known[:3]) + (f" and {len(known) - 3} others" if len(known) > 3 else "")


def _by_point(records: Iterable[dict], names: tuple) -> tuple[dict[tuple, dict], int]:
    """The newest record of each point, in order, and how many points have more than one."""
    found: dict[tuple, dict] = {}
    repeated = set()
    for record in filter(_is_of_throughput, records):
        key = _key(record, names)
        if key in found:
            repeated.add(key)
        if key not in found or (record.get("measured_at") or "") >= (found[key].get("measured_at") or ""):
            found[key] = record
    return found, len(repeated)


def _is_of_throughput(record: dict) -> bool:
    other = record.get("accuracy") is not None or record.get("memory_limit_mb") is not None
    return record.get("throughput") is not None or not is_ok(record) and not other


def _key(record: dict, names: Iterable[str]) -> tuple:
    return tuple(tuple(value) if isinstance(value := _shared(record, name), list) else value for name in names)


def _shared(record: dict, name: str) -> object:
    return getattr(kind(record), name) if name in Kind._fields else record.get(name)


def _point_row(a: dict, b: dict, names: tuple, within: float) -> Row:
    what = {name: _shared(a, name) for name in names}
    problem = _problem(a, b)
    numbers = a.get("throughput") is not None and b.get("throughput") is not None
    change = math.log(b["throughput"] / a["throughput"]) if numbers else None
    if problem:
        return Row(what, change, None, UNSURE, problem, a, b)
    bound = math.sqrt((_reach(a) ** 2 + _reach(b) ** 2) / 2)
    return _judged(Row(what, change, bound, "", "", a, b), within)


def _network_row(rows: list[Row], within: float) -> Row:
    what = {name: value for name, value in rows[0].what.items() if name != "batch_size"}
    known = [row for row in rows if row.bound is not None]
    sizes = f"{len(known)} of {len(rows)} batch sizes" if len(known) < len(rows) else _counted(len(rows), "batch size")
    if not known:
        return Row(what, None, None, UNSURE, f"no batch size has two numbers with intervals, of {len(rows)}")
    change, bound = (sum(values) / len(known) for values in ([row.change for row in known], [row.bound for row in known]))
    return _judged(Row(what, change, bound, "", sizes), within)


def _judged(row: Row, within: float) -> Row:
    found = verdict(row.change, row.bound, within)
    wide = f"the intervals tell no less than {math.expm1(row.bound):.1%} apart; more rounds (--rounds N) narrow them" if found == UNSURE else ""
    return row._replace(verdict=found, reason="; ".join(filter(None, (row.reason, wide))))


def _problem(a: dict, b: dict) -> str:
    """Why a and b can't be judged, if so."""
    problems = {name: problem for name, record in (("A", a), ("B", b)) if (problem := _unusable(record))}
    if len(set(problems.values())) == 1:
        return f"{' and '.join(problems)}: {problems.popitem()[1]}"
    return "; ".join(f"{name}: {problem}" for name, problem in problems.items())


def _unusable(record: dict) -> str:
    if not is_ok(record):
        return words.failure(record)
    return "no interval" if record.get("throughput_half_width") is None else ""


def _reach(record: dict) -> float:
    return math.log1p(record["throughput_half_width"] / record["throughput"])


def _conditions(record: dict) -> dict:
    libraries = {f"library {name}": version for name, version in (record.get("library_versions") or {}).items()}
    return {**{name: record.get(name) for name in SAID}, "source": record.get("source") or MEASURED, **libraries}


def _said(value: object) -> str:
    return "not stated" if value is None else str(value)


def _commonest(counts: Counter, pairs: int, most: int = 3) -> str:
    texts = [text if count == pairs else f"{text} ({_counted(count, 'point')})" for text, count in counts.most_common(most)]
    return ", ".join(texts + [f"and {len(counts) - most} more"] * (len(counts) > most))


def _counted(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
