"""What a device can do at most: matrix products, copies within its memory, and calls that have next to nothing to do.

    python -m bench.device ceilings --framework torch --device gpu --precision bfloat16
    python -m bench.device ceilings --framework numpy --sizes 1024,2048

Each ceiling is a record, timed as a network is, in two rounds. It depends on device, framework and precision; --mode changes nothing.
dlmark.analysis.roofline sets the networks against them.
"""

if not __package__:  # python bench/device.py
    import as_module

    as_module.run(__file__)

import argparse
import re
import sys
from dataclasses import replace
from time import perf_counter
from types import ModuleType

from bench import adapters, cnn
from bench.run import in_rounds, options
from bench.run.plan import Plan, chosen_models
from dlmark.machine import device, sampler, watch
from dlmark.measure import rounds, sweep, timing
from dlmark.record import is_ok, point, safe

WORKLOAD = "ceiling"
SIZES = {"cpu": [1024, 2048, 4096], "gpu": [2048, 4096, 8192, 16384]}  # of square matrices
LARGEST = 100_000
COPY_MB = {"cpu": 256, "gpu": 1024}  # several times what caches hold
CALL = "call"
NEEDS = "matrix_product", "copy", "small_call"
OF_A_NETWORK = "mode", "layout", "compile_mode", "autotune"  # fields that say how a network is run


# ---- one ceiling, in a process of its own ----


def measure_ceiling(job: sweep.Job, framework: str, where: str, rules: timing.Rules, time_cap_s: float | None, is_first_round: bool):
    """Yield the record of one piece of work, announced before it starts; only a call has a latency pass."""
    yield {"starting": 1, "model": job.model}
    device.state(where)  # raises where a GPU is lost
    adapter, start = adapters.get(framework), perf_counter()
    adapter.start(device.kind(where))
    phases = {"import_s": perf_counter() - start, "time_cap_s": time_cap_s}
    needed_s = cnn.CALLS_OF_A_POINT * _foretold_s(adapter, job, device.kind(where)) if time_cap_s else 0
    if time_cap_s and needed_s > time_cap_s:
        reason = f"the {cnn.CALLS_OF_A_POINT} calls that it needs at least would take about {needed_s:.1f} s, more than the cap of {time_cap_s:g} s"
        yield job.record(1, status="time_cap", reason=reason, **phases, measured_at=sweep.now())
        return
    run, wait = work(adapter, job.model, device.kind(where), job.fields["precision"])
    rules = replace(rules, calls_per_block=job.calls_per_block.get(1), latency_s=rules.latency_s if job.model == CALL else 0)
    asked = timing.Device(watch=lambda: sampler.watch(where), energy_j=lambda: device.energy_j(where))
    timed = timing.measure(run, wait, rules, device=asked, host=watch.Host())
    yield job.record(1, status="ok", **timing.as_fields(timed, 1), **phases, measured_at=sweep.now())


def work(adapter: ModuleType, name: str, kind: str, precision: str):
    """What runs the piece of work that `name` stands for once, and what waits for it."""
    if size := _number(name, "matrix product"):
        return adapter.matrix_product(kind, size, precision)
    if mb := _number(name, "copy"):
        return adapter.copy(kind, mb)
    return adapter.small_call(kind)


def _number(name: str, what: str) -> int | None:
    """The size in a name: "matrix product 4096" or "copy 256 MB"."""
    found = re.fullmatch(rf"{what} (\d+)( MB)?", name)
    return int(found[1]) if found else None


