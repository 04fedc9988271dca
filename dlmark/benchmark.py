"""Load result files, and save records as they are measured."""

import os
import tempfile
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from pathlib import Path

from dlmark import claims, lock
from dlmark.files import (
    OLD_NAMES,
    NothingMatches,
    ResultsError,
    file_name,
    is_there,
    matching,
    read_records,
    refuse_twins,
    results_folder,
    slug,
    target_of,
    write_records,
    writing,
)
from dlmark.progress import tell
from dlmark.record import check, point
from dlmark.terminal import safe

PROBE_BYTES = 1_000  # that a folder must have room for

__all__ = ["OLD_NAMES", "NothingMatches", "ResultsError", "SaveResults", "file_name", "is_there", "load_results", "matching", "read_records", "refuse_twins",
           "results_folder", "slug", "write_records"]  # fmt: skip


def load_results(pattern: str, folder: str | os.PathLike | None = None, *, every_field: bool = False):
    """Load every result file that `pattern` names into one pandas DataFrame, a row a record, a column a field.

    `pattern` is a glob relative to the results folder. `x.json` means the whole set, `x__<framework>__<device>.json`
    too. Rows come in the order of file name and record. A column is there if any record has a value in the field; `file`
    names the record's file, and `status` is "ok" where a record does not say otherwise. `block_times_s` holds a read-only NumPy
    array a row: ask for its length, not whether it is true. Equal lists and tables of several rows may be one object.
    With `every_field` every field is a column: for pages, which ask for fields that perhaps no record has.

    Raises NothingMatches, a ResultsError, if nothing matches, ResultsError if a file is not readable JSON, RecordError if a record breaks the format.
    """
    from dlmark import cells, columns, loading  # here, so that measuring needs no numpy

    folder = results_folder(folder)
    names = matching(pattern, folder)
    if not names:
        raise NothingMatches(pattern, _where(folder))
    with loading.without_garbage_collection():
        parts = loading.load([folder / name for name in names])
        frame = cells.frame(columns.joined(parts), names)
        return cells.with_every_field(frame) if every_field else frame


class SaveResults:
    """One result file that is whole after every record: a kill at any moment loses no finished point.

    Several processes may save into one file: each holds a lock while it takes over what the others wrote, and writes.
    """

    patience_s = lock.PATIENCE_S  # how long another process is waited for

    def __init__(self, name: str, folder: str | os.PathLike | None = None, tell: Callable[[str], None] = tell):
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


def _where(folder: Path) -> str:
    names = sorted(safe(path.name) for path in folder.glob("*.json")) if folder.is_dir() else []
    if not names:
        return (f": {safe(str(folder))} holds none. Measure this machine with `make results`, or set DLMARK_RESULTS to the folder results "
                "of a clone of the repository.")  # fmt: skip
    listed = "\n  ".join(names[:20]) + ("\n  …" if len(names) > 20 else "")
    return f" in {safe(str(folder))}. There are:\n  {listed}"
