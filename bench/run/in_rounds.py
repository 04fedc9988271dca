"""The rounds of a bench: what the results do not hold yet is measured, put beside what earlier rounds found, and told."""

import argparse
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace

from bench.run import costs, here, options
from bench.run.canary import Canary
from bench.run.plan import Plan
from dlmark.machine import stop
from dlmark.measure import rounds, sweep, timing
from dlmark.terminal.progress import progress

USUAL_S = 0.6  # in blocks: the fewest that an interval can be taken of
# In blocks, at most, by the kind of device. On a CPU that others share more blocks of one process do not tell more of the next one;
# on a GPU of one's own most points are sure enough after the fewest, and some take longer.
SECONDS = {"cpu": USUAL_S, "gpu": 2.0}
TARGET = {"cpu": 0.01, "gpu": 0.005}


def rules(kind: str, seconds: float | None = None, *, energy: bool = True) -> timing.Rules:
    """How long to warm up and to measure on a kind of device; `seconds` in blocks, where the user has named them."""
    seconds = seconds or SECONDS[kind]
    energy_s = timing.Rules.energy_s if energy else 0
    return timing.Rules(target=TARGET[kind], measure_s=seconds, latency_s=2.5 * min(seconds, USUAL_S), energy_s=energy_s)


def measure(plan: Plan, wanted: list[sweep.Job], opts: argparse.Namespace, rules: timing.Rules, point: Callable[..., Iterator[dict]], *,
            gated: bool = True) -> int:  # fmt: skip
    """Measure of the `wanted` jobs what is missing, in `opts.rounds` rounds; returns the exit status.

    `point(job, framework, where, rules, time_cap_s, gated)` runs in a process of its own and yields as throughput.measure; the gate
    stands in the first round, if at all.
    """
    first = plan.missing_of(wanted)
    visits = sweep.visits(wanted, first, plan.results, opts.rounds)
    silence_s = opts.watchdog or longest_silence_s(rules, opts.time_cap)
    note = (f"{visits} visits in {opts.rounds} round{'s' * (opts.rounds > 1)}, more where one takes over a second; "
            f"a process that gives no sign of life for {silence_s:,.0f} s is ended")  # fmt: skip
    formula_s = costs.shared(plan.costs, opts, wanted, _timed_s(rules, opts.rounds, plan.where), gated=gated)
    if plan.announce(wanted, first, formula_s, note):
        return 0  # a dry run
    if visits and opts.part is None and not opts.held:
        here.look(plan.where, opts.wait)
    with progress(visits) as show:
        canary = Canary(plan.framework, plan.where, plan.environment)
        for number in [*range(1, opts.rounds + 1), *[opts.rounds] * (opts.rounds > 1)]:  # the last again, for what was disturbed to the end
            jobs = [job for job in first if job.batch_sizes] if number == 1 else sweep.next_round(wanted, plan.results, number)
            one_round(plan, jobs, number, rules, opts.time_cap, silence_s, canary, visits, show, point, gated)
    return plan.finish()


def longest_silence_s(rules: timing.Rules, time_cap_s: float) -> float:
    """After how long without a word a measuring process is taken to hang: several times what a point may take, and a first call."""
    return 300 + 10 * (time_cap_s + rules.measure_s)


def _timed_s(rules: timing.Rules, number: int, where: str) -> float:
    """About how long a visit times, on average over the rounds: latency and energy have one pass, in the first."""
    once_s = rules.latency_s + (0 if where == "cpu" else rules.energy_s)
    return rules.warmup_floor_s + min(rules.measure_s, USUAL_S) + once_s / number


def one_round(plan: Plan, jobs: list[sweep.Job], number: int, rules: timing.Rules, time_cap_s: float | None, silence_s: float,
              canary: Canary, visits: int, show, point: Callable[..., Iterator[dict]], gated: bool = True) -> None:  # fmt: skip
    """Measure each point of `jobs` once more, put it beside what earlier rounds found, and settle what all of them say."""
    if number > 1:  # latency and energy have one pass, in the first round; and what was measured once is not left out now
        rules, time_cap_s = replace(rules, latency_s=0, energy_s=0), None
    if not jobs:
        return
    args = (plan.framework, plan.where, rules, time_cap_s, gated and number == 1)
    if plan.until.allows(plan.costs.command_s()):
        canary.sing()
    since: list[dict] = []  # the points since the canary last sang
    try:
        for job in jobs:
            for record in _in_time(plan, job, point, *args, silence_s=silence_s):
                if "starting" in record:
                    show.at(f"{record['model']} batch {record['starting']}, round {number}")
                    continue
                with stop.held_back():  # what is measured is saved, whoever wants the end just now
                    since.append(_with_earlier_rounds(plan, record, number))
                    plan.keeping.keep(since[-1], visits, show)
                show.advance(1)
            if since and (canary.due() or job is jobs[-1]):
                plan.keeping.change(rounds.drifted(since, canary.sing() if plan.until.allows(plan.costs.command_s()) else None))
                since = []
    finally:
        plan.keeping.settle()


def _in_time(plan: Plan, job: sweep.Job, point: Callable[..., Iterator[dict]], *args, silence_s: float) -> Iterator[dict]:
    """What sweep.run yields of one job, as far as the budget reaches: no point is begun that would end after it, and what has not ended by then is ended."""
    left = list(job.batch_sizes)
    expected_s = plan.to_do.seconds if plan.to_do else {}  # which a command that announces nothing has not
    seconds = {b: expected_s.get((job.model, b), 0) for b in left}
    starts_s = plan.costs.process_s(job, gated=args[-1])
    if not plan.until.allows(starts_s + seconds[left[0]]):
        plan.left_out |= {(job.model, b) for b in left}
        return
    with closing(sweep.run([job], point, *args, silence_s=lambda: plan.until.at_most(silence_s), environment=plan.environment)) as records:
        for record in records:
            if "starting" in record and not plan.until.allows(seconds[record["starting"]]) or record.get("status") == "timed_out" and plan.until.is_over():
                break
            left = left if "starting" in record else [b for b in left if b != record["batch_size"]]
            yield record
    plan.left_out |= {(job.model, b) for b in left}


def _with_earlier_rounds(plan: Plan, record: dict, number: int) -> dict:
    """The record with what earlier rounds found, and its interval by all that has been measured so far."""
    held = plan.results.get(record) if number > 1 else None
    joined = rounds.join(held, record) if held else record
    return rounds.settle([*plan.keeping.recent(joined), joined])[-1]


def add_options(command: argparse.ArgumentParser, *, time_cap_s: float) -> None:
    """Add the options that say how long a point is measured and how often."""
    usual = ", ".join(f"{seconds:g} on a {kind.upper()}" for kind, seconds in SECONDS.items())
    command.add_argument("--seconds", type=options.seconds, help=f"time in timed blocks for a point in each round, at most (default: {usual})")
    command.add_argument("--rounds", type=options.positive, default=2, help="times that all is measured, each in new processes (default: %(default)s)")
    command.add_argument("--time-cap", type=options.seconds, default=time_cap_s, metavar="SECONDS",
                         help="leave out, and record as such, a point whose fewest calls take longer (default: %(default)s)")  # fmt: skip
    command.add_argument("--watchdog", type=options.seconds, metavar="SECONDS",
                         help="end a process that gives no sign of life for so long (default: 300 and 10 times the cap and --seconds)")  # fmt: skip
    command.add_argument("--energy", action=argparse.BooleanOptionalAction, default=True,
                         help="keep a GPU busy for 2 s a point, in the first round, for its energy counter")  # fmt: skip
