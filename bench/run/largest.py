"""The largest batch of any task's networks within the device's memory, or on a CPU within a limit that is enforced."""

import argparse
from typing import Any

from bench import adapters
from bench.run import network, options
from bench.run.plan import Plan
from bench.run.task import Task
from dlmark.machine import device, memory
from dlmark.measure import sweep
from dlmark.measure.largest import FIRST, largest_batch
from dlmark.measure.process import ProcessEnded, run_in_process
from dlmark.terminal.progress import progress

CPU_MEMORY_LIMIT_MB = 2_048
TRIALS = 8  # of one network, about
SILENCE_S = 600
# The allocator gives memory back at once and keeps it in one place: resident memory is then what the network needs. It
# costs speed, so throughput is measured without it.
ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536", "MALLOC_ARENA_MAX": "1"}


def try_batch(job: sweep.Job, framework: str, where: str, limit_mb: float, task: Task):
    """Yield the memory in MB that two calls of one batch took, and of that what the limit bounds: at its peak, and in the end.

    On a CPU the process may not grow by more than the limit.
    """
    device.state(where)  # raises where a GPU is lost
    network.make_ready(task, adapters.get(framework), job)
    adapters.get(framework).start(device.kind(where))
    _, held_mb = memory.data_mb()
    if where == "cpu":
        memory.limit_growth(limit_mb)
    loaded = network.load(task, job, framework, where)
    memory.reset_peak()
    _feed(loaded.network, task, tuple(job.fields["input_shape"]), job.batch_sizes[0])
    for _ in range(2):  # the second call shows what the first leaves behind
        loaded.network.run()
        loaded.network.wait()
    bounded_mb = [mb - held_mb for mb in memory.data_mb()] if where == "cpu" else [device.memory_used_mb(where)]
    yield network.memory(where, loaded)["device_mem"], bounded_mb


def _feed(loaded, task: Task, shape: tuple[int, ...], batch_size: int) -> None:
    """A few items differ; where the network can, they are repeated on the device: thousands of images take gigabytes and minutes on the host."""
    if hasattr(loaded, "feed_repeated"):
        loaded.feed_repeated(task.different(shape, batch_size), batch_size)
    else:
        loaded.feed(task.batches(shape, batch_size))


def largest_batch_size(opts: argparse.Namespace) -> int:
    """Find the largest batch of every network within the device's memory, or on a CPU within a limit that is enforced."""
    _must_be_bounded(opts)
    plan = Plan(opts, opts.script, "benchmark_largest_batch_size", task=opts.task)
    limit_mb = device.memory_total_mb(plan.where) if plan.where != "cpu" else opts.memory_limit or CPU_MEMORY_LIMIT_MB
    untuned = getattr(plan.asked.adapter, "untuned", {}) if plan.where != "cpu" else {}
    tuning: dict[str, Any] = {"autotune": "off"} if untuned and "autotune" in plan.asked.fields else {}
    wanted = plan.jobs([1], memory_limit_mb=limit_mb, **tuning)
    jobs = [job for job in plan.missing_of(wanted) if job.batch_sizes]
    if plan.announce(wanted, jobs, {(job.model, 1): TRIALS * _trial_s(plan, job) for job in jobs}, f"within {limit_mb:,.0f} MB"):
        return 0  # a dry run
    with progress(len(jobs)) as show:
        for job in jobs:
            search = Search(job, plan, limit_mb, opts.task, ALLOCATOR | untuned, show)
            if not plan.until.allows(_trial_s(plan, job)) or not (record := search.result()):
                plan.left_out.add((job.model, 1))
                continue
            plan.keeping.keep(record, len(jobs), show)
            show.advance(1)
    return plan.finish()


def _trial_s(plan: Plan, job: sweep.Job) -> float:
    return plan.costs.process_s(job) + plan.costs.usual("first_call_s", job.model) + 1


def _must_be_bounded(opts: argparse.Namespace) -> None:
    """Raises UsageError where nothing holds a process to a limit, since a search would then end where the machine does."""
    on_cpu = device.kind(opts.device) == "cpu"
    if opts.memory_limit and not on_cpu:
        raise options.UsageError("--memory-limit is for the CPU: a GPU's memory is its own limit")
    if on_cpu and not memory.can_limit():
        raise options.UsageError(
            "the largest batch on a CPU is sought within a limit on memory, which only Linux holds a process to: seek it there, or on a GPU"
        )


