"""Measure this machine: every GPU that NVML finds, else the CPU, with every framework that is installed.

    python -m bench                                      all of it, the most telling first
    python -m bench --budget 25m                         what fits into this time; the same command goes on
    python -m bench --dry-run                            only say what that is, in which order, and how long it takes
    python -m bench --preset quick                       a few networks, in under ten minutes
    python -m bench --framework mxnet --models 'ResNet-*' --batch-sizes 1,8

Several GPUs are measured at once, and GPUs of one name share the networks. `make results` is the same with the
variables BENCH, FRAMEWORK, PRECISION, MODE, MODELS, BATCH_SIZES, SIZE, SIZES, DEVICE, THREADS, ROUNDS, SECONDS, BUDGET, WAIT, PRESET, AGAIN
and DRY_RUN.
"""

import argparse
import shlex
import sys
from contextlib import ExitStack

from bench.run import budget, here, options
from bench.run.scripts import USUAL, chosen, scripts
from bench.whole import answers, machine, outcome
from bench.whole.order import Part, Planned
from bench.whole.run import run as measure
from bench.whole.run import shares
from dlmark.machine import cpu, stop, turns
from dlmark.measure import session, sweep
from dlmark.record import safe
from dlmark.terminal.progress import progress

OUTCOME_S = 4.0  # of a budget, kept back for the last word
QUICK_S = 540  # with the preset of that name, unless there is a budget


