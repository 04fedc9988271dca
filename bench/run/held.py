"""What a result file holds: the newest record of each point, and the session that a run goes on with."""

from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime
from pathlib import Path

from dlmark.measure import session, sweep
from dlmark.record import newest, point, row
from dlmark.results.files import is_there, read_records, results_folder


class Held:
    """A result file that is only looked at."""

    def __init__(self, name: str, folder: str | None):
        self.path = results_folder(folder) / name
        self.read()

    @classmethod
    def at(cls, path: str | Path) -> "Held":
        """What the file of this path holds."""
        return cls(Path(path).name, str(Path(path).parent))

    def read(self) -> None:
        """Look again at what the file holds."""
        self._records = {row(record): record for record in (read_records(self.path) if is_there(self.path) else [])}

    def get(self, record: dict) -> dict | None:
        """The record that is held for the same point and session, if any."""
        return self._records.get(row(record))

    def records(self) -> list[dict]:
        """All records that are held."""
        return list(self._records.values())


class Newest:
    """Of each point the newest record."""

    def __init__(self, records: Iterable[dict]):
        self._records = {point(record): record for record in newest(records)}

    def get(self, record: dict) -> dict | None:
        """The newest record of the same point, if any."""
        return self._records.get(point(record))

    def of(self, jobs: Iterable[sweep.Job]) -> list[dict]:
        """Those of the points of these jobs, as far as there are any."""
        return [record for job in jobs for b in job.batch_sizes if (record := self.get(job.record(b)))]


def all_failed(records: Collection[dict]) -> bool:
    """Whether there are some, and nothing but failures that say nothing of the networks."""
    return bool(records) and all(record["status"] in ("crashed", "timed_out", "unsupported") for record in records)


def session_of(jobs: Iterable[sweep.Job], fields: dict, records: list[dict], *, again: bool, begun: str | None = None,
               clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> str:  # fmt: skip
    """The session in which `jobs` are measured: one of the last day that they go on with, else `begun`, else a new one.

    To measure `again` goes on only with a session that was begun for that and lacks something of them.
    """
    wanted = [point(job.record(b)) for job in jobs for b in job.batch_sizes]

    def is_complete(name: str) -> bool:
        has = {point(record) for record in records if record.get("session") == name}
        return all(one in has for one in wanted)

    if again and begun and not is_complete(begun) and any(record.get("session") == begun for record in records):
        return begun
    now = clock()
    return session.going_on(records, fields, now, is_complete if again else None) or begun or session.new(now, again=again)
