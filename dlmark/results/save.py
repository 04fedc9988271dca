"""Save records as they are measured."""

import os
import sys
import tempfile
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from pathlib import Path

from dlmark.machine import claims, lock
from dlmark.record import check, point, safe
from dlmark.results.files import ResultsError, read_records, refuse_twins, results_folder, target_of, write_records, writing

PROBE_BYTES = 1_000  # that a folder must have room for


def on_standard_error(line: str) -> None:
    """Say something that does not belong to the output."""
    print(safe(line), file=sys.stderr, flush=True)


class SaveResults:
    """One result file that is whole after every record: a kill at any moment loses no finished point.

    Several processes may save into one file: each holds a lock while it takes over what the others wrote, and writes.
    """

    patience_s = lock.PATIENCE_S  # how long another process is waited for

    def __init__(self, name: str, folder: str | os.PathLike | None = None, tell: Callable[[str], None] = on_standard_error):
        """Open `name` in the results folder, with what it holds already. Raises ResultsError if it can't be written.

        `tell` gets a line where another process is waited for.
        """
        self.path, self.tell = results_folder(folder) / name, tell
        self._records: dict[tuple, dict] = {}
        self._seen = None
        self._look()
        with self._alone():  # now, and not after the first hour of measuring
            self._look()
            with tempfile.TemporaryFile(dir=target_of(self.path).parent) as probe:
                probe.write(bytes(PROBE_BYTES))
        claims.clear_files(target_of(self.path).parent)

    def get(self, record: dict) -> dict | None:
        """The record that is held for the same point, if any."""
        return self._records.get(point(record))

    def records(self) -> list[dict]:
        """All records that are held, in the file's order."""
        return list(self._records.values())

    def add(self, record: dict) -> None:
        """Check `record`, put it in the place of an older one of the same point, and write the file."""
        self.replace([record])

    def replace(self, records: Iterable[dict]) -> None:
        """Check `records`, put each in the place of an older one of the same point, and write the file once.

        Raises RecordError for a record that breaks the format and ResultsError if the file can't be written; the file
        is then as before.
        """
        new = list(records)
        self.update(lambda held: [*held, *new])

    def update(self, change: Callable[[list[dict]], list[dict]]) -> None:
        """Write what `change` makes of all the records that the file holds, while no other process writes it.

        Of several records of one point the last counts. Raises as `replace`.
        """
        with self._alone():
            self._look()
            held = self.records()
            known = set(map(id, held))  # these were checked when they came
            changed = [record if id(record) in known else check(record, f"{self.path.name}: new record") for record in change(held)]
            together = {point(record): record for record in changed}
            write_records(self.path, together.values())
            self._records, self._seen = together, _state(self.path)

    @contextmanager
    def _alone(self):
        """Make the folder, and keep other processes from writing the file."""
        try:
            with writing(self.path):
                target = target_of(self.path)
                with lock.writing(target.with_name(f".{target.name}.lock"), self.tell, self.patience_s):
                    yield
        except lock.NotToBeHad as error:
            raise ResultsError(f"{self.path}: can't be locked: {error}, or name another folder with --results or DLMARK_RESULTS.") from error

    def _look(self) -> None:
        """Take over what the file holds, if it is not as it was left."""
        state = _state(self.path)
        if state is None or state == self._seen:
            return
        held = read_records(self.path)
        refuse_twins(held, self.path)
        self._records, self._seen = {point(record): record for record in held}, state

    def _is_as_it_was_left(self) -> bool:
        return _state(self.path) == self._seen


def _state(path: Path) -> tuple | None:
    """What differs between two versions of a file; None if there is no file, or none that may be looked at."""
    try:
        stat = os.stat(path)
    except OSError:
        return None
    return stat.st_ino, stat.st_size, stat.st_mtime_ns
