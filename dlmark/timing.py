"""Time a network honestly: warm up until steady, repeat until the interval is narrow enough, keep the raw times."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from time import perf_counter

BLOCK_S = 0.1  # a block is long enough that its one wait costs little, and short enough that many fit
MIN_BLOCKS = 6  # the fewest values whose extremes hold the median with 95% confidence
OUTLIER_Z = 14.8


@dataclass(frozen=True)
class Rules:
    """How long to warm up and to measure."""

    target: float = 0.01  # stop when the interval's half-width is within this share of the median
    measure_s: float = 6.0  # or after this time in timed blocks, but never before MIN_BLOCKS
    warmup_s: float = 3.0  # a warm-up that is not steady by then is flagged
    warmup_floor_s: float = 1.0
    latency_s: float = 2.0  # the latency pass takes at most this; no percentile where too few calls fit


@dataclass
class Timing:
    """Raw times of one network at one batch size, in seconds, and what to know before trusting them."""

    first_call_s: float
    warmup_s: float = 0.0
    calls_per_block: int = 1
    block_times_s: list[float] = field(default_factory=list)
    latencies_s: list[float] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)
    state: dict = field(default_factory=dict)  # of the device, right after the timed blocks


def measure(
    run: Callable, wait: Callable, rules: Rules = Rules(), *, state: Callable[[], dict] = dict, clock: Callable[[], float] = perf_counter
) -> Timing:
    """Time `run`, which queues one batch, and `wait`, which returns when the device is done with all that is queued.

    `state` is asked once, right after the timed blocks, and its answer kept.
    """
    timing = Timing(first_call_s=_block(run, wait, 1, clock))
    _warm_up(timing, run, wait, rules, clock)
    _timed_blocks(timing, run, wait, rules, clock)
    timing.state = state()
    _latency_pass(timing, run, wait, rules, clock)
    return timing


def median_interval(values: list[float], confidence: float = 0.95) -> tuple[float, float]:
    """Interval of the median by order statistics, with no assumption on the distribution.

    The narrowest symmetric pair of order statistics whose coverage is at least `confidence` (David and Nagaraja,
    Order Statistics, 3rd ed., section 7.1). Infinite where there are too few values. It holds for independent values.
    Blocks that follow each other are not quite that, so the interval is somewhat too narrow.
    """
    ordered, n = sorted(values), len(values)
    below, tail = 0, 0.0  # tail = P(fewer than `below` + 1 values lie under the median)
    while 2 * (tail := tail + math.comb(n, below) / 2**n) <= 1 - confidence:
        below += 1
    return (ordered[below - 1], ordered[n - below]) if below else (-math.inf, math.inf)


def half_width(values: list[float]) -> float:
    """The larger distance from the median to an end of its 95% interval, as a share of the median."""
    low, high = median_interval(values)
    return max(high - median(values), median(values) - low) / median(values)


def percentile(values: list[float], share: float) -> float:
    """The value under which `share` of the values lie (nearest rank)."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def outliers(values: list[float]) -> int:
    """How many values have a modified z-score over 14.8 (Iglewicz and Hoaglin, 1993; hyperfine's limit)."""
    middle = median(values)
    spread = median(abs(value - middle) for value in values)
    return sum(0.6745 * abs(value - middle) > OUTLIER_Z * spread for value in values) if spread else 0


def _block(run: Callable, wait: Callable, calls: int, clock: Callable[[], float]) -> float:
    start = clock()
    for _ in range(calls):
        run()
    wait()
    return clock() - start


def _warm_up(timing: Timing, run: Callable, wait: Callable, rules: Rules, clock: Callable[[], float]) -> None:
    """Until two successive blocks differ by under 1%, with a floor and a cap; also finds the calls of a block."""
    start, before, calls, made = clock(), math.inf, 1, 1
    while True:
        now = _block(run, wait, calls, clock)
        made += calls
        timing.warmup_s = clock() - start
        steady = abs(now / calls - before) < 0.01 * before
        if made >= 3 and timing.warmup_s >= rules.warmup_floor_s and (steady or timing.warmup_s >= rules.warmup_s):
            break
        before = now / calls
        calls = max(1, round(BLOCK_S / before)) if before else calls * 2
    if not steady:
        timing.flags.append("warm-up not steady: successive blocks still differed by over 1% at its cap")
    timing.calls_per_block = max(1, round(BLOCK_S * calls / now))


def _timed_blocks(timing: Timing, run: Callable, wait: Callable, rules: Rules, clock: Callable[[], float]) -> None:
    """Blocks until the interval is within the target, its noise no longer shrinks, or the time is up."""
    times, widths, start = timing.block_times_s, {}, clock()
    while True:
        times.append(_block(run, wait, timing.calls_per_block, clock))
        n = len(times)
        if n < MIN_BLOCKS:
            continue
        widths[n] = half_width(times)
        if widths[n] <= rules.target:
            break
        # Independent noise shrinks to 0.7 of itself when the number of blocks doubles.
        if n >= 40 and widths[n] > 0.9 * widths[n // 2]:
            timing.flags.append("noise no longer shrinks: more blocks would not narrow the interval")
            break
        if clock() - start >= rules.measure_s:
            timing.flags.append(f"interval wider than the target of ±{rules.target:.1%} when the time was up")
            break
    if found := outliers(times):
        timing.flags.append(f"outliers among the blocks: {found} of {len(times)}, kept")


def _latency_pass(timing: Timing, run: Callable, wait: Callable, rules: Rules, clock: Callable[[], float]) -> None:
    """One call, one wait, as often as fit; skipped where not even a median would be sound."""
    expected_s = median(timing.block_times_s) / timing.calls_per_block
    if 30 * expected_s > rules.latency_s:
        return
    start = clock()
    while len(timing.latencies_s) < 1_000 and clock() - start < rules.latency_s:
        timing.latencies_s.append(_block(run, wait, 1, clock))


def as_fields(timing: Timing, batch_size: int) -> dict:
    """The record's fields of one timing."""
    per_call = [seconds / timing.calls_per_block for seconds in timing.block_times_s]
    throughput = batch_size / median(per_call)
    calls = len(timing.latencies_s)
    levels = {"latency_p50_s": (0.5, 30), "latency_p90_s": (0.9, 100), "latency_p99_s": (0.99, 1_000)}
    return {
        "throughput": throughput,
        "throughput_half_width": throughput * half_width(per_call),
        "block_times_s": [float(f"{seconds:.6g}") for seconds in timing.block_times_s],
        "calls_per_block": timing.calls_per_block,
        **{name: percentile(timing.latencies_s, p) for name, (p, least) in levels.items() if calls >= least},
        **({"latency_calls": calls} if calls else {}),
        "first_call_s": timing.first_call_s,
        "warmup_s": timing.warmup_s,
        "flags": timing.flags,
        **timing.state,
    }
