"""Put the rounds of a measurement together: one record a point, its interval from all of them, and its grade."""

import math
from collections.abc import Iterable
from itertools import accumulate
from statistics import median

from dlmark.measure.statistics import repeat_half_widths
from dlmark.measure.timing import EVENT_GAP, counted
from dlmark.record import GRADES, MAX_NUMBER, MEASURED, SPREAD, WIDEST, is_ok, words

# What becomes of a field that both rounds have; any other keeps the first round's value.
# Memory keeps the first round's value: in a round from the largest batch down, the small ones find the memory of the large ones still taken.
LARGEST = ("event_gap", "other_cpu_share", "steal_share", "cpu_wait_share", "load_1min", "temperature_c", "foreign_processes", "sampler_share")
SMALLEST = ("clock_min_mhz", "clock_mhz")
ADDED = ("block_times_s", "round_blocks", "spent_s", "quota_wait_s", "involuntary_switches", "samples")
JOINED = ("flags", "throttle_reasons")
LATEST = ("measured_at", "library_versions", "command")

# Measured alike, so that what differs from process to process is of one size in all of them.
ALIKE = ("session", "device", "host", "framework", "framework_version", "precision", "mode", "threads", "workload", "method", "repetition", "condition")

OF_THE_MACHINE = tuple(name for name in ALIKE if name not in ("precision", "mode"))  # what moves all points together knows none of the two

UNTOLD = ("throttle_reasons", "foreign_processes", "other_cpu_share")  # not known of both rounds where one of them could not tell

DRIFT, OTHERS = 0.02, 0.125  # what grade A asks for beside record.WIDEST and SPREAD; the last as a share of the machine's cores


def count(record: dict) -> int:
    """How many rounds a record has."""
    return len(record.get("round_blocks") or [1]) if record.get("block_times_s") else 0


def blocks(record: dict) -> list[list[float]]:
    """The block times that count, a list for each round that counts.

    Disturbed blocks are left out where enough others are left in their round, and rounds that were disturbed to the end where
    two others are left. None is left out for being far from the others: that is what the next measurement may be, too.
    """
    return list(filter(None, by_round(record)))


def by_round(record: dict) -> list[list[float]]:
    """The same with an empty list in the place of each round that does not count."""
    times, places = record["block_times_s"], set(record.get("contended_blocks") or [])
    ends = list(accumulate(record.get("round_blocks") or [len(times)]))
    disturbed = [[place - a for place in range(a, b) if place in places] for a, b in zip([0, *ends], ends)]
    counting = [counted(times[a:b], places) for a, b, places in zip([0, *ends], ends, disturbed)]
    quiet = [kept if len(kept) == b - a - len(places) else [] for kept, places, a, b in zip(counting, disturbed, [0, *ends], ends)]
    return quiet if sum(map(bool, quiet)) > 1 else counting


def lacks(record: dict, number: int) -> bool:
    """Whether a record needs another of `number` rounds, or one in the place of a round that was disturbed to the end."""
    has = count(record) if _can_settle(record) else 0
    return 0 < has < number or has == number > 1 and _is_disturbed(record)


def join(record: dict, new: dict) -> dict:
    """`record` with one more round. A round that failed changes no number: the record says that it did."""
    if not is_ok(new):
        failed = f"round {count(record) + 1} failed: {words.failure(new)}"
        return {**record, "flags": _joined(record.get("flags"), [failed])}
    shift = len(record["block_times_s"])
    record = {**record, "round_blocks": record.get("round_blocks") or [shift]}
    both = {name for name in new if new[name] is not None and record.get(name) is not None}
    joined = {**new, **{name: value for name, value in record.items() if value is not None}}
    joined |= {name: max(record[name], new[name]) for name in both.intersection(LARGEST)}
    joined |= {name: min(record[name], new[name]) for name in both.intersection(SMALLEST)}
    joined |= {name: record[name] + new[name] for name in both.intersection(ADDED)}
    joined |= {name: _joined(record[name], new[name]) for name in both.intersection(JOINED)}
    joined |= {name: new[name] for name in both.intersection(LATEST)}
    joined |= {name: None for name in UNTOLD if name in record and name in new and name not in both}
    joined["contended_blocks"] = (record.get("contended_blocks") or []) + [shift + place for place in new.get("contended_blocks") or []]
    return joined


