"""Measure this machine: every GPU that NVML finds, else the CPU, with every framework that is installed.

    python -m bench                                      all of it
    python -m bench --dry-run                            only say what that is, and how long it takes
    python -m bench --preset quick                       a few networks, in minutes
    python -m bench --framework mxnet --models 'ResNet-*' --batch-sizes 1,8

Several GPUs are measured at once, and GPUs of one name share the networks. `make results` is the same with the
variables BENCH, FRAMEWORK, PRECISION, MODE, MODELS, BATCH_SIZES, DEVICE, PRESET, AGAIN and DRY_RUN.
"""

import argparse
import re
import shlex
import sys
from typing import NamedTuple

from bench import adapters, cnn, training
from bench import device as bench_device
from bench.run import options
from bench.run import plan as bench_plan
from bench.run.plan import Plan
from dlmark.machine import device, stop
from dlmark.measure import workers
from dlmark.record import RecordError
from dlmark.results.files import ResultsError
from dlmark.terminal import summary
from dlmark.terminal.progress import lasting, progress

BENCHES = {"cnn": cnn, "device": bench_device, "training": training}
PRESETS = {
    "full": {"throughput": [], "largest-batch-size": []},
    "quick": {"throughput": ["--time-cap", "20"]},
}
# The subcommands of the benches that have others than cnn's.
OTHERS = {"device": {"full": {"ceilings": []}, "quick": {"ceilings": []}},
          "training": {"full": {"throughput": []}, "quick": {"throughput": ["--time-cap", "20"]}}}  # fmt: skip
QUICK_COMBINATIONS = 2  # the first pairs of precision and mode
QUICK_MODELS = ("AlexNet", "ResNet-v1-18", "ResNet-v1-50", "ResNet-v1b-50", "SqueezeNet-1.1",
                "Keras-ResNet50", "Keras-MobileNet", "Keras-MobileNetV3Small")  # fmt: skip
QUICK_SIZES = "1,8,32"


class Command(NamedTuple):
    """A bench script's subcommand for one framework, in one precision and mode."""

    sub: str
    framework: str
    precision: str | None = None  # None leaves it to the script
    mode: str | None = None

    def __str__(self) -> str:
        return " ".join(filter(None, (self.framework, self.precision, self.mode, self.sub)))


class Part(NamedTuple):
    """One command and the devices of one kind that share it, with its plan as it was at the start."""

    command: Command
    devices: list[str]
    plan: Plan

    @property
    def framework(self) -> str:
        """The framework that is measured."""
        return self.command.framework

    @property
    def share_s(self) -> float:
        """How long each of its devices is at work."""
        return self.plan.expected_s / len(self.devices)


# ---- what there is to measure ----


def frameworks(chosen: str | None) -> list[str]:
    """The frameworks to measure: the one that was chosen, else all that are installed."""
    installed = [name for name in adapters.names() if adapters.version(adapters.get(name))]
    # NumPy stands in for a framework where there is none; nobody chooses a device by it.
    return [chosen] if chosen else [name for name in installed if name != "numpy"] or ["numpy"]


def devices(chosen: str | None) -> dict[str, str]:
    """The devices to measure, with their names: the one that was chosen, else every GPU, else the CPU. Raises DeviceError."""
    there = {f"gpu:{number}": name for number, name in enumerate(device.gpu_names()) if name}  # without those that are lost
    where = chosen and device.find(chosen)
    if where:
        return {where: there.get(where) or device.cpu_name()}
    return there or {"cpu": device.cpu_name()}


def alike(names: dict[str, str]) -> list[list[str]]:
    """The devices in groups of one name: what one of a group measures holds for all of it."""
    groups: dict[str, list[str]] = {}
    for where, name in names.items():
        groups.setdefault(name, []).append(where)
    return list(groups.values())


def deal(networks: list[str], among: list[str]) -> dict[str, list[str]]:
    """Deal the networks out in turn, since the large ones of a family stand together; who gets none is left out."""
    return {where: networks[turn :: len(among)] for turn, where in enumerate(among) if networks[turn :: len(among)]}


