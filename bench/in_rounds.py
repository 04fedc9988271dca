"""The rounds of a bench: what the results do not hold yet is measured, put beside what earlier rounds found, and told."""

import argparse
from collections.abc import Callable, Iterator

from bench import cnn, options
from bench.canary import Canary
from dlmark import sweep, timing
from dlmark.progress import progress

START_S = 4  # a process's start, the framework's import and the network, about


def measure(plan: options.Plan, wanted: list[sweep.Job], opts: argparse.Namespace, rules: timing.Rules, point: Callable[..., Iterator[dict]]) -> int:
    """Measure of the `wanted` jobs what is missing, in `opts.rounds` rounds; returns the exit status.

    `point(job, framework, where, rules, time_cap_s, is_first_round)` runs in a process of its own and yields as cnn.measure_throughput.
    """
    first = [sweep.missing(job, plan.results, opts.again, opts.time_cap) for job in wanted]
    visits = sweep.visits(wanted, first, plan.results, opts.rounds)
    formula_s = visits * (rules.warmup_floor_s + rules.measure_s) + len(wanted) * opts.rounds * START_S * (visits > 0)
    if plan.announce(wanted, first, formula_s, f"{visits} visits in {opts.rounds} round{'s' * (opts.rounds > 1)}"):
        return 0  # a dry run
    with progress(visits) as show:
        canary = Canary(plan.framework, plan.where, plan.environment)
        for number in [*range(1, opts.rounds + 1), *[opts.rounds] * (opts.rounds > 1)]:  # the last again, for what was disturbed to the end
            jobs = [job for job in first if job.batch_sizes] if number == 1 else sweep.next_round(wanted, plan.results, number)
            cnn.one_round(plan, jobs, number, rules, opts.time_cap, canary, visits, show, point)
    return plan.finish()


def add_options(command: argparse.ArgumentParser, *, time_cap_s: float) -> None:
    """Add the options that say how long a point is measured and how often."""
    command.add_argument("--seconds", type=options.seconds, default=timing.Rules.measure_s,
                         help="time in timed blocks for a point in each round, at most (default: %(default)s)")  # fmt: skip
    command.add_argument("--rounds", type=options.positive, default=2, help="times that all is measured, in new processes (default: %(default)s)")
    command.add_argument("--time-cap", type=options.seconds, default=time_cap_s, metavar="SECONDS",
                         help="leave out, and record as such, a point whose fewest calls take longer (default: %(default)s)")  # fmt: skip
