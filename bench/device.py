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

from bench import adapters
from bench.run import in_rounds, options, throughput
from bench.run.plan import Plan
from dlmark.machine import device, sampler, watch
from dlmark.measure import sweep, timing
from dlmark.record import is_ok

WORKLOAD = "ceiling"
SIZES = {"cpu": [1024, 2048, 4096], "gpu": [2048, 4096, 8192, 16384]}  # of square matrices
LARGEST = 100_000
COPY_MB = {"cpu": 256, "gpu": 1024}  # several times what caches hold
CALL = "call"
NEEDS = "matrix_product", "copy", "small_call"
PRESETS: dict[str, dict[str, list[str]]] = {"full": {"ceilings": []}, "quick": {"ceilings": []}}


# ---- one ceiling, in a process of its own ----


def measure_ceiling(job: sweep.Job, framework: str, where: str, rules: timing.Rules, time_cap_s: float | None, is_first_round: bool):
    """Yield the record of one piece of work, announced before it starts; only a call has a latency pass."""
    yield {"starting": 1, "model": job.model}
    device.state(where)  # raises where a GPU is lost
    adapter, start = adapters.get(framework), perf_counter()
    adapter.start(device.kind(where))
    phases = {"import_s": perf_counter() - start, "time_cap_s": time_cap_s}
    needed_s = throughput.CALLS_OF_A_POINT * _foretold_s(adapter, job, device.kind(where)) if time_cap_s else 0
    if time_cap_s and needed_s > time_cap_s:
        reason = f"the {throughput.CALLS_OF_A_POINT} calls that it needs at least would take about {needed_s:.1f} s, more than the cap of {time_cap_s:g} s"
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


def derived(record: dict) -> dict:
    """The record with TFLOP/s, GB/s or seconds of a call worked out from its throughput, which is in calls a second."""
    return {**record, **_ceiling(record)} if record.get("workload") == WORKLOAD and is_ok(record) and record.get("throughput") else record


def _ceiling(record: dict) -> dict:
    calls_per_s = record["throughput"]
    if _number(record["model"], "matrix product"):
        found = {"tflops": 2 * record["multiply_adds"] * calls_per_s / 1e12}
    elif mb := _number(record["model"], "copy"):
        found = {"bandwidth_gb_s": 2 * mb * 2**20 * calls_per_s / 1e9}  # each byte is read once and written once
    else:
        found = {"overhead_s": 1 / calls_per_s}
    return {name: float(f"{value:.6g}") for name, value in found.items()}


# ---- the command ----


def ceilings(opts: argparse.Namespace) -> int:
    """Measure what the device can do at most in one framework and precision."""
    _must_offer(opts.framework)
    pieces = _pieces(opts)
    plan = Plan(opts, "device.py", "benchmark_ceilings", workload=WORKLOAD, pieces=pieces, derive=derived)
    jobs = plan.jobs([1], own=pieces)
    return in_rounds.measure(plan, jobs, opts, in_rounds.rules(device.kind(plan.where), opts.seconds, energy=opts.energy), measure_ceiling)


def _pieces(opts: argparse.Namespace) -> dict[str, dict]:
    """Each piece of work with the multiply-adds of a product, the smallest product first."""
    kind = device.kind(opts.device)
    products = {f"matrix product {size}": {"multiply_adds": size**3} for size in opts.sizes or SIZES[kind]}
    return {**products, f"copy {COPY_MB[kind]} MB": {}, CALL: {}}


def _must_offer(framework: str) -> None:
    """Raises UsageError where the framework lacks what is measured; what is not there at all the plan will say."""
    if framework not in adapters.names():
        return
    if lacking := [name for name in NEEDS if not hasattr(adapters.get(framework), name)]:
        able = [name for name in adapters.names() if all(hasattr(adapters.get(name), need) for need in NEEDS)]
        raise options.UsageError(f"{framework} offers no {lacking[0]} here: measure the ceilings with --framework {' or '.join(able)}")


def sides(text: str) -> list[int]:
    """Comma-separated sides of matrices, for argparse."""
    found = options.batch_sizes(text)
    if found[-1] > LARGEST:
        raise argparse.ArgumentTypeError(f"expected sides of at most {LARGEST:,}, got {found[-1]:,}")
    return found


def parser() -> argparse.ArgumentParser:
    """The command line of this script."""
    main, commands = options.script("device", __doc__)
    command = options.add_command(commands, ceilings)
    in_rounds.add_options(command, time_cap_s=30)
    default = "; ".join(f"on a {kind.upper()} {','.join(map(str, sizes))}" for kind, sizes in SIZES.items())
    command.add_argument("--sizes", type=sides, help=f"sides of the square matrices, comma-separated (default: {default})")
    return main


if __name__ == "__main__":
    sys.exit(options.main(parser()))
