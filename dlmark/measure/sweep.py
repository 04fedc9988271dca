"""Measure many networks at many batch sizes: a process a network, a record a point, nothing lost on the way."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from time import monotonic
from typing import Protocol

from dlmark.measure import rounds
from dlmark.measure.process import ProcessEnded, run_in_process
from dlmark.record import FORMAT_VERSION, MEASURED, is_ok, plain


class Held(Protocol):
    """What is held already: dlmark.results.save.SaveResults, or the like."""

    def get(self, record: dict) -> dict | None:
        """The record of the same point, if any."""


@dataclass
class Job:
    """One network's points that are to be measured in one process, smallest batch first."""

    model: str
    batch_sizes: list[int]
    fields: dict = field(default_factory=dict)  # what every record of the job has in common
    image_s: float = 0  # seconds an image at the nearest batch size that is known, to foretell what the next will take
    calls_per_block: dict[int, int] = field(default_factory=dict)  # by batch size, as in an earlier round

    def record(self, batch_size: int, **fields) -> dict:
        """A record of this job's network at one batch size."""
        record = {"model": self.model, "batch_size": batch_size, **self.fields, **{n: _readable(v) for n, v in fields.items()}}
        return {name: _plain(value) for name, value in record.items()}


def common_fields(**fields) -> dict:
    """What every measured record has: its source, the format's version, and `fields`."""
    return {"workload": "inference", **fields, "source": MEASURED, "format_version": FORMAT_VERSION}


