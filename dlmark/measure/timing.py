"""Time a network honestly: warm up until steady, repeat until the interval is narrow enough, keep the raw times."""

import math
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from statistics import median
from time import perf_counter
from typing import Any, NamedTuple

from dlmark.machine.sampler import MIN_ENERGY_S, energy_per_item
from dlmark.measure.statistics import MIN_BLOCKS, half_width, outliers, percentile

BLOCK_S = 0.1  # a block is long enough that its one wait costs little, and short enough that many fit
LEAST_BLOCKS = 3  # of one process, when the time is up; how sure they are, the rounds together will tell
LONGEST = 2  # disturbed blocks are measured again until the time in blocks is this many times what was allowed
EVENT_GAP = 0.03
LONGEST_TICK_S = 0.25  # between two values of an energy counter


class Recompiled(RuntimeError):
    """The framework compiled anew inside the timed part, so its times mean nothing."""


@dataclass(frozen=True)
class Rules:
    """How long to warm up and to measure."""

    target: float = 0.01  # stop when the interval's half-width is within this share of the median
    measure_s: float = 0.6  # or after this time in timed blocks; MIN_BLOCKS fit into 0.6 s. But never before LEAST_BLOCKS
    warmup_s: float = 3.0  # a warm-up that is not steady by then is flagged
    warmup_floor_s: float = 0.7
    latency_s: float = 1.0  # the latency pass takes at most this; no percentile where too few calls fit
    energy_s: float = MIN_ENERGY_S + 0.1  # the load goes on for this long where there is an energy counter; 0 leaves energy out
    calls_per_block: int | None = None  # as in an earlier round, so that the rounds' blocks can be compared


@dataclass(frozen=True)
class Device:
    """What is asked of the device, and of the framework on it, beside the work itself. All of it may be missing."""

    watch: Callable = nullcontext  # a context for the timed blocks; what it gives has fields(), flags and a memory peak
    energy_j: Callable[[], float | None] = lambda: None  # the energy counter
    events: tuple[Callable, Callable] | None = None  # mark(), and seconds between two marks once all is waited for
    compilations: Callable[[], int] = lambda: 0  # how often the framework has compiled so far


class Quiet:
    """A host on which nothing else runs: for work that has no other."""

    cause = ""

    def before(self) -> None:
        """A block begins."""

    def disturbed(self) -> bool:
        """Never."""
        return False

    def fields(self) -> dict:
        """Nothing to tell."""
        return {}


@dataclass
class Timing:
    """Raw times of one network at one batch size, in seconds, and what to know before trusting them."""

    first_call_s: float
    warmup_s: float = 0.0
    calls_per_block: int = 1
    block_times_s: list[float] = field(default_factory=list)
    wall_times_s: list[float] = field(default_factory=list)  # of the same blocks, where those are of device events
    contended: list[int] = field(default_factory=list)  # places of the blocks that were disturbed
    latencies_s: list[float] = field(default_factory=list)
    energy: tuple[float | None, float | None, float, float] = (None, None, 0.0, 0.0)  # counter before, after, seconds, calls
    flags: list[str] = field(default_factory=list)
    seen: Any = None  # what the watch over the device gave
    host: dict = field(default_factory=dict)


def measure(
    run: Callable, wait: Callable, rules: Rules = Rules(), *, device: Device = Device(), host=Quiet(), clock: Callable[[], float] = perf_counter
) -> Timing:
    """Time `run`, which queues one batch, and `wait`, which returns when the device is done with all that is queued.

    `host` is a watch.Host. Raises Recompiled if the framework compiled inside the timed part.
    """
    work = _Work(run, wait, device.events, clock)
    timing = Timing(first_call_s=work.block(1)[1])
    _warm_up(timing, work, rules)
    compiled = device.compilations()
    with device.watch() as timing.seen:
        _timed_blocks(timing, work, rules, device, host)
    timing.host = host.fields()
    if (again := device.compilations() - compiled) > 0:
        raise Recompiled(f"the framework compiled {again} times inside the timed part; warm-up was {timing.warmup_s:.1f} s")
    _latency_pass(timing, work, rules)
    return timing


def counted(block_times_s: list[float], contended: list[int]) -> list[float]:
    """The blocks that the median is taken of: without the disturbed ones, as long as enough are left."""
    disturbed = set(contended)
    quiet = [seconds for place, seconds in enumerate(block_times_s) if place not in disturbed]
    return quiet if len(quiet) >= LEAST_BLOCKS else list(block_times_s)


class _Work:
    """The work to be timed, and the clocks that time it."""

    def __init__(self, run: Callable, wait: Callable, events, clock: Callable[[], float]):
        self.run, self.wait, self.events, self.clock = run, wait, events, clock

    def block(self, calls: int) -> tuple[float, float]:
        """Seconds of one block by device events (where there are none, by the wall clock), and by the wall clock."""
        mark, between = self.events or (None, None)
        start = self.clock()
        first = mark() if mark else None
        for _ in range(calls):
            self.run()
        last = mark() if mark else None
        self.wait()
        wall_s = self.clock() - start
        return (between(first, last) if between else wall_s), wall_s


def _warm_up(timing: Timing, work: _Work, rules: Rules) -> None:
    """Until two successive blocks differ by under 1%, with a floor and a cap; also finds the calls of a block."""
    start, before, calls, made = work.clock(), math.inf, 1, 1
    while True:
        now = work.block(calls)[1]
        made += calls
        timing.warmup_s = work.clock() - start
        steady = abs(now / calls - before) < 0.01 * before
        if made >= 3 and timing.warmup_s >= rules.warmup_floor_s and (steady or timing.warmup_s >= rules.warmup_s):
            break
        before = now / calls
        calls = max(1, round(BLOCK_S / before)) if before else calls * 2
    if not steady:
        timing.flags.append("warm-up not steady: successive blocks still differed by over 1% at its cap")
    timing.calls_per_block = rules.calls_per_block or max(1, round(BLOCK_S * calls / now))


