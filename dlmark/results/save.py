"""Save records as they are measured."""

import os
import sys
import tempfile
from collections.abc import Callable, Iterable
from contextlib import contextmanager, suppress
from pathlib import Path

from dlmark.machine import claims, lock
from dlmark.record import check, row, safe
from dlmark.results import journal
from dlmark.results.files import Line, ResultsError, read_lines, refuse_twins, results_folder, target_of, write_lines, writing

PROBE_BYTES = 1_000  # that a folder must have room for
LEAST_FOLD_BYTES = 2**20  # a journal up to this is small beside what writing it costs


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
        self._lines: dict[tuple, Line] = {}  # each as it was read or written, and the line that it is then
        self._seen: tuple | None = None  # the state of the file when it was last looked at
        self._read_to = 0  # and the journal's length
        self._is_behind = False  # whether something is held that neither of the two has
        with suppress(OSError):  # which the next lines tell
            self._look()
        with self._alone():  # now, and not after the first hour of measuring
            self._look()
            with tempfile.TemporaryFile(dir=target_of(self.path).parent) as probe:
                probe.write(bytes(PROBE_BYTES))
            if self._read_to:  # of a run that was killed
                self._write(self._records)
        claims.clear_files(target_of(self.path).parent)

    def get(self, record: dict) -> dict | None:
        """The record that is held for the same point and session, if any."""
        return self._records.get(row(record))

    def records(self) -> list[dict]:
        """All records that are held, in the file's order."""
        return list(self._records.values())

    def add(self, record: dict) -> None:
        """Check `record`, and save it in the place of an older one of the same point and session."""
        self.replace([record])

    def replace(self, records: Iterable[dict]) -> None:
        """Check `records`, save each in the place of an older one of the same point and session, and write the file once.

        Raises RecordError for a record that breaks the format and ResultsError if the file can't be written; the file
        is then as before.
        """
        new = list(records)
        self.update(lambda held: [*held, *new])

    def append(self, records: Iterable[dict]) -> None:
        """The same by way of the file's journal, which takes no longer where the file is large; `fold` writes the file. Raises as `replace`."""
        new = {row(record): check(record, f"{self.path.name}: new record") for record in records}
        with self._alone():
            self._look()
            if self._is_behind or not os.path.exists(self.path) or self._read_to > max(LEAST_FOLD_BYTES, self._seen[1]):
                self._write({**self._records, **new})  # seldom, so that all writing takes a time in proportion to the points
                return
            lines = {key: (record, journal.line(record)) for key, record in new.items()}
            journal.add(self._journal, [line for _, line in lines.values()])
            self._take(lines)
            self._read_to = journal.size(self._journal)

    def update(self, change: Callable[[list[dict]], list[dict]]) -> None:
        """Write what `change` makes of all the records that the file holds, while no other process writes it.

        Of several records of one row the last counts. Raises as `replace`.
        """
        with self._alone():
            self._look()
            held = self.records()
            known = set(map(id, held))  # these were checked when they came
            changed = [record if id(record) in known else check(record, f"{self.path.name}: new record") for record in change(held)]
            self._write({row(record): record for record in changed})

    def fold(self) -> None:
        """Write the file whole, with all that is in its journal or only here. Raises ResultsError if it can't be written."""
        if self._read_to or self._is_behind:
            self.update(lambda held: held)

    @property
    def _journal(self) -> Path:
        return journal.beside(target_of(self.path))

    def _write(self, records: dict[tuple, dict]) -> None:
        """Write all; what is the same object as before has its line as before. Without a record no file is made."""
        if not records and self._seen is None:
            return
        nothing = (None, None)
        lines = {key: (record, line if known is record and line else journal.line(record))
                 for key, record in records.items() for known, line in [self._lines.get(key, nothing)]}  # fmt: skip
        write_lines(self.path, (line for _, line in lines.values()))
        self._journal.unlink(missing_ok=True)
        self._records, self._lines, self._seen, self._read_to = records, lines, _state(self.path), 0
        self._is_behind = False

    def _take(self, lines: dict[tuple, Line]) -> None:
        self._lines |= lines
        self._records |= {key: record for key, (record, _) in lines.items()}

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
        """Take over what file and journal hold, if they are not as they were left."""
        state, size = _state(self.path), journal.size(self._journal)
        if state is None:
            self._journal.unlink(missing_ok=True)  # whoever removes the file means all of it
            self._read_to = 0
            return
        if state == self._seen and size == self._read_to:
            return
        if state == self._seen and size > self._read_to:  # another process has added to it
            added, read_to = journal.read(self._journal, self._read_to, size - self._read_to)
            self._take({row(record): (check(record, self._journal.name), line) for record, line in added})
            self._read_to = read_to
            return
        found = read_lines(self.path)
        refuse_twins([record for record, _ in found], self.path)
        self._records, self._lines = {}, {}
        self._take({row(record): (record, line) for record, line in found})
        self._seen, self._read_to = state, size

    def _is_as_it_was_left(self) -> bool:
        return _state(self.path) == self._seen


def _state(path: Path) -> tuple | None:
    """What differs between two versions of a file; None if there is no file, or none that may be looked at."""
    try:
        stat = os.stat(path)
    except OSError:
        return None
    return stat.st_ino, stat.st_size, stat.st_mtime_ns