def now() -> str:
    """The time as the record has it: ISO 8601, UTC."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def missing(job: Job, results: Held, again: bool = False, time_cap_s: float = 0, number: int = 1) -> Job:
    """The part of `job` that `results` does not hold yet.

    What crashed or hung, or was cut by a smaller cap, is tried again; and what lacks some of its `number` rounds, where the driver or a
    setting is not what it was in the first.
    """

    def is_missing(batch_size: int) -> bool:
        held = results.get(job.record(batch_size))
        if again or held is None or held.get("status") in ("crashed", "timed_out", "recompiled"):
            return True
        if rounds.lacks(held, number) and rounds.is_set_otherwise(held, job.fields):
            return True
        return held.get("status") == "time_cap" and (held.get("time_cap_s") or 0) < time_cap_s

    held = [record for b in sorted(job.batch_sizes) if (record := results.get(job.record(b)))]
    return Job(job.model, [b for b in sorted(job.batch_sizes) if is_missing(b)], job.fields, _image_s(held, job.image_s))


def next_round(jobs: list[Job], results: Held, number: int) -> list[Job]:
    """What `jobs` still need for `number` rounds: the points that have fewer, every second round in reverse order.

    Points of which a round was disturbed to the end are measured once more, when they have all of their rounds.
    """
    order = -1 if number % 2 == 0 else 1
    lacking = []
    for job in jobs[::order]:
        held = {b: record for b in sorted(job.batch_sizes) if rounds.lacks(record := results.get(job.record(b)) or {}, number)}
        calls = {b: record["calls_per_block"] for b, record in held.items()}
        lacking.append(Job(job.model, list(held)[::order], job.fields, _image_s(list(held.values()), job.image_s), calls))
    return [job for job in lacking if job.batch_sizes]


def visits(jobs: list[Job], first: list[Job], results: Held, number: int) -> int:
    """How many times a point is going to be timed, where `first` is what the first of `number` rounds will measure."""
    new = {(job.model, b) for job in first for b in job.batch_sizes}
    held = {(job.model, b): results.get(job.record(b)) or {} for job in jobs for b in job.batch_sizes}
    return sum(number if point in new else _lacking(record, number) for point, record in held.items())


def _lacking(record: dict, number: int) -> int:
    """How many rounds a record that is held still lacks; one where a round was disturbed to the end."""
    return max(number - rounds.count(record), 1) if rounds.lacks(record, number) else 0


def run(jobs: Iterable[Job], measure: Callable[..., Iterator[dict]], *args, silence_s: float, environment: dict) -> Iterator[dict]:
    """Yield a record for every point of every job, in order.

    `measure(job, *args)` runs in a process of its own; it yields {"starting": batch size} before each point and the
    point's record after it, and both come through. Where it fails or dies, the point that it was at gets a record with
    the reason, and the points after it a new process; after out-of-memory the larger batches are recorded as such
    without a try.
    """
    for job in jobs:
        left, image_s = list(job.batch_sizes), job.image_s
        while left:
            part = replace(job, batch_sizes=left, image_s=image_s)
            spent = _Spent(len(left))
            try:
                for record in run_in_process(measure, part, *args, silence_s=silence_s, environment=environment):
                    if "starting" in record:
                        spent.begins()
                        yield record
                    else:
                        left.remove(record["batch_size"])
                        image_s = _image_s([record], image_s)
                        yield {**record, "spent_s": spent.ends()}
                break
            except ProcessEnded as end:
                failed = _after(end, left)
                left = [b for b in left if b not in failed]
                for batch_size, reason in failed.items():
                    yield job.record(batch_size, status=end.status, reason=reason, measured_at=now())


class _Spent:
    """Seconds that each point took, with an even share of those before the first one: starting, importing, building."""

    def __init__(self, points: int):
        self._points, self._share, self._at = points, None, monotonic()

    def begins(self) -> None:
        if self._share is None:
            self._share = (monotonic() - self._at) / self._points
            self._at = monotonic()

    def ends(self) -> float:
        before, self._at = self._at, monotonic()
        return _readable((self._share or 0.0) + self._at - before)


def _readable(value: object) -> object:
    """Floats to six significant digits: no clock here is better than that, and the files stay readable."""
    return float(f"{value:.6g}") if isinstance(value, float) else value


def _plain(value: object) -> object:
    """Texts as a file may hold them: whatever an error's message, a device's name or a command brings along, no point is lost for it."""
    if isinstance(value, dict):
        return {plain(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list) and any(isinstance(item, str) for item in value):
        return [_plain(item) for item in value]
    return plain(value) if isinstance(value, str) else value


def _image_s(records: list[dict], otherwise: float) -> float:
    """Seconds an image in the last record that has a throughput."""
    known = [record["throughput"] for record in records if record.get("throughput")]
    return 1 / known[-1] if known else otherwise


def _after(end: ProcessEnded, left: list[int]) -> dict[int, str]:
    """The batch sizes that need no further try after `end`, each with the reason."""
    if not left:  # it died after its last record
        return {}
    failed = {left[0]: end.reason}
    if end.status == "out_of_memory":
        failed |= {b: f"not tried: batch {left[0]} already ran out of memory" for b in left[1:] if b > left[0]}
    if end.status == "unsupported":
        failed |= dict.fromkeys(left[1:], end.reason)
    return failed


def tally(records: Iterable[dict]) -> str:
    """How many points were measured, and how many not and why, in one line."""
    counts: dict[str, int] = {}
    for record in records:
        status = "measured" if is_ok(record) else record["status"].replace("_", " ")
        counts[status] = counts.get(status, 0) + 1
    return ", ".join(f"{count} {status}" for status, count in counts.items()) or "nothing to measure"


def one_line(record: dict) -> str:
    """A record as one line for the terminal."""
    name = f"{record['model']} batch {record['batch_size']}"
    if not is_ok(record):
        return f"{name}: {record['status'].replace('_', ' ')}: {record['reason']}"
    if record.get("throughput"):
        width = record.get("throughput_half_width")
        interval = f" ±{width / record['throughput']:.1%}" if width is not None else ""
        grade = f", grade {record['grade']}" if record.get("grade") else ""
        flags = f" ({'; '.join(record['flags'])})" if record.get("flags") else ""
        return f"{name}: {record['throughput']:,.1f} images/s{interval}{grade}{flags}"
    if record.get("accuracy") is not None:
        return f"{name}: top-1 {record['accuracy']:.2%}, top-5 {record['accuracy_top5']:.2%} of {record['images']:,} images"
    return f"{name} is the largest within {record['memory_limit_mb']:,.0f} MB, after {record['trials']} trials"
