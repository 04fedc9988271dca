"""Rules on fields that are each right by themselves: what a record says of itself agrees.

A rule is given the fields that its parameters name, and returns what is wrong, or None.
"""

import re
from datetime import datetime
from functools import lru_cache
from inspect import signature
from statistics import median

from dlmark.record.fields import FORMAT_VERSION, GRADES, MEASURED, PUBLISHED, STATUSES, WORKLOADS
from dlmark.record.text import shown

WIDEST, SPREAD = 0.01, 0.02  # what grade A asks for: half-width and round_spread, as shares of the throughput
LEAST_CALLS = {"latency_p50_s": 30, "latency_p90_s": 100, "latency_p99_s": 1_000}
ROUNDED = 1e-4  # numbers that follow from each other agree to so much, as a share: some are rounded
MAX_AXES = 8  # of an input
LEAST_THROUGHPUT = 1e-9  # an image in 30 years
TINY = 1e-300  # instead of a zero, to divide by


def _network(model):
    return None if model else "field model: expected the network's name, got nothing"


def _version(format_version):
    if (format_version or 1) > FORMAT_VERSION:
        return f"field format_version: this dlmark reads up to {FORMAT_VERSION}, got {format_version}: update dlmark"


def _status(status):
    return _one_of("status", STATUSES, status)


def _workload(workload):
    return _one_of("workload", WORKLOADS, workload and workload.lower())  # the first files of this benchmark say Inference


def _one_of(name, known, value):
    if value is not None and value not in known:
        return f"field {name}: expected one of {', '.join(known)}, got {shown(value)}"


def _unit(unit):
    if unit is not None and not re.fullmatch(UNIT, unit):
        return f"field unit: expected what is counted in the plural and /s, such as images/s, got {shown(unit)}"


UNIT = "[a-z]+(?: [a-z]+)*/s"


def _axes(input_shape):
    if len(input_shape or ()) > MAX_AXES:
        return f"field input_shape: expected at most {MAX_AXES} numbers, got {len(input_shape)}"


def _source(source):
    published = source and source.startswith(PUBLISHED) and any(map(str.isalnum, source.removeprefix(PUBLISHED)))
    if source and source != MEASURED and not published:
        return f"field source: expected {MEASURED!r} or {PUBLISHED!r} and where, got {shown(source)}"


def _measured_at(measured_at):
    if measured_at is not None and not (is_day(measured_at[:10]) and _CLOCK.fullmatch(measured_at, 10)):
        return f"field measured_at: expected a time in UTC, written as 2026-11-23T16:20:55Z, got {shown(measured_at)}"


def _published_date(published_date):
    if published_date is not None and not is_day(published_date):
        return f"field published_date: expected a day, written as 2019-03-14, got {shown(published_date)}"


CLOCK = "T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z"
_DAY, _CLOCK = re.compile("20[1-9][0-9]-[0-9][0-9]-[0-9][0-9]"), re.compile(CLOCK)


@lru_cache(1_024)
def is_day(text: str) -> bool:
    """Whether there was such a day since 2010, before which nothing here was measured."""
    try:
        return bool(_DAY.fullmatch(text) and datetime.fromisoformat(text))
    except ValueError:
        return False


def _number_or_reason(status, throughput, reason):
    if throughput is not None and throughput < LEAST_THROUGHPUT:
        least = f"a number of at least {LEAST_THROUGHPUT:g}"
        return f"field throughput: expected {least}, got {shown(throughput)}; a point that failed has a status and a reason instead"
    is_told = bool(reason and not reason.isspace())
    if status is None or status == "ok":
        return f"field reason: expected none where the status is ok, got {shown(reason)}" if is_told else None
    if throughput is not None:
        return f"field throughput: expected none where status is {status}, got {throughput}"
    if not is_told:
        return f"field reason: expected one sentence where status is {status}, got nothing"


RESULTS = ("quality", "accuracy", "accuracy_top5", "tflops", "bandwidth_gb_s", "overhead_s")  # of a record that has no throughput


def _result(status, throughput, quality, accuracy, accuracy_top5, tflops, bandwidth_gb_s, overhead_s, memory_limit_mb):
    others = dict(zip(RESULTS, (quality, accuracy, accuracy_top5, tflops, bandwidth_gb_s, overhead_s)))
    found = [name for name, value in others.items() if value is not None]
    if found and status not in (None, "ok"):
        return f"field {found[0]}: expected none where status is {status}, got {others[found[0]]}"
    if status == "ok" and not found and throughput is None and memory_limit_mb is None:
        return "field status: expected ok only beside a throughput, an accuracy or quality, a ceiling or a memory limit, got none of them"


def _interval(throughput_half_width, throughput):
    if throughput_half_width is not None and throughput is None:
        return f"field throughput_half_width: expected none without a throughput, got {throughput_half_width}"


def _energy(energy_j, energy_s):
    if energy_j is not None and energy_s is None:
        return f"field energy_s: expected the seconds behind energy_j {energy_j}, got nothing"


def _top5(accuracy, accuracy_top5):
    return _at_most("accuracy", accuracy, "accuracy_top5", accuracy_top5)


def _clocks(clock_min_mhz, clock_mhz):
    return _at_most("clock_min_mhz", clock_min_mhz, "clock_mhz", clock_mhz)