class OutOfTime(Exception):
    """The search can't go on within the budget."""


class Search:
    """The search for one network's largest batch; what it has found so far is saved after each trial, and the next run begins there."""

    def __init__(self, job: sweep.Job, plan: Plan, limit_mb: float, task: Task, environment: dict[str, str], show):
        self._job, self._plan, self._limit_mb, self._task, self._show = job, plan, limit_mb, task, show
        self._environment = plan.environment | environment
        self._used_mb: dict[int, float] = {}
        self._ended: dict[int, ProcessEnded] = {}  # the batches that did not fit, and how they ended
        before = plan.newest.get(job.record(1)) or {}
        self._first = before["batch_size"] if before.get("status") == "time_cap" else FIRST

    def result(self) -> dict | None:
        """The record of what came of it; None where the time was up before."""
        try:
            largest, trials = largest_batch(self._memory_mb, self._limit_mb, self._first)
            return self._failure() if not largest else self._found(largest, trials)
        except OutOfTime:
            return None
        except ProcessEnded as end:
            return self._record(1, status=end.status, reason=end.reason)

    def _memory_mb(self, batch_size: int) -> list[float] | None:
        """The figures that the limit bounds; None where the batch did not fit, or ended in a crash, as far too large ones do."""
        self._show.at(f"{self._job.model} batch {batch_size}")
        job = sweep.Job(self._job.model, [batch_size], self._job.fields, options=self._job.options)
        args = (job, self._plan.framework, self._plan.where, self._limit_mb, self._task)
        try:
            ((self._used_mb[batch_size], bounded_mb),) = self._run(try_batch, *args)
        except ProcessEnded as end:
            if self._plan.until.is_over():
                raise OutOfTime from end
            if end.status in ("unsupported", "timed_out") and not self._used_mb:
                raise
            self._ended[batch_size] = end
            bounded_mb = None
        self._save_so_far()
        return bounded_mb

    def _run(self, function, *args):
        if not self._plan.until.allows(0):
            raise OutOfTime
        return run_in_process(function, *args, silence_s=self._plan.until.at_most(SILENCE_S), environment=self._environment)

    def _save_so_far(self) -> None:
        """A record of what fitted so far, which the search goes on from should it be stopped now."""
        if not self._used_mb:
            return
        fits, item = max(self._used_mb), self._task.item
        beyond = f"{min(self._ended):,} did not" if self._ended else "more was not tried"
        reason = f"the search was stopped: {fits:,} {item}s fitted and {beyond}; the same command goes on"
        self._plan.results.add(self._record(fits, status="time_cap", reason=reason))

    def _found(self, largest: int, trials: int) -> dict:
        beyond = self._ended.get(largest + 1)
        flags = []
        if beyond and beyond.status != "out_of_memory":
            # On a GPU a crash may be its end, and nothing fits any more.
            if self._plan.where != "cpu" and self._memory_mb(largest) is None:
                raise ProcessEnded("crashed", beyond.reason)
            flags = [f"batch {largest + 1} ended otherwise than for want of memory: {beyond.reason}"]
        return self._record(largest, device_mem=self._used_mb[largest], trials=trials, flags=flags, status="ok")

    def _failure(self) -> dict:
        """The record where not even one item went through."""
        end = self._ended[1]
        if end.status != "out_of_memory" and "SIGABRT" not in end.reason:  # a framework whose own threads can't get memory aborts without saying why
            return self._record(1, status=end.status, reason=end.reason)
        return self._record(1, status="out_of_memory", reason=f"not even one {self._task.item} fits into {self._limit_mb:,.0f} MB")

    def _record(self, batch_size: int, **fields) -> dict:
        return self._job.record(batch_size, **fields, measured_at=sweep.now())


def add_command(commands, task: Task, script: str) -> None:
    """Add the subcommand to a script's command line."""
    command = options.add_command(commands, largest_batch_size, task=task, script=script)
    command.add_argument("--memory-limit", type=options.positive, metavar="MB", help=f"default: the device's memory; on a CPU {CPU_MEMORY_LIMIT_MB}")
