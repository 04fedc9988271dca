"""Throughput over batch size, of any task: in a process of its own a record for each batch size."""

import argparse
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from statistics import median
from typing import Protocol

from bench.run import gate, in_rounds, network, options
from bench.run.contract import Network
from bench.run.plan import Plan
from bench.run.task import Task
from dlmark.machine import device, memory, sampler, turns, watch
from dlmark.measure import sweep, timing

CALLS_OF_A_POINT = 3 + timing.LEAST_BLOCKS  # first call and warm-up, then timed: the fewest
WARM_FLOOR_S = 0.3  # warm-up at a further batch size, in a process that has warmed up
HOSTS_BATCH = 8  # up to here a GPU mostly waits for the host, so that several are measured one after the other
OF_TIMES = ("import_s", "build_s", "first_call_s", "time_cap_s")  # what a record without a number keeps


class Timed(Protocol):
    """What is timed: the network itself, or what stands around it."""

    def run(self) -> None:
        """Queue one call."""

    def wait(self) -> None:
        """Wait until the device is done."""


def itself(network: Network) -> Timed:
    """What is timed where nobody stands between: the network, whose `run` queues a call and whose `wait` waits."""
    return network


def measure(job: sweep.Job, framework: str, where: str, rules: timing.Rules, time_cap_s: float | None, gated: bool, *, task: Task,
            training: bool = False, around: Callable[[Network], Timed] = itself):  # fmt: skip
    """Yield a record for each batch size, each announced before it starts; `gated` ones have gone through the gate.

    `around(network)` gives what is timed: `run` and `wait`, and perhaps `wrong`, which says in one sentence why the number does not count.
    """
    loaded, item_s = network.load(task, job, framework, where, training=training), job.item_s
    closed = gate.Gate(task, loaded.adapter, job, device.kind(where)) if gated else None
    for batch_size in job.batch_sizes:
        yield {"starting": batch_size, "model": job.model}
        needed_s = CALLS_OF_A_POINT * batch_size * item_s
        if time_cap_s and needed_s > time_cap_s:
            yield job.record(batch_size, **cut(needed_s, time_cap_s))
            continue
        loaded.network.feed(task.batches(tuple(job.fields["input_shape"]), batch_size, training=training))
        with turns.turn(alone=batch_size <= HOSTS_BATCH) as beside:
            timed = _timed(job, batch_size, loaded, around(loaded.network), where, rules) | beside
        rules = replace(rules, warmup_floor_s=min(WARM_FLOOR_S, rules.warmup_floor_s))  # the process has warmed up by now
        if timed.get("block_times_s"):
            item_s = median(timed["block_times_s"]) / timed["calls_per_block"] / batch_size
        # Only now, since the first call of this size, which may compile, has been timed.
        answered = closed.check(loaded.network, batch_size) if closed and timed["status"] == "ok" else {}
        if answered.get("status"):
            timed = {}
        yield job.record(batch_size, **{**timed, **loaded.phases, **answered, "time_cap_s": time_cap_s, "measured_at": sweep.now()})


def _timed(job: sweep.Job, batch_size: int, loaded: network.Loaded, timed: Timed, where: str, rules: timing.Rules) -> dict:
    """The fields of one timed point, with what was seen of device and host meanwhile."""
    memory.reset_peak()
    rules = replace(rules, calls_per_block=job.calls_per_block.get(batch_size))
    asked = timing.Device(watch=lambda: sampler.watch(where), energy_j=lambda: device.energy_j(where), **loaded.optional("events", "compilations"))
    try:
        found = timing.measure(timed.run, timed.wait, rules, device=asked, host=watch.Host())
    except timing.Recompiled as error:
        return {"status": "recompiled", "reason": str(error)}
    fields = {**timing.as_fields(found, batch_size), **network.memory(where, loaded, found.seen)}
    if wrong := getattr(timed, "wrong", lambda: None)():
        return {"status": "wrong_output", "reason": wrong, **{name: fields[name] for name in OF_TIMES if name in fields}}
    return {"status": "ok", **fields}


def cut(needed_s: float, time_cap_s: float) -> dict:
    """The fields of a point that would take longer than the cap."""
    reason = (f"the {CALLS_OF_A_POINT} calls that a point needs at least would take about {needed_s:.1f} s, "
              f"more than the cap of {time_cap_s:g} s")  # fmt: skip
    return {"status": "time_cap", "reason": reason, "time_cap_s": time_cap_s, "measured_at": sweep.now()}


def throughput(opts: argparse.Namespace) -> int:
    """Measure every network at every batch size that the results do not hold yet, in rounds."""
    plan = Plan(opts, opts.script, "benchmark_throughput", task=opts.task)
    wanted = plan.jobs(opts.batch_sizes)
    rules = in_rounds.rules(device.kind(plan.where), opts.seconds, energy=opts.energy)
    return in_rounds.measure(plan, wanted, opts, rules, partial(measure, task=opts.task))


def add_command(commands, task: Task, script: str) -> None:
    """Add the subcommand to a script's command line."""
    command = options.add_command(commands, throughput, task=task, script=script)
    command.add_argument("--batch-sizes", type=options.batch_sizes, default=task.batch_sizes, help="comma-separated (default: %(default)s)")
    in_rounds.add_options(command, time_cap_s=60)
