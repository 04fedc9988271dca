"""What the pieces of a visit take: as they took here before where that is known, else what is usual."""

import argparse
from collections.abc import Iterable
from math import prod
from statistics import median
from types import ModuleType

from bench.run.task import DIFFERENT
from dlmark.measure import sweep
from dlmark.record import is_ok

PYTHON_S = 1.0  # a process: Python, NumPy and what else is imported before the framework
USUAL = {"import_s": 2.0, "build_s": 1.0, "first_call_s": 0.5}  # of a framework that does not say
# A random number of an input, and one that repeats another; two batches are made of them.
MAKE_S, REPEAT_S = 13.5e-9, 2e-9
CALLS = 6  # of a point, the fewest
RATE = {"cpu": 2e10, "gpu": 2e12}  # multiply-adds a second, of a CPU those of a thread; only slow points depend on it
CANARY_S = 1.5  # beside its process
CANARIES = 2  # a command and round


class Costs:
    """Seconds that are to be expected of one command's processes and points."""

    def __init__(self, adapter: ModuleType, kind: str, fields: dict, records: Iterable[dict]):
        """`fields` are those of all records of the command, `records` what its file holds already."""
        self._kind, self._fields = kind, fields
        self._held = [record for record in records if is_ok(record)]
        own: dict[str, float] = getattr(adapter, "usual_s", lambda *_: {})(kind, fields.get("mode"))
        self._usual = {**USUAL, **own}
        self.known = any(record.get("import_s") for record in self._held)

    def usual(self, name: str, model: str | None = None) -> float:
        """Of import_s, build_s or first_call_s: the median of the network in this mode and precision, else of all in them, else what is usual."""
        ways = [("precision", "mode")] if name == "first_call_s" else [("precision", "mode"), ()]
        for alike in ways:
            found = [r for r in self._held if r.get(name) is not None and all(r.get(way) == self._fields.get(way) for way in alike)]
            if found:
                return median([r[name] for r in found if r["model"] == model] or [r[name] for r in found])
        return self._usual[name]

    def process_s(self, job: sweep.Job, *, gated: bool = False) -> float:
        """A network's process until its first point: with the gate a second network is built in float32."""
        builds = 1 + (gated and self._fields.get("precision") != "float32")
        return PYTHON_S + self.usual("import_s") + builds * self.usual("build_s", job.model)

    def point_s(self, job: sweep.Job, batch_size: int, timed_s: float, time_cap_s: float) -> float:
        """A point in its process: its inputs, its first call, which may compile, and at least `timed_s` of calls."""
        calls_s = CALLS * batch_size * self._item_s(job)
        if time_cap_s and calls_s > time_cap_s:
            return 0.1  # it is left out
        return self.inputs_s(job, batch_size) + self.usual("first_call_s", job.model) + max(timed_s, calls_s)

    def inputs_s(self, job: sweep.Job, batch_size: int) -> float:
        """Two batches of random numbers."""
        return 2 * prod(job.fields.get("input_shape") or [0]) * (MAKE_S * min(batch_size, DIFFERENT) + REPEAT_S * batch_size)

    def command_s(self) -> float:
        """A command and round without its points: its own process, and the canary before and after."""
        each_s = PYTHON_S + CANARY_S + (0 if self._kind == "cpu" else self.usual("import_s") + self.usual("build_s") + self._usual["first_call_s"])
        return PYTHON_S + CANARIES * each_s

    def _item_s(self, job: sweep.Job) -> float:
        """Seconds an item: by the network's own throughput, else by how many multiply-adds others came to."""
        timed = [r for r in self._held if r.get("throughput")]
        if own := [1 / r["throughput"] for r in timed if r["model"] == job.model]:
            return median(own)
        rates = [r["throughput"] * r["multiply_adds"] for r in timed if r.get("multiply_adds")]
        rate = median(rates) if rates else RATE[self._kind] * (self._fields.get("threads") or 1 if self._kind == "cpu" else 1)
        return (job.fields.get("multiply_adds") or 0) / rate if job.fields.get("task") else 0.0

    def words(self, job: sweep.Job, batch_size: int) -> str:
        """What the pieces are expected to take, and whether that was measured here."""
        pieces = {"start": PYTHON_S + self.usual("import_s"), "build": self.usual("build_s"), "first call": self.usual("first_call_s"),
                  f"inputs of batch {batch_size}": self.inputs_s(job, batch_size)}  # fmt: skip
        return f"{', '.join(f'{what} {seconds:.1f} s' for what, seconds in pieces.items())} ({'as measured here' if self.known else 'usual, not measured here yet'})"


def shared(costs: Costs, opts: argparse.Namespace, jobs: list[sweep.Job], timed_s: float, *, gated: bool) -> dict[tuple[str, int], float]:
    """Of each point of the jobs the seconds of a visit, with its share of its process."""
    return {(job.model, b): costs.point_s(job, b, timed_s, opts.time_cap) + costs.process_s(job, gated=gated) / len(job.batch_sizes)
            for job in jobs for b in job.batch_sizes}  # fmt: skip
