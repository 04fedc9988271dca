"""Image classification: throughput over batch size, the largest batch, and accuracy.

    python -m bench.cnn throughput --framework mxnet --models 'ResNet-v1-*' --batch-sizes 1,8,32
    python -m bench.cnn largest-batch-size --models VGG-16,AlexNet --memory-limit 2048
    python -m bench.cnn accuracy --models ResNet-v1-50 --images ILSVRC2012_val --weights pretrained

Every finished point is saved at once; the same command goes on where it was stopped, and --again measures again.
"""

if not __package__:  # python bench/cnn.py
    import as_module

    as_module.run(__file__)

import argparse
import os
import sys
from dataclasses import dataclass, replace
from statistics import median
from time import perf_counter
from types import ModuleType

from bench import adapters
from bench.run import gate, imagenet, in_rounds, options
from bench.run.plan import Plan
from dlmark.machine import device, sampler, watch
from dlmark.measure import sweep, timing
from dlmark.measure.largest import largest_batch
from dlmark.measure.process import ProcessEnded, run_in_process
from dlmark.terminal.progress import progress

WORKLOAD = "classification"
BATCH_SIZES = "1,2,4,8,16,32,64,128,256"
CALLS_OF_A_POINT = 3 + timing.LEAST_BLOCKS  # first call and warm-up, then timed: the fewest
WARM_FLOOR_S = 0.3  # warm-up at a further batch size, in a process that has warmed up
CPU_MEMORY_LIMIT_MB = 2_048
IMAGE_S = 0.05  # of an accuracy run, reading the image included: a guess, for the time that is said beforehand
# The allocator gives memory back at once and keeps it in one place: resident memory is then what the network needs. It
# costs speed, so throughput is measured without it.
ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536", "MALLOC_ARENA_MAX": "1"}


# ---- one network, in a process of its own ----


def measure_throughput(job: sweep.Job, framework: str, where: str, rules: timing.Rules, time_cap_s: float | None, gated: bool):
    """Yield a record for each batch size, each announced before it starts; `gated` ones have gone through the gate."""
    loaded, image_s = _load(job, framework, where), job.image_s
    closed = gate.Gate(loaded.adapter, job, device.kind(where)) if gated else None
    for batch_size in job.batch_sizes:
        yield {"starting": batch_size, "model": job.model}
        needed_s = CALLS_OF_A_POINT * batch_size * image_s
        if time_cap_s and needed_s > time_cap_s:
            yield job.record(batch_size, **_cut(needed_s, time_cap_s))
            continue
        timed = _timed(job, batch_size, loaded, where, rules)
        rules = replace(rules, warmup_floor_s=min(WARM_FLOOR_S, rules.warmup_floor_s))  # the process has warmed up by now
        if timed.get("block_times_s"):
            image_s = median(timed["block_times_s"]) / timed["calls_per_block"] / batch_size
        # Only now, since the first call of this size, which may compile, has been timed.
        answered = closed.check(loaded.network, batch_size) if closed and timed["status"] == "ok" else {}
        if answered.get("status"):
            timed = {}
        yield job.record(batch_size, **{**timed, **loaded.phases, **answered, "time_cap_s": time_cap_s, "measured_at": sweep.now()})


def _timed(job: sweep.Job, batch_size: int, loaded: "_Loaded", where: str, rules: timing.Rules) -> dict:
    """The fields of one timed point, with what was seen of device and host meanwhile."""
    device.reset_process_peak()
    run, wait = loaded.adapter.prepare(loaded.network, job.model, batch_size)
    rules = replace(rules, calls_per_block=job.calls_per_block.get(batch_size))
    asked = timing.Device(watch=lambda: sampler.watch(where), energy_j=lambda: device.energy_j(where), **loaded.optional("events", "compilations"))
    try:
        timed = timing.measure(run, wait, rules, device=asked, host=watch.Host())
    except timing.Recompiled as error:
        return {"status": "recompiled", "reason": str(error)}
    return {"status": "ok", **timing.as_fields(timed, batch_size), **_memory(where, loaded, timed.seen)}


def try_batch(job: sweep.Job, framework: str, where: str, limit_mb: float):
    """Yield the memory in MB that two calls of one batch took, and of that what the limit bounds: at its peak, and in the end.

    On a CPU the process may not grow by more than the limit.
    """
    device.state(where)  # raises where a GPU is lost
    _make_ready(adapters.get(framework), job)
    adapters.get(framework).start(device.kind(where))
    _, held_mb = device.data_mb()
    if where == "cpu":
        device.limit_memory_growth(limit_mb)
    loaded = _load(job, framework, where)
    device.reset_process_peak()
    run, wait = loaded.adapter.prepare(loaded.network, job.model, job.batch_sizes[0])
    for _ in range(2):  # the second call shows what the first leaves behind
        run()
        wait()
    bounded_mb = [mb - held_mb for mb in device.data_mb()] if where == "cpu" else [device.memory_used_mb(where)]
    yield _memory(where, loaded)["device_mem"], bounded_mb