def _foretold_s(adapter: ModuleType, job: sweep.Job, kind: str) -> float:
    """Seconds of one matrix product, by one of a quarter of its side; a copy and a call take none worth foretelling."""
    size = _number(job.model, "matrix product")
    if not size:
        return 0.0
    part = max(1, size // 4)
    run, wait = adapter.matrix_product(kind, part, job.fields["precision"])
    for _ in range(2):  # the second has no start-up in it
        start = perf_counter()
        run()
        wait()
    return (perf_counter() - start) * (size / part) ** 3


# ---- what follows from the times ----


def derived(records: list[dict]) -> list[dict]:
    """The records with TFLOP/s, GB/s or seconds of a call worked out from their throughput, which is in calls a second."""
    return [{**record, **_ceiling(record)} if record.get("workload") == WORKLOAD and is_ok(record) and record.get("throughput") else record
            for record in records]  # fmt: skip


def _ceiling(record: dict) -> dict:
    calls_per_s = record["throughput"]
    if _number(record["model"], "matrix product"):
        found = {"tflops": 2 * record["multiply_adds"] * calls_per_s / 1e12}
    elif mb := _number(record["model"], "copy"):
        found = {"bandwidth_gb_s": 2 * mb * 2**20 * calls_per_s / 1e9}  # each byte is read once and written once
    else:
        found = {"overhead_s": 1 / calls_per_s}
    return {name: float(f"{value:.6g}") for name, value in found.items()}


def one_line(record: dict) -> str:
    """A ceiling as one line for the terminal, without its flags."""
    if not is_ok(record):
        return f"{record['model']}: {record['status'].replace('_', ' ')}: {record['reason']}"
    if record.get("tflops"):
        text = f"{record['tflops']:,.4g} TFLOP/s"
    elif record.get("bandwidth_gb_s"):
        text = f"{record['bandwidth_gb_s']:,.4g} GB/s"
    else:
        alone = f", {record['latency_p50_s'] * 1e6:,.3g} µs with a wait after each" if record.get("latency_p50_s") else ""
        text = f"{record['overhead_s'] * 1e6:,.3g} µs a call back to back{alone}"
    return f"{record['model']}: {text} ±{record['throughput_half_width'] / record['throughput']:.1%}, grade {record['grade']}"


# ---- the command ----


class Ceilings(Plan):
    """A plan whose points are pieces of work and not networks."""

    def __init__(self, opts: argparse.Namespace):
        super().__init__(argparse.Namespace(**{**vars(opts), "models": None}), "classification", "device.py", "benchmark_ceilings")
        if lacking := [name for name in NEEDS if not hasattr(self.adapter, name)]:
            able = [name for name in adapters.names() if all(hasattr(adapters.get(name), need) for need in NEEDS)]
            raise options.UsageError(f"{self.framework} offers no {lacking[0]} here: measure the ceilings with --framework {' or '.join(able)}")
        kind = device.kind(self.where)
        products = {f"matrix product {size}": size**3 for size in opts.sizes or SIZES[kind]}
        self._multiply_adds = {**products, f"copy {COPY_MB[kind]} MB": None, CALL: None}
        self.models = chosen_models(opts.models or "*", list(self._multiply_adds))
        self.fields = {**{name: value for name, value in self.fields.items() if name not in OF_A_NETWORK}, "workload": WORKLOAD}

    def jobs(self) -> list[sweep.Job]:
        """A job for each piece of work, the smallest product first."""
        return [sweep.Job(name, [1], {**self.fields, "multiply_adds": self._multiply_adds[name]}) for name in self.models]

    def grid(self) -> str:
        """How many ceilings, in words."""
        return f"{len(self.wanted)} ceiling{'s' if len(self.wanted) != 1 else ''}"

    def keep(self, record: dict, points: int, show) -> None:
        """Save one record, and say it in the display as one of `points`."""
        (record,) = derived([record])
        self.results.add(record)
        self._kept += 1
        self._done[point(record)] = record
        flags = f" ({'; '.join(record['flags'])})" if record.get("flags") else ""
        show.say(f"[{self._kept}/{max(points, self._kept)}] {one_line(record)}{flags}")

    def change(self, records: list[dict]) -> None:
        """Save records that say more than before of points that are held already."""
        super().change(derived(records))

    def settle(self) -> None:
        """Work out interval, grade and ceiling of all that the file holds."""
        self.results.update(lambda held: derived(rounds.settle(held)))
        self._done = {key: self.results.get(record) or record for key, record in self._done.items()}

    def finish(self) -> int:
        """Say what came of it. Returns the exit status: 1 if nothing but failures came of it."""
        print(f"{self.fields['device']}, {self.framework} {self.fields['framework_version']}, {self.fields['precision']}")
        for record in self.records():
            print(f"  {safe(one_line(record))}")
        print(f"{sweep.tally(self.done)}; saved in {self.results.saved_in}", flush=True)
        return 1 if self.done and not any(map(is_ok, self.done)) else 0


def ceilings(opts: argparse.Namespace) -> int:
    """Measure what the device can do at most in one framework and precision."""
    plan = Ceilings(opts)
    return in_rounds.measure(plan, plan.jobs(), opts, in_rounds.rules(device.kind(plan.where), opts.seconds, energy=opts.energy), measure_ceiling)


def sides(text: str) -> list[int]:
    """Comma-separated sides of matrices, for argparse."""
    found = options.batch_sizes(text)
    if found[-1] > LARGEST:
        raise argparse.ArgumentTypeError(f"expected sides of at most {LARGEST:,}, got {found[-1]:,}")
    return found


def parser() -> argparse.ArgumentParser:
    """The command line of this script."""
    main = argparse.ArgumentParser(prog="python -m bench.device", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = main.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser("ceilings", help=ceilings.__doc__, description=ceilings.__doc__, allow_abbrev=False)
    options.add_common(command)
    in_rounds.add_options(command, time_cap_s=30)
    default = "; ".join(f"on a {kind.upper()} {','.join(map(str, sizes))}" for kind, sizes in SIZES.items())
    command.add_argument("--sizes", type=sides, help=f"sides of the square matrices, comma-separated (default: {default})")
    command.set_defaults(run=ceilings)
    return main


if __name__ == "__main__":
    sys.exit(options.main(parser()))