def run(opts: argparse.Namespace) -> int:
    """Say what is here and the plan, measure, and say what came of it. Returns the worst exit status."""
    benches = chosen(opts.bench, opts.preset, narrowed=bool(opts.models or opts.batch_sizes))
    opts.budget = opts.budget or (QUICK_S if opts.preset == "quick" else None)
    end_s = budget.end_of(opts)
    until, devices = budget.Until(end_s), machine.devices(opts.device)
    if len(devices) > 1 and not opts.threads:
        opts.threads = max(1, cpu.cores() // len(devices))  # so that the workers of all together have a thread a core
    pythons = machine.frameworks(opts.framework)
    here.say(list(devices), list(pythons), {name: python for name, python in pythons.items() if python != sys.executable})
    plan = _planned(opts, benches, pythons, machine.alike(devices))
    if not plan.parts and not plan.unable:
        return plan.status
    lists = shares(plan.parts)
    outcome.say_the_plan(plan, lists, until)
    if opts.dry_run:
        return plan.status
    status = max(plan.status, 2 if not plan.parts else 0)
    if plan.parts and not any(lists.values()):
        print("Nothing is left to measure; AGAIN=1 measures it again.")
    elif plan.parts:
        began = sweep.now()
        status = max(status, _measure(opts, lists, until, end_s))
        status = max(status, outcome.status(plan.parts, began))
    if status not in stop.STATUSES:
        outcome.say_the_outcome(plan.parts)
    return status


def _planned(opts: argparse.Namespace, benches: list[str], pythons: dict[str, str], groups: list[list[str]]) -> Planned:
    """All the commands, each with its plan, what is impossible, and the exit status so far; all in one session."""
    plan = _asked(opts, benches, pythons, groups)
    begun = [part.plan["session"] for part in plan.parts if part.plan["goes_on"]]
    opts.session = begun[0] if opts.again and begun else session.new(again=opts.again)
    return _asked(opts, benches, pythons, groups) if opts.again and begun else plan  # all of the commands go on with it


def _asked(opts: argparse.Namespace, benches: list[str], pythons: dict[str, str], groups: list[list[str]]) -> Planned:
    """The same of one question to each framework and kind of device. One that can't be measured is told, and keeps none of the others from it."""
    plan, subs = Planned(), ", ".join(dict.fromkeys(sub for name in benches for sub in scripts()[name].PRESETS[opts.preset]))
    for framework, python in pythons.items():
        for group in groups:
            told = answers.ask(python, _question(opts, benches, framework, group[0]))
            if told["refused"]:
                plan.problems.append(told["refused"])
                continue
            plan.problems.extend(words for words, _ in told["said"])
            plan.is_broken |= not all(is_usage for _, is_usage in told["said"])
            if told["unable"]:
                plan.unable.append(f"{framework} {subs} on {' and '.join(group)}: left out: {told['unable']}")
            plan.impossible.extend(f"{framework} {precision} {mode}: not here: {reason}" for precision, mode, reason in told["impossible"])
            plan.parts.extend(Part(framework, python, group, one) for one in told["parts"])
    for line in dict.fromkeys(plan.problems):
        options.complain(safe(f"python -m bench: {' '.join(line.splitlines())}"))
    return plan


def _question(opts: argparse.Namespace, benches: list[str], framework: str, where: str) -> dict:
    passed_on = {name: getattr(opts, name) for name in [*answers.PASSED_ON, "precision", "mode", "again"]}
    of_preset = {name: scripts()[name].PRESETS[opts.preset] for name in benches}
    return {"framework": framework, "device": where, "benches": of_preset, "quick": opts.preset == "quick", **passed_on}


def _measure(opts: argparse.Namespace, lists: dict, until: budget.Until, end_s: float | None) -> int:
    """Hold the devices, and run a worker for each."""
    command = shlex.join(["python", "-m", "bench", *opts.argv])
    with ExitStack() as held:
        for where in lists:
            here.look(where, opts.wait)
            held.enter_context(here.hold(where, command))
        held.enter_context(turns.shared_by(len(lists)))
        show = held.enter_context(progress(sum(len(step.points) for steps in lists.values() for step in steps)))
        return measure(lists, until, end_s and end_s - OUTCOME_S, opts.session, show)


def parser() -> argparse.ArgumentParser:
    """The command line of `python -m bench`."""
    main = argparse.ArgumentParser(prog="python -m bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    main.add_argument("--bench", help=f"comma-separated, of: {', '.join(scripts())} (default: {USUAL}; where networks are named or few, cnn)")
    main.add_argument("--framework", help="one framework (default: all that are installed)")
    main.add_argument("--precision", help="one precision (default: those that the framework's adapter finds worth knowing)")
    main.add_argument("--mode", help="one mode, such as eager or compiled (default: likewise)")
    main.add_argument("--device", help="cpu, gpu or gpu:N (default: every GPU, else the CPU)")
    main.add_argument("--models", metavar="NAMES", help="networks by name or glob, comma-separated")
    main.add_argument("--batch-sizes", help="comma-separated")
    main.add_argument("--size", type=options.positive, metavar="SIDE", help="of the inputs (default: each network's own)")
    main.add_argument("--sizes", help="sides of the square matrices of the ceilings, comma-separated (default: the script's own)")
    main.add_argument("--preset", choices=("full", "quick"), default="full", help="(default: %(default)s)")
    main.add_argument("--results", metavar="DIR", help="folder of the result files")
    main.add_argument("--threads", type=options.threads, help="CPU threads: a number, or logical for one a thread of each core (default: one a core)")
    main.add_argument("--rounds", type=options.positive, help="times that all is measured (default: the script's own)")
    main.add_argument("--seconds", type=options.seconds, help="time in timed blocks for a point in each round, at most (default: the script's own)")
    main.add_argument("--budget", type=options.duration, metavar="TIME", help="end in time, such as 25m, with the best that fits (default: no limit; quick 9m)")
    main.add_argument("--wait", type=options.duration, default=0, metavar="TIME", help="wait for up to so long for a quiet machine, such as 10m (default: not)")
    main.add_argument("--again", action="store_true", help="measure again, as another session, what is there already")
    main.add_argument("--dry-run", action="store_true", help="say the plan and how long it takes, and do nothing")
    main.set_defaults(run=run, session=None)
    return main


if __name__ == "__main__":
    sys.exit(options.main(parser()))