def settle(records: Iterable[dict]) -> list[dict]:
    """The records with throughput, interval, spread and grade worked out from their raw times, all together.

    Records that were measured alike share what is known of the differences between processes, so that each one's
    interval gets surer with every other. Records without raw times of ours stay as they are.
    """
    settled = list(records)
    groups: dict[tuple, list[int]] = {}
    for place, record in enumerate(settled):
        if record.get("source") == MEASURED and is_ok(record) and _can_settle(record):
            groups.setdefault(_kind(record), []).append(place)
    rounds = {kind: [by_round(settled[place]) for place in places] for kind, places in groups.items()}
    for kind, places in groups.items():
        others = [rounds[other] for other in groups if other != kind and _of_one_machine(kind, other)]
        for place, own, width in zip(places, rounds[kind], repeat_half_widths(rounds[kind], others)):
            settled[place] = _settled(settled[place], list(filter(None, own)), width)
    return settled


def _of_one_machine(kind: tuple, other: tuple) -> bool:
    return all(a == b for name, a, b in zip(ALIKE, kind, other) if name in OF_THE_MACHINE)


def _can_settle(record: dict) -> bool:
    """Whether a record has all that its throughput is worked out from; others' files may hold other ones."""
    return bool(record.get("batch_size") and record.get("calls_per_block")) and min(record.get("block_times_s") or [0]) > 0


def _kind(record: dict) -> tuple:
    return tuple(record.get(name) for name in ALIKE)


def _settled(record: dict, rounds: list[list[float]], half_width: float) -> dict:
    logs = [math.log(median(times)) for times in rounds]
    throughput = record["batch_size"] * record["calls_per_block"] / math.exp(median(logs))
    # The interval is even in logarithms; its upper half, the wider one in items a second, stands for both.
    numbers = {"throughput": throughput, "throughput_half_width": min(throughput * math.expm1(min(half_width, 20)), MAX_NUMBER)}
    if len(rounds) > 1:
        numbers["round_spread"] = math.expm1(max(logs) - min(logs))
    numbers = {name: float(f"{value:.6g}") for name, value in numbers.items()}
    missed = missed_conditions({**record, **numbers})
    return {**record, **numbers, "grade": GRADES[min(2, len(missed))], "grade_reasons": missed}


def drifted(records: list[dict], drift: float | None) -> list[dict]:
    """`records` with the largest of the canary's drifts around their rounds; None where there was none around one of them."""

    def of_all(record: dict) -> float | None:
        before = record.get("canary_drift")
        return None if drift is None or before is None and count(record) > 1 else max(drift, before or 0.0)

    return [{**record, "canary_drift": of_all(record)} for record in records]


def missed_conditions(record: dict) -> list[str]:
    """Which conditions of grade A a record misses; what nobody looked at counts as missed."""
    width = record["throughput_half_width"] / record["throughput"]
    spread, drift = record.get("round_spread"), record.get("canary_drift")
    throttled, foreign = record.get("throttle_reasons"), record.get("foreign_processes")
    others, gap, cores, held_s = record.get("other_cpu_share"), record.get("event_gap") or 0, record.get("logical_cores") or 1, record.get("quota_wait_s") or 0
    # Before the kind of device was stated, a GPU was what had a driver.
    on_cpu = (record.get("device_kind") or ("gpu" if record.get("driver_version") else "cpu")) == "cpu"
    conditions = {
        f"interval of ±{width:.1%}, wider than ±{WIDEST:.0%}": width > WIDEST,
        "one round only": spread is None,
        f"rounds differ by {spread or 0:.1%}, more than {SPREAD:.0%}": (spread or 0) > SPREAD,
        f"the device lowered its clocks: {', '.join(throttled or [])}": throttled,
        "nobody could tell whether the device lowered its clocks": "throttle_reasons" in record and throttled is None,
        f"others' processes on the device: {foreign}": foreign,
        "nobody could tell whether others used the device": "foreign_processes" in record and foreign is None,
        f"device events and wall clock differ by {gap:.1%}": gap > EVENT_GAP,
        f"the quota of CPU time (cgroup) held it back for {held_s:.2f} s": held_s,
        "other programs took the CPU": not foreign and not held_s and _is_disturbed(record),
        # On a GPU they are mostly those that measure the other GPUs, and the GPU's own times tell whether it was kept waiting.
        f"other programs used {others or 0:.2f} of {cores} cores": on_cpu and not _is_disturbed(record) and (others or 0) > OTHERS * cores,
        "nobody watched the host": others is None,
        "no canary": drift is None,
        f"canary drifted by {drift or 0:.1%}, more than {DRIFT:.0%}": (drift or 0) > DRIFT,
    }
    return [sentence for sentence, missed in conditions.items() if missed]


def _is_disturbed(record: dict) -> bool:
    """Whether the median holds blocks that other programs disturbed."""
    contended = record.get("contended_blocks") or []
    return bool(contended) and sum(map(len, blocks(record))) > len(record["block_times_s"]) - len(contended)


def _joined(first: list[str] | None, second: list[str]) -> list[str]:
    return list(dict.fromkeys([*(first or []), *second]))
