"""The quality of any task's networks over a folder of data: each task says what that is and how it is counted."""

import argparse
import hashlib
import os
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol

from bench import adapters
from bench.run import options
from bench.run.plan import Plan
from bench.run.task import Task
from dlmark.machine import device
from dlmark.measure import sweep
from dlmark.measure.process import ProcessEnded, run_in_process
from dlmark.terminal.progress import progress

ITEM_S = 0.05  # reading it included: a guess, for the time that is said beforehand


class Data(Protocol):
    """What is evaluated."""

    @property
    def fields(self) -> dict:
        """What every record says of it, `images`, the number of items, among it."""


class Quality(NamedTuple):
    """How a task's quality is counted.

    `data(opts)` gives what `evaluate` needs, without opening any of it, and `checked(data, opts)` what of it can be used; both raise
    UsageError where that is not what is there. `evaluate(answers, data, batch_size, preprocessing)` yields (items seen, the record's
    fields so far) after each batch, where `answers` takes a tuple of arrays and gives one.
    """

    data: Callable[[argparse.Namespace], Data]
    checked: Callable[[Any, argparse.Namespace], Data]
    evaluate: Callable[..., Iterator[tuple[int, dict]]]


def count(job: sweep.Job, framework: str, where: str, weights: str, data: Data, task: Task, quality: Quality):
    """Yield (items seen, the record's fields so far) after each batch; in a process of its own."""
    adapter = adapters.get(framework)
    network = adapter.load(task.name, job.model, device.kind(where), job.fields["precision"], mode=job.fields["mode"], weights=weights, **job.options)
    wanted: dict = getattr(adapter, "preprocessing", lambda *_: {})(task.name, job.model, weights) if weights != "random" else {}
    which = {"weights_version": wanted["of"]} if "of" in wanted else {}
    for seen, fields in quality.evaluate(network.answers, data, job.batch_sizes[0], _for_size(wanted, job.fields["input_shape"][-1])):
        yield seen, {**fields, **which}


def _for_size(wanted: dict, side: int) -> dict:
    """Where another size than the weights' own was asked for: the same margin around it."""
    if wanted.get("crop", side) == side:
        return {"crop": side, **wanted}
    return {**wanted, "resize": round(wanted["resize"] * side / wanted["crop"]), "crop": side}


def measure(opts: argparse.Namespace, function: str, quality: Quality) -> int:
    """Count the quality of every network that the results do not hold yet."""
    plan, data = Plan(opts, opts.script, function, task=opts.task), quality.data(opts)
    common = {"dataset": opts.dataset or f"{os.path.basename(os.path.abspath(opts.images))} (a folder of the user's)", "weights": _weights(opts.weights)}
    wanted, jobs = _jobs(plan, opts, {**common, **data.fields})
    if jobs and not opts.dry_run:
        data = quality.checked(data, opts)
        wanted, jobs = _jobs(plan, opts, {**common, **data.fields})
    items = data.fields["images"]
    if plan.announce(wanted, jobs, len(jobs) * items * ITEM_S, f"{items:,} {opts.task.item}s each"):
        return 0  # a dry run
    with progress(len(jobs) * items) as show:
        for job in jobs:
            show.at(job.model)
            plan.keeping.keep(_counted(job, plan, opts, data, quality, show), len(jobs), show)
    return plan.finish()


def _jobs(plan: Plan, opts: argparse.Namespace, fields: dict) -> tuple[list[sweep.Job], list[sweep.Job]]:
    """All jobs, and those of them that are to be done."""
    wanted = plan.jobs([opts.batch_size], **fields)
    return wanted, [job for job in plan.missing_of(wanted) if job.batch_sizes]


def _weights(weights: str) -> str:
    """What the record calls them; those of a file with its checksum, since other files may have its name. Raises UsageError where there is no such file."""
    if weights in ("pretrained", "random"):
        return weights
    if not os.path.isfile(weights):
        raise options.UsageError(f"no file {weights}: --weights is pretrained, random or a file")
    with open(weights, "rb") as file:
        return f"{os.path.basename(weights)} (sha256 {hashlib.file_digest(file, 'sha256').hexdigest()[:12]})"


def _counted(job: sweep.Job, plan: Plan, opts: argparse.Namespace, data: Data, quality: Quality, show) -> dict:
    seen, found = 0, {}
    try:
        args = (job, plan.framework, plan.where, opts.weights, data, opts.task, quality)
        for so_far, found in run_in_process(count, *args, silence_s=600, environment=plan.environment):
            show.advance(so_far - seen)
            seen = so_far
    except ProcessEnded as end:
        return job.record(job.batch_sizes[0], status=end.status, reason=end.reason, measured_at=sweep.now())
    return job.record(job.batch_sizes[0], **found, status="ok", measured_at=sweep.now())


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the options of all tasks."""
    command.add_argument("--weights", default="pretrained", help="pretrained (may download), random, or a file (default: %(default)s)")
    command.add_argument("--batch-size", type=options.positive, default=64, help="(default: %(default)s)")
    command.add_argument("--dataset", help="the data's name for the record, such as 'ILSVRC 2012 validation' (default: the folder's)")
    command.add_argument(
        "--skip-unreadable", type=options.count, default=0, metavar="N", help="leave out up to so many that can't be read (default: %(default)s)"
    )
