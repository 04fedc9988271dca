"""Load result files into one DataFrame."""

import os
from pathlib import Path

from dlmark.record import safe
from dlmark.results.files import NothingMatches, matching, results_folder


def load_results(pattern: str, folder: str | os.PathLike | None = None, *, history: bool = False, every_field: bool = False):
    """Load every result file that `pattern` names into one pandas DataFrame, a row a record, a column a field.

    `pattern` is a glob relative to the results folder. `x.json` means the whole set, `x__<framework>__<device>.json`
    too. Where a file holds a point of several sessions, the newest is loaded, and with `history` all of them. Rows come in the order of file name and record. A column is there if any record has a value in the field; `file`
    names the record's file, and `status` is "ok" where a record does not say otherwise. `block_times_s` holds a read-only NumPy
    array a row: ask for its length, not whether it is true. Equal lists and tables of several rows may be one object.
    With `every_field` every field is a column: for pages, which ask for fields that perhaps no record has.

    Raises NothingMatches, a ResultsError, if nothing matches, ResultsError if a file is not readable JSON, RecordError if a record breaks the format.
    """
    from dlmark.results.reader import columns, frame, processes  # here, so that measuring needs no numpy

    folder = results_folder(folder)
    names = matching(pattern, folder)
    if not names:
        raise NothingMatches(pattern, what_there_is(folder))
    with processes.without_garbage_collection():
        parts = processes.load([folder / name for name in names])
        data = frame.frame(columns.joined(parts), names, history)
        return frame.with_every_field(data) if every_field else data


def what_there_is(folder: Path) -> str:
    """The end of a sentence that says what a folder lacks: what it holds instead, or where results come from."""
    names = sorted(safe(path.name) for path in folder.glob("*.json")) if folder.is_dir() else []
    if not names:
        return (f": {safe(str(folder))} holds none. Measure this machine with `make results`, or set DLMARK_RESULTS to the folder results "
                "of a clone of the repository.")  # fmt: skip
    listed = "\n  ".join(names[:20]) + ("\n  …" if len(names) > 20 else "")
    return f" in {safe(str(folder))}. There are:\n  {listed}"