def count_right(job: sweep.Job, framework: str, where: str, weights: str, samples: list[imagenet.Sample], classes: int | None):
    """Yield (images seen, top-1 right, top-5 right) after each batch."""
    adapter = adapters.get(framework)
    network = adapter.load(job.model, device.kind(where), job.fields["precision"], weights, job.fields["mode"])
    crop = adapter.input_shape(job.model)[-1]
    yield from imagenet.evaluate(lambda images: adapter.predict(network, images), samples, job.batch_sizes[0], crop, classes)


@dataclass(frozen=True)
class _Loaded:
    """A network in its process, and what it took to get there."""

    adapter: ModuleType
    network: object
    phases: dict  # seconds
    before_mb: float  # memory of the process before the network was built

    def optional(self, *names: str) -> dict:
        """What the adapter offers of these for its network."""
        return {name: getattr(self.adapter, name)(self.network) for name in names if hasattr(self.adapter, name)}


def _load(job: sweep.Job, framework: str, where: str) -> _Loaded:
    adapter = adapters.get(framework)
    device.state(where)  # raises where a GPU is lost; frameworks say that there is none, as if they could not use it
    _make_ready(adapter, job)
    start = perf_counter()
    adapter.start(device.kind(where))
    imported, before_mb = perf_counter(), device.process_memory_mb(where) or 0
    network = adapter.load(job.model, device.kind(where), job.fields["precision"], mode=job.fields.get("mode", adapter.modes[0]))
    return _Loaded(adapter, network, {"import_s": imported - start, "build_s": perf_counter() - imported}, before_mb)


def _make_ready(adapter: ModuleType, job: sweep.Job) -> None:
    """Files that an adapter makes once and keeps are not a part of what is timed, nor of what a limit on memory holds for."""
    if hasattr(adapter, "ready"):
        adapter.ready(job.model, job.fields["precision"])


def _memory(where: str, loaded: _Loaded, seen: sampler.Seen | None = None) -> dict:
    """Peaks: of the process, of the framework's allocator where it tells, and on a GPU of the process as NVML sampled it."""
    peak_mb = used_mb = device.process_peak_mb()
    if where != "cpu":
        sampled = [seen and seen.process_memory_peak_mb, device.process_memory_mb(where)]
        used_mb = max((mb for mb in sampled if mb is not None), default=None)
    grown_mb = None if used_mb is None else max(0.0, used_mb - loaded.before_mb)
    allocator = loaded.optional("allocator_peak_mb").get("allocator_peak_mb")
    return {"device_mem": grown_mb, "allocator_mem_mb": allocator, "process_mem_mb": peak_mb}


def _cut(needed_s: float, time_cap_s: float) -> dict:
    reason = (f"the {CALLS_OF_A_POINT} calls that a point needs at least would take about {needed_s:.1f} s, "
              f"more than the cap of {time_cap_s:g} s")  # fmt: skip
    return {"status": "time_cap", "reason": reason, "time_cap_s": time_cap_s, "measured_at": sweep.now()}


# ---- the sweeps ----


def throughput(opts: argparse.Namespace) -> int:
    """Measure every network at every batch size that the results do not hold yet, in rounds."""
    plan = Plan(opts, WORKLOAD, "cnn.py", "benchmark_throughput")
    wanted = plan.jobs(opts.batch_sizes)
    return in_rounds.measure(plan, wanted, opts, in_rounds.rules(device.kind(plan.where), opts.seconds, energy=opts.energy), measure_throughput)


def largest_batch_size(opts: argparse.Namespace) -> int:
    """Find the largest batch of every network within the device's memory, or on a CPU within a limit that is enforced."""
    plan = Plan(opts, WORKLOAD, "cnn.py", "benchmark_largest_batch_size")
    if opts.memory_limit and plan.where != "cpu":
        raise options.UsageError("--memory-limit is for the CPU: a GPU's memory is its own limit")
    limit_mb = device.memory_total_mb(plan.where) if plan.where != "cpu" else opts.memory_limit or CPU_MEMORY_LIMIT_MB
    wanted = plan.jobs([1], memory_limit_mb=limit_mb)
    jobs = [job for job in wanted if sweep.missing(job, plan.results, opts.again).batch_sizes]
    if plan.announce(wanted, jobs, len(jobs) * 30, f"within {limit_mb:,.0f} MB"):
        return 0  # a dry run
    with progress(len(jobs)) as show:
        for job in jobs:
            record = _search(job, plan, limit_mb, show)
            plan.keep(record, len(jobs), show)
            show.advance(1)
    return plan.finish()


