"""One result file: its name, how it is read with every record checked, and how it is written whole."""

import fnmatch
import json
import os
import stat
import tempfile
from collections.abc import Iterable
from contextlib import contextmanager
from pathlib import Path

from dlmark import names
from dlmark.names import file_name, slug
from dlmark.nothing import Nothing
from dlmark.record import RecordError, check, point
from dlmark.terminal import safe

__all__ = ["OLD_NAMES", "ResultsError", "current_name", "file_name", "matching", "read_records", "refuse_twins", "results_folder", "slug",
           "write_records", "writing"]  # fmt: skip

MAX_FILE_BYTES = 256 * 2**20
OLD_NAMES = {"DensetNet-": "DenseNet-"}  # a misspelling in the first files of this benchmark


class ResultsError(ValueError):
    """A results folder or file can't be used as it is; the message says what to do."""


class NothingMatches(Nothing, ResultsError):
    """No result file has a name that was asked for."""

    def __init__(self, pattern: str, where: str):
        """`where`: the folder that was looked into, and what it holds; a page does not tell it."""
        super().__init__(f"no result file matches {pattern!r}")
        self._where = where

    def __str__(self) -> str:
        return self.args[0] + self._where


def results_folder(folder: str | os.PathLike | None = None) -> Path:
    """The folder of the result files: `folder`, else $DLMARK_RESULTS, else results/ beside this package."""
    return Path(folder or os.environ.get("DLMARK_RESULTS") or Path(__file__).parent.parent / "results")


def matching(pattern: str, folder: Path) -> list[str]:
    """Names of the result files in `folder` that `pattern` means, sorted."""
    if not os.path.isdir(folder):
        return []
    patterns = [pattern, pattern.removesuffix(".json") + "__*.json"]
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if entry.name.endswith(".json") and entry.is_file()]
    return sorted(name for name in names if any(fnmatch.fnmatchcase(name, p) for p in patterns))


def read_records(path: str | os.PathLike) -> list[dict]:
    """Read and check one result file: a JSON list of records. Raises ResultsError or RecordError."""
    path = Path(path)
    shown = safe(str(path))  # a name may hold anything
    if problem := names.name_problem(path):
        raise ResultsError(problem)
    try:
        records = json.loads(_content(path).decode("utf-8"), parse_constant=_refuse_constant)
    except OSError as error:
        raise ResultsError(f"{shown}: can't be read: {error.strerror}") from error
    except ResultsError:
        raise
    except (ValueError, RecursionError) as error:
        raise ResultsError(
            f"{shown}: not readable JSON ({error}). If it was cut off, restore it (git checkout) or move it away."
        ) from error
    if not isinstance(records, list):
        raise RecordError(f"{shown}: expected a list of records, got {type(records).__name__}")
    for number, record in enumerate(records):
        check(record, f"{shown}: record {number}")
        record["model"] = current_name(record["model"])
    names.refuse(path, records)
    return records


def _content(path: Path) -> bytes:
    """What the file holds. What would keep a reader waiting, or never end, is refused: a pipe, /dev/zero."""
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | getattr(os, "O_NONBLOCK", 0))) as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise ResultsError(f"{path}: expected a regular file, got a pipe, a device or the like; remove it, or put a file in its place")
        content = file.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        raise ResultsError(f"{path}: expected at most {MAX_FILE_BYTES // 2**20} MB, got {max(found.st_size, len(content)):,} bytes or more")
    return content


def write_records(path: Path, records: Iterable[dict]) -> None:
    """Write one result file whole, a line a record. Raises ResultsError if it can't be written."""
    lines = ",\n".join(json.dumps(record, ensure_ascii=False, allow_nan=False) for record in records)
    with writing(path):
        _write_atomically(path, f"[\n{lines}\n]\n")


def refuse_twins(records: list[dict], path: str | os.PathLike) -> None:
    """Raise RecordError if two records measure the same point: only one of them can be kept."""
    numbers: dict[tuple, int] = {}
    for number, record in enumerate(records):
        first = numbers.setdefault(point(record), number)
        if first != number:
            raise RecordError(f"{path}: records {first} and {number}: expected one record a point, got two; remove one of them")


def current_name(model: str) -> str:
    """The network's name as it is written today."""
    for old, new in OLD_NAMES.items():
        if model.startswith(old):
            return new + model.removeprefix(old)
    return model


@contextmanager
def writing(path: Path):
    """Make the folder of `path`; whatever then keeps the file from being written becomes a ResultsError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise ResultsError(
            f"{path}: can't be written ({error.strerror}). Name a folder that you may write to, with --results or DLMARK_RESULTS."
        ) from error


def _write_atomically(path: Path, text: str) -> None:
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, suffix=".tmp", delete=False) as file:
        try:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
            os.chmod(file.name, 0o644)  # a temporary file is private by default
            os.replace(file.name, path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise


def _refuse_constant(name: str):
    raise ValueError(f"{name} is not a number in JSON; leave the field out or write null")