def parts(opts: argparse.Namespace, groups: list[list[str]]) -> tuple[list[Part], int]:
    """All the commands, each with its plan; where one can't be, it is said and the others still are. And the exit status so far."""
    found, worst = [], 0
    for framework in frameworks(opts.framework):
        for group in groups:
            for one in commands(opts, framework, group[0]):
                plans: list[Plan] = []
                arguments = _arguments(opts, one, group[0])
                worst = max(worst, options.main(BENCHES[opts.bench].parser(), [*arguments, "--dry-run"], plans))
                if worst in stop.STATUSES:
                    raise stop.Stopped
                found += [Part(one, group, plan) for plan in plans]
    return found, worst


def commands(opts: argparse.Namespace, framework: str, where: str) -> list[Command]:
    """What is measured of one framework on one device: each precision and mode that its adapter finds worth knowing, or the user's."""
    offered = [(None, None)]
    if framework in adapters.names() and not (opts.precision and opts.mode):
        offered = getattr(adapters.get(framework), "combinations", lambda kind: offered)(device.kind(where))
    chosen = [(opts.precision or precision, opts.mode or mode) for precision, mode in offered
              if (opts.precision or precision) == precision and (opts.mode or mode) == mode]  # fmt: skip
    chosen = (chosen or [(opts.precision, opts.mode)])[: QUICK_COMBINATIONS if opts.preset == "quick" else None]
    if opts.bench == "device":  # what a device can do at most is not a matter of the mode
        chosen = list(dict.fromkeys((precision, None) for precision, _ in chosen))
    # The largest batch is asked for in the usual precision and mode alone: it is about memory.
    return [Command(sub, framework, *pair) for sub in subcommands(opts) for pair in (chosen[:1] if sub == "largest-batch-size" else chosen)]


def subcommands(opts: argparse.Namespace) -> dict[str, list[str]]:
    """The subcommands of the chosen bench and preset, with their options."""
    return OTHERS.get(opts.bench, PRESETS)[opts.preset]


def _arguments(opts: argparse.Namespace, one: Command, where: str, models: str | None = None) -> list[str]:
    """One command: the user's choice, else the preset's, else the bench script's own."""
    sub, framework, precision, mode = one
    quick = opts.preset == "quick" and opts.bench == "cnn"
    known = adapters.get(framework).models["classification"] if framework in adapters.names() else {}
    models = models or opts.models or (quick and ",".join(name for name in QUICK_MODELS if name in known))
    sizes = sub == "throughput" and (opts.batch_sizes or (quick and QUICK_SIZES))
    given = {"--framework": framework, "--device": where, "--models": models, "--batch-sizes": sizes, "--precision": precision,
             "--mode": mode, "--results": opts.results}  # fmt: skip
    return [sub, *(f"{name}={value}" for name, value in given.items() if value), *subcommands(opts)[sub], *["--again"] * opts.again]


# ---- what is said beforehand and in the end ----


def say_the_plan(found: list[Part]) -> None:
    """What each command is going to measure, and how long all takes."""
    print("Plan")
    for part in found:
        print(f"  {part.command} on {' and '.join(part.devices)}: {part.plan.grid()}; {part.plan.still()}, {lasting(part.share_s)}")
    names = list(dict.fromkeys(part.framework for part in found))
    each = [f"{name} {lasting(_together_s([part for part in found if part.framework == name]))}" for name in names]
    apiece = f" ({'; '.join(each)})" if len(each) > 1 else ""
    print(f"  In all: {sum(bench_plan.count(part.plan.missing) for part in found)} to measure, {lasting(_together_s(found))}{apiece}", flush=True)


def _together_s(found: list[Part]) -> float:
    """How long the devices take side by side: as long as the one with the most to do."""
    groups = {tuple(part.devices) for part in found}
    return max((sum(part.share_s for part in found if tuple(part.devices) == group) for group in groups), default=0)


def say_the_outcome(found: list[Part]) -> None:
    """A table a device and framework, of this run and of what was held before; where it is, and what comes next."""
    tables: dict[str, list[dict]] = {}
    for part in found:
        try:
            part.plan.results.read()
        except (ResultsError, RecordError):
            pass  # told by the command that could not save in it
        title = f"{part.plan.fields['device']}, {part.framework} {part.plan.fields['framework_version']}"
        tables.setdefault(title, []).extend(part.plan.records())
    print()
    for title, records in tables.items():
        summary.show(records, title)
    if not any(tables.values()):
        print("Nothing was measured; the lines above say why.")
        return
    print("Saved in")
    for path in dict.fromkeys(part.plan.results.path for part in found if part.plan.results.path.exists()):
        print(f"  {path}")
    print("Next: make html")