def _percentiles(latency_p50_s, latency_p90_s, latency_p99_s, latency_calls):
    known = {name: value for name, value in zip(LEAST_CALLS, (latency_p50_s, latency_p90_s, latency_p99_s)) if value is not None}
    lacking = next((name for name in known if (latency_calls or 0) < LEAST_CALLS[name]), None)
    if lacking:
        return f"field {lacking}: expected one only from {LEAST_CALLS[lacking]:,} latency_calls on, got {shown(known[lacking])} of {latency_calls or 0}"
    pairs = zip(known, list(known)[1:])
    return next((problem for a, b in pairs if (problem := _at_most(a, known[a], b, known[b]))), None)


def _at_most(name, value, other, most):
    if value is not None and most is not None and value > most:
        return f"field {name}: expected at most the {other} of {shown(most)}, got {shown(value)}"


def _grade(grade, grade_reasons, throughput, throughput_half_width, round_spread, throttle_reasons, foreign_processes):
    if grade is None or grade not in GRADES:
        return _one_of("grade", GRADES, grade)
    if throughput is None or throughput_half_width is None:
        return f"field grade: expected one only beside a throughput and its half-width, got {grade}"
    reasons = len(grade_reasons or ())
    right = GRADES[min(2, reasons)]
    if grade != right:
        return f"field grade: expected {right} where there are {reasons} grade_reasons, got {grade}"
    # The other conditions can change after a record was graded: the canary's drift is known only when it has sung again.
    missed = (throughput_half_width / throughput > WIDEST) + (round_spread is None or round_spread > SPREAD)
    missed += bool(throttle_reasons) + bool(foreign_processes)
    if missed > reasons:
        return f"field grade: expected a reason for each condition that is missed, by interval, rounds, clocks and others' processes {missed}, got {grade} with {reasons}"


def _blocks(block_times_s, round_blocks, contended_blocks):
    blocks = len(block_times_s or ())
    if round_blocks and sum(round_blocks) != blocks:
        return f"field round_blocks: expected numbers that add up to the {blocks} block_times_s, got {shown(round_blocks)}"
    if contended_blocks and max(contended_blocks) >= blocks:
        return f"field contended_blocks: expected places below {blocks}, got {shown(contended_blocks)}"
    if contended_blocks and any(a >= b for a, b in zip(contended_blocks, contended_blocks[1:])):
        return f"field contended_blocks: expected each place once, in their order, got {shown(contended_blocks)}"


def _rounds(throughput, round_spread, batch_size, calls_per_block, block_times_s, round_blocks, contended_blocks):
    """Throughput and spread are those of the rounds' medians. Which of the rounds counts has changed, and disturbed blocks may be
    left out or not; but no throughput is beyond that of the fastest round or below that of the slowest."""
    if not block_times_s or throughput is None and round_spread is None:
        return None
    if throughput is not None and not (batch_size and calls_per_block):
        missing = "calls_per_block" if batch_size else "batch_size"
        return f"field {missing}: expected a whole number beside throughput and block_times_s, got nothing"
    fastest, slowest = _round_medians(block_times_s, round_blocks or [len(block_times_s)], set(contended_blocks or ()))
    if throughput is not None:
        images, low, high = batch_size * calls_per_block, fastest * (1 - ROUNDED), slowest * (1 + ROUNDED)
        if not low <= images / throughput <= high:
            between = " to ".join(f"{images / max(seconds, TINY):.6g}" for seconds in dict.fromkeys((slowest, fastest)))
            return f"field throughput: expected {between}, as {batch_size} items x {calls_per_block} calls over its block_times_s give, got {throughput}"
    if round_spread is not None:
        return _spread_problem(round_spread, len(round_blocks or [0]), slowest / max(fastest, TINY) - 1, bool(contended_blocks))


def _spread_problem(spread, rounds, most, disturbed):
    if rounds < 2:
        return f"field round_spread: expected none of one round, got {spread}"
    near = ROUNDED * (1 + most)
    if spread > most + near or spread < most - near and not disturbed:
        return f"field round_spread: expected {'at most ' if disturbed else ''}{most:.6g}, as the rounds' block_times_s give, got {spread}"


def _round_medians(times, round_blocks, disturbed):
    """The shortest and the longest median of a round, with and without its disturbed blocks."""
    medians, start = [], 0
    for blocks in round_blocks:
        own, places = times[start : start + blocks], range(start, start + blocks)
        quiet = [seconds for seconds, place in zip(own, places) if place not in disturbed] if disturbed else own
        medians += [median(own), median(quiet or own)]
        start += blocks
    return min(medians), max(medians)


# Each rule with the fields that it is given, None where there is none: `check` goes by record, a fast load by column (dlmark/results/reader/screen.py).
RULES = tuple((rule, tuple(signature(rule).parameters)) for rule in (
    _network, _version, _status, _workload, _unit, _axes, _source, _measured_at, _published_date,
    _number_or_reason, _result, _interval, _energy, _top5, _clocks, _percentiles, _blocks, _rounds, _grade,
))  # fmt: skip


def contradiction(record: dict) -> str | None:
    """What is wrong with fields that are each right by themselves."""
    return next((problem for rule, names in RULES if (problem := rule(*map(record.get, names)))), None)
