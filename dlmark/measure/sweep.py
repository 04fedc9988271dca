"""Measure many networks at many batch sizes: a process a network, a record a point, nothing lost on the way."""

from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from time import monotonic
from typing import Any, Protocol

from dlmark.measure import rounds, session
from dlmark.measure.process import ProcessEnded, run_in_process
from dlmark.record import FORMAT_VERSION, MEASURED, plain


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
    item_s: float = 0  # seconds an item at the nearest batch size that is known, to foretell what the next will take
    calls_per_block: dict[int, int] = field(default_factory=dict)  # by batch size, as in an earlier round
    options: dict = field(default_factory=dict)  # with which the network is loaded, such as another size of its inputs

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


def missing(job: Job, newest: Held, again: bool = False, time_cap_s: float = 0, number: int = 1) -> Job:
    """The part of `job` that `newest`, which gives the newest record of a point, does not hold yet; see `why_missing`."""
    sizes = sorted(job.batch_sizes)
    held = [record for b in sizes if (record := newest.get(job.record(b)))]
    left = [b for b in sizes if why_missing(job, newest.get(job.record(b)), again, time_cap_s, number) is not None]
    return replace(job, batch_sizes=left, item_s=_item_s(held, job.item_s))


def why_missing(job: Job, held: dict | None, again: bool, time_cap_s: float, number: int) -> str | None:
    """Why a point has to be measured of which `held` is the newest record; empty where that needs no word, None where it need not.

    What crashed or hung, or was cut by a smaller cap, is tried again, and any other failure where what it came from is otherwise now; and what
    another session measured under other conditions, or in fewer than `number` rounds, which no round of today can be put beside.
    """
    if held is None or held.get("status") in ("crashed", "timed_out", "recompiled"):
        return ""
    if mended := session.mended(held, job.fields):
        return ", ".join(mended)
    if held.get("session") is None or held["session"] != job.fields.get("session"):
        if again:
            return ""
        if others := session.differences(held, job.fields):
            return ", ".join(others)
        if 0 < rounds.count(held) < number:
            return f"{rounds.count(held)} of {number} rounds in an earlier session"
    elif 0 < rounds.count(held) < number and not _on_this_board(held, job):
        return f"{rounds.count(held)} of {number} rounds on another board of this name"
    return "" if held.get("status") == "time_cap" and _was_cut_short(held, time_cap_s) else None


def _was_cut_short(held: dict, time_cap_s: float) -> bool:
    """Whether today's cap allows for more; a search for the largest batch has none, and goes on where it was stopped."""
    return held.get("memory_limit_mb") is not None or (held.get("time_cap_s") or 0) < time_cap_s


def next_round(jobs: list[Job], results: Held, number: int) -> list[Job]:
    """What `jobs` still need for `number` rounds: the points that have fewer, every second round in reverse order.

    Points of which a round was disturbed to the end are measured once more, when they have all of their rounds.
    """
    order = -1 if number % 2 == 0 else 1
    lacking = []
    for job in jobs[::order]:
        found = {b: results.get(job.record(b)) or {} for b in sorted(job.batch_sizes)}
        held = {b: record for b, record in found.items() if rounds.lacks(record, number) and _on_this_board(record, job)}
        calls = {b: record["calls_per_block"] for b, record in held.items()}
        lacking.append(replace(job, batch_sizes=list(held)[::order], item_s=_item_s(list(held.values()), job.item_s), calls_per_block=calls))
    return [job for job in lacking if job.batch_sizes]


def _on_this_board(record: dict, job: Job) -> bool:
    """Whether the GPU that measured a record is the one of the job, as far as both are told: two of one name differ by more than two rounds do."""
    one, other = record.get("device_uuid"), job.fields.get("device_uuid")
    return one == other or None in (one, other)


def visits(jobs: list[Job], first: list[Job], results: Held, number: int) -> int:
    """How many times a point is going to be timed, where `first` is what the first of `number` rounds will measure."""
    new = {(job.model, b) for job in first for b in job.batch_sizes}
    held = {(job.model, b): results.get(job.record(b)) or {} for job in jobs for b in job.batch_sizes}
    return sum(number if point in new else _lacking(record, number) for point, record in held.items())


def _lacking(record: dict, number: int) -> int:
    """How many rounds a record that is held still lacks; one where a round was disturbed to the end."""
    return max(number - rounds.count(record), 1) if rounds.lacks(record, number) else 0


def run(
    jobs: Iterable[Job], measure: Callable[..., Iterator[dict]], *args, silence_s: float | Callable[[], float], environment: dict
) -> Generator[dict, None, None]:
    """Yield a record for every point of every job, in order.

    `measure(job, *args)` runs in a process of its own; it yields {"starting": batch size} before each point and the
    point's record after it, and both come through. Where it fails or dies, the point that it was at gets a record with
    the reason, and the points after it a new process; after out-of-memory the larger batches are recorded as such
    without a try.
    """
    for job in jobs:
        left, item_s = list(job.batch_sizes), job.item_s
        while left:
            part = replace(job, batch_sizes=left, item_s=item_s)
            spent = _Spent(len(left))
            try:
                for record in run_in_process(measure, part, *args, silence_s=silence_s, environment=environment):
                    if "starting" in record:
                        spent.begins()
                        yield record
                    else:
                        left.remove(record["batch_size"])
                        item_s = _item_s([record], item_s)
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
        self._points, self._at = points, monotonic()
        self._share: float | None = None

    def begins(self) -> None:
        if self._share is None:
            self._share = (monotonic() - self._at) / self._points
            self._at = monotonic()

    def ends(self) -> float:
        before, self._at = self._at, monotonic()
        return _readable((self._share or 0.0) + self._at - before)


def _readable(value: Any) -> Any:
    """Floats to six significant digits: no clock here is better than that, and the files stay readable."""
    return float(f"{value:.6g}") if isinstance(value, float) else value


def _plain(value: object) -> object:
    """Texts as a file may hold them: whatever an error's message, a device's name or a command brings along, no point is lost for it."""
    if isinstance(value, dict):
        return {plain(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list) and any(isinstance(item, str) for item in value):
        return [_plain(item) for item in value]
    return plain(value) if isinstance(value, str) else value


def _item_s(records: list[dict], otherwise: float) -> float:
    """Seconds an item in the last record that has a throughput."""
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
