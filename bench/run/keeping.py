"""Keeping what is measured: a record is saved once a visit, and what all of a session say of each other when a round ends."""

from collections.abc import Callable
from itertools import islice

from bench.run.held import Newest
from dlmark.measure import rounds, sweep
from dlmark.record import row, words
from dlmark.results.rescue import RunResults

RECENT = 50  # points whose rounds tell how far processes differ, while a run goes on; in the end all do


class Keeping:
    """The records of one command in one session of a result file. `derive` adds to a record what follows from its numbers."""

    def __init__(self, results: RunResults, session: str, derive: Callable[[dict], dict]):
        self.results, self._session, self._derive = results, session, derive
        self._done: dict[tuple, dict] = {}
        self._kept = 0

    def keep(self, record: dict, points: int, show) -> None:
        """Save one record, and say it in the display as one of `points`."""
        record = self._derive(record)
        self.results.add(record)
        self._kept += 1
        self._done[row(record)] = record
        show.done(self._kept, max(points, self._kept), words.one_line(record))

    def change(self, records: list[dict]) -> None:
        """Take over records that say more than before of points that this command has measured; they are saved when they are settled."""
        self._done |= {row(record): record for record in records}

    def settle(self) -> None:
        """Work out interval and grade of all of this session's records, since each says something of the others; those of other sessions stay as they are."""

        def settled(held: list[dict]) -> list[dict]:
            own = {place: self._done.get(row(record), record) for place, record in enumerate(held) if record.get("session") == self._session}
            found = dict(zip(own, map(self._derive, rounds.settle(own.values()))))
            return [found.get(place, record) for place, record in enumerate(held)]

        self.results.update(settled)
        self._done = {key: self.results.get(record) or record for key, record in self._done.items()}

    @property
    def done(self) -> list[dict]:
        """What this command has measured so far, a record a point."""
        return list(self._done.values())

    def recent(self, record: dict) -> list[dict]:
        """Some other points of this session, the last ones: they tell how far processes differ."""
        return [other for other in islice(reversed(self._done.values()), RECENT) if row(other) != row(record)]

    def records(self, wanted: list[sweep.Job]) -> list[dict]:
        """The newest records of all that was asked for, also those from earlier runs."""
        return Newest(self.results.records()).of(wanted)