# ---- the run ----


def run(opts: argparse.Namespace) -> int:
    """Say what is here and the plan, measure, and say what came of it. Returns the worst exit status."""
    if opts.bench not in BENCHES:
        raise options.UsageError(f"unknown bench {opts.bench!r}; there are: {', '.join(BENCHES)}")
    chosen = devices(opts.device)
    bench_plan.say_what_is_here(list(chosen), frameworks(opts.framework))
    found, status = parts(opts, alike(chosen))
    if not found:
        return status
    say_the_plan(found)
    to_do = [part for part in found if part.plan.work]
    if opts.dry_run:
        return status
    if not to_do:
        print("Nothing is left to measure; AGAIN=1 measures it again.")
    elif len(chosen) == 1:
        status = max(status, one_after_another(opts, to_do))
    else:
        status = max(status, side_by_side(opts, to_do))
    if status not in stop.STATUSES:
        say_the_outcome(found)
    return status


def one_after_another(opts: argparse.Namespace, to_do: list[Part]) -> int:
    """Run the commands of one device in this process; where one can't be, the others still are."""
    worst, (where,) = 0, to_do[0].devices
    with bench_plan.hold(where, shlex.join(["python", "-m", "bench", *opts.argv])), progress(sum(part.plan.work for part in to_do)):
        for part in to_do:
            arguments = _arguments(opts, part.command, where)
            print(f"\n{shlex.join(['python', '-m', f'bench.{opts.bench}', *arguments])}", flush=True)
            status = options.main(BENCHES[opts.bench].parser(), arguments, [])
            if status in stop.STATUSES:
                return status
            worst = max(worst, status)
    return worst


def side_by_side(opts: argparse.Namespace, to_do: list[Part]) -> int:
    """Run a worker a device, all at once, and show in one place what they say."""
    with progress(sum(part.plan.work for part in to_do)) as show:

        def tell(where: str, line: str) -> None:
            show.say(f"{where}  {line}" if line else "")
            if point := re.match(r"\[\d+/\d+\] (.*?): ", line):
                show.advance(1)
                show.at(f"{where} has done {point[1]}")

        return workers.run(worker_commands(opts, to_do), tell)


def worker_commands(opts: argparse.Namespace, to_do: list[Part]) -> dict[str, list[list[str]]]:
    """Each device's commands: of what is left, its share of the networks."""
    commands: dict[str, list[list[str]]] = {}
    for part in to_do:
        for where, share in deal(part.plan.networks, part.devices).items():
            arguments = _arguments(opts, part.command, where, ",".join(share))
            commands.setdefault(where, []).append([sys.executable, "-m", f"bench.{opts.bench}", *arguments, "--end-with-stdin"])
    return commands


def parser() -> argparse.ArgumentParser:
    """The command line of `python -m bench`."""
    main = argparse.ArgumentParser(prog="python -m bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    main.add_argument("--bench", default="cnn", help=f"one of: {', '.join(BENCHES)} (default: %(default)s)")
    main.add_argument("--framework", help="one framework (default: all that are installed)")
    main.add_argument("--precision", help="one precision (default: those that the framework's adapter finds worth knowing)")
    main.add_argument("--mode", help="one mode, such as eager or compiled (default: likewise)")
    main.add_argument("--device", help="cpu, gpu or gpu:N (default: every GPU, else the CPU)")
    main.add_argument("--models", metavar="NAMES", help="networks by name or glob, comma-separated")
    main.add_argument("--batch-sizes", help="comma-separated")
    main.add_argument("--preset", choices=PRESETS, default="full", help="(default: %(default)s)")
    main.add_argument("--results", metavar="DIR", help="folder of the result files")
    main.add_argument("--again", action="store_true", help="measure again what is there already")
    main.add_argument("--dry-run", action="store_true", help="say the plan and how long it takes, and do nothing")
    main.set_defaults(run=run)
    return main


if __name__ == "__main__":
    sys.exit(options.main(parser()))