def _timed_blocks(timing: Timing, work: _Work, rules: Rules, device: Device, host) -> None:
    """Blocks until the interval is within the target, or the time is up."""
    tick = _tick(timing, work, rules, device)
    start = work.clock()
    while True:
        host.before()
        event_s, wall_s = work.block(timing.calls_per_block)
        if host.disturbed():
            timing.contended.append(len(timing.block_times_s))
        timing.block_times_s.append(event_s)
        timing.wall_times_s.append(wall_s)
        if _enough(timing, rules):
            break
    _energy(timing, work, rules, device, tick, start)
    _flag_blocks(timing, work, host.cause)


def _enough(timing: Timing, rules: Rules) -> bool:
    times, disturbed = timing.block_times_s, len(timing.contended)
    quiet = len(times) - disturbed
    if quiet >= MIN_BLOCKS and half_width(counted(times, timing.contended)) <= rules.target:
        return True
    disturbed_s = sum(timing.wall_times_s[place] for place in timing.contended)
    all_s = sum(timing.wall_times_s)
    up = quiet >= LEAST_BLOCKS and all_s - disturbed_s >= rules.measure_s or all_s >= LONGEST * rules.measure_s
    return up and len(times) >= LEAST_BLOCKS


class _Tick(NamedTuple):
    """What the energy counter reads when it just moved on, and when that was."""

    energy_j: float | None
    at: float


def _tick(timing: Timing, work: _Work, rules: Rules, device: Device) -> _Tick | None:
    """The next tick, with a block under way; None where there is no counter.

    Counters move every 20 to 100 ms, which is up to 5% of the two seconds that are measured.
    """
    before = device.energy_j() if rules.energy_s else None
    if before is None:
        return None
    for _ in range(timing.calls_per_block):
        work.run()
    end = work.clock() + LONGEST_TICK_S
    while (now := device.energy_j()) == before and work.clock() < end:
        pass
    at = work.clock()
    work.wait()
    return _Tick(now, at)


def _energy(timing: Timing, work: _Work, rules: Rules, device: Device, first: _Tick | None, start: float) -> None:
    """Keep the load on until the counter has enough behind it, from tick to tick; only the timed blocks are kept as such.

    The calls are those of the blocks since `start`, at their pace, since a tick falls into the middle of a block.
    """
    if first is None:
        return
    blocks = len(timing.block_times_s)
    while work.clock() - first.at < rules.energy_s:
        work.block(timing.calls_per_block)
        blocks += 1
    calls_a_second = blocks * timing.calls_per_block / (work.clock() - start)
    last = _tick(timing, work, rules, device)
    if last is not None:
        energy_s = last.at - first.at
        timing.energy = (first.energy_j, last.energy_j, energy_s, calls_a_second * energy_s)


def _flag_blocks(timing: Timing, work: _Work, cause: str) -> None:
    times, disturbed = timing.block_times_s, len(timing.contended)
    kept = counted(times, timing.contended)
    if len(kept) >= MIN_BLOCKS and (found := outliers(kept)):
        timing.flags.append(f"outliers among the blocks: {found} of {len(kept)}, kept")
    if disturbed and len(kept) < len(times):
        timing.flags.append(f"{cause} disturbed {disturbed} of {len(times)} blocks: measured again, not in the median")
    elif disturbed:
        timing.flags.append(f"{cause} disturbed {disturbed} of {len(times)} blocks, to the end: all are in the median")
    if work.events and event_gap(timing) > EVENT_GAP:
        timing.flags.append(f"device events and wall clock differ by {event_gap(timing):.1%}")


def event_gap(timing: Timing) -> float:
    """How far device events and wall clock are apart, as a share of the wall clock's time in blocks."""
    return abs(sum(timing.block_times_s) / sum(timing.wall_times_s) - 1)


def _latency_pass(timing: Timing, work: _Work, rules: Rules) -> None:
    """One call, one wait, as often as fit; skipped where not even a median would be sound."""
    expected_s = median(timing.wall_times_s) / timing.calls_per_block
    if 30 * expected_s > rules.latency_s:
        return
    start = work.clock()
    while len(timing.latencies_s) < 1_000 and work.clock() - start < rules.latency_s:
        timing.latencies_s.append(work.block(1)[1])


def as_fields(timing: Timing, batch_size: int) -> dict:
    """The record's fields of one timing; how sure its throughput is, the rounds together tell (dlmark.measure.rounds)."""
    calls = len(timing.latencies_s)
    levels = {"latency_p50_s": (0.5, 30), "latency_p90_s": (0.9, 100), "latency_p99_s": (0.99, 1_000)}
    before_j, after_j, energy_s, energy_calls = timing.energy
    return {
        "block_times_s": [float(f"{seconds:.6g}") for seconds in timing.block_times_s],
        "round_blocks": [len(timing.block_times_s)],
        "calls_per_block": timing.calls_per_block,
        "contended_blocks": timing.contended,
        **({"event_gap": event_gap(timing)} if timing.block_times_s != timing.wall_times_s else {}),
        **{name: percentile(timing.latencies_s, p) for name, (p, least) in levels.items() if calls >= least},
        **({"latency_calls": calls} if calls else {}),
        "first_call_s": timing.first_call_s,
        "warmup_s": timing.warmup_s,
        **energy_per_item(before_j, after_j, energy_s, energy_calls * batch_size),
        **timing.host,
        **(timing.seen.fields() if timing.seen else {}),
        "flags": timing.flags + (timing.seen.flags if timing.seen else []),
    }