def _search(job: sweep.Job, plan: Plan, limit_mb: float, show) -> dict:
    used_mb, aborted = {}, {}

    def memory_mb(batch_size: int) -> list[float] | None:
        show.at(f"{job.model} batch {batch_size}")
        args = (sweep.Job(job.model, [batch_size], job.fields), plan.framework, plan.where, limit_mb)
        try:
            ((used_mb[batch_size], bounded_mb),) = run_in_process(try_batch, *args, silence_s=600, environment=plan.environment | ALLOCATOR)
        except ProcessEnded as end:
            # A framework whose own threads can't get memory aborts without saying why.
            if end.status != "out_of_memory":
                if "SIGABRT" not in end.reason:
                    raise
                aborted[batch_size] = end.reason
            return None
        return bounded_mb

    try:
        largest, trials = largest_batch(memory_mb, limit_mb)
        # On a GPU an abort may be its end, and nothing fits any more.
        if largest + 1 in aborted and plan.where != "cpu" and memory_mb(max(1, largest)) is None:
            raise ProcessEnded("crashed", aborted[largest + 1])
    except ProcessEnded as end:
        return job.record(1, status=end.status, reason=end.reason, measured_at=sweep.now())
    if not largest:
        return job.record(1, status="out_of_memory", reason=f"not even one image fits into {limit_mb:,.0f} MB", measured_at=sweep.now())
    return job.record(largest, device_mem=used_mb[largest], trials=trials, status="ok", measured_at=sweep.now())


def accuracy(opts: argparse.Namespace) -> int:
    """Count how often every network's first, and first five, answers are right over a folder of images."""
    plan = Plan(opts, WORKLOAD, "cnn.py", "benchmark_accuracy")
    samples, classes = imagenet.find(opts.images, opts.labels)
    if opts.weights not in ("pretrained", "random") and not os.path.isfile(opts.weights):
        raise options.UsageError(f"no file {opts.weights}: --weights is pretrained, random or a file")
    about = {"dataset": opts.dataset, "weights": os.path.basename(opts.weights), "images": len(samples)}
    wanted = plan.jobs([opts.batch_size], **about)
    jobs = [job for job in wanted if sweep.missing(job, plan.results, opts.again).batch_sizes]
    if plan.announce(wanted, jobs, len(jobs) * len(samples) * IMAGE_S, f"{len(samples):,} images each"):
        return 0  # a dry run
    with progress(len(jobs) * len(samples)) as show:
        for job in jobs:
            show.at(job.model)
            plan.keep(_count(job, plan, opts.weights, samples, classes, show), len(jobs), show)
    return plan.finish()


def _count(job: sweep.Job, plan: Plan, weights: str, samples: list, classes: int | None, show) -> dict:
    seen = 0
    try:
        args = (job, plan.framework, plan.where, weights, samples, classes)
        for count, top1, top5 in run_in_process(count_right, *args, silence_s=600, environment=plan.environment):
            show.advance(count - seen)
            seen = count
    except ProcessEnded as end:
        return job.record(job.batch_sizes[0], status=end.status, reason=end.reason, measured_at=sweep.now())
    right = {"accuracy": top1 / seen, "accuracy_top5": top5 / seen}
    return job.record(job.batch_sizes[0], **right, status="ok", measured_at=sweep.now())


# ---- the command line ----


def parser() -> argparse.ArgumentParser:
    """The command line of this script."""
    main = argparse.ArgumentParser(prog="python -m bench.cnn", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = main.add_subparsers(required=True, metavar="COMMAND")
    add = {run: commands.add_parser(run.__name__.replace("_", "-"), help=run.__doc__, description=run.__doc__, allow_abbrev=False)
           for run in (throughput, largest_batch_size, accuracy)}  # fmt: skip
    for run, command in add.items():
        options.add_common(command)
        command.set_defaults(run=run)
    sizes = add[throughput]
    sizes.add_argument("--batch-sizes", type=options.batch_sizes, default=BATCH_SIZES, help="comma-separated (default: %(default)s)")
    in_rounds.add_options(sizes, time_cap_s=60)
    add[largest_batch_size].add_argument("--memory-limit", type=options.positive, metavar="MB",
                       help=f"default: the device's memory; on a CPU {CPU_MEMORY_LIMIT_MB}")  # fmt: skip
    images = add[accuracy]
    images.add_argument("--images", required=True, metavar="DIR", help="one folder a class, or a flat folder with --labels")
    images.add_argument("--labels", metavar="FILE", help="lines of: file name, class number from 0")
    images.add_argument("--weights", default="pretrained", help="pretrained (may download), random, or a file (default: %(default)s)")
    images.add_argument("--batch-size", type=options.positive, default=64, help="(default: %(default)s)")
    images.add_argument("--dataset", default="ILSVRC 2012 validation", help="name for the record (default: %(default)s)")
    return main


if __name__ == "__main__":
    sys.exit(options.main(parser()))
