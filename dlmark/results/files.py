"""One result file: its name, how it is read with every record checked, and how it is written whole."""

import fnmatch
import json
import os
import stat
from collections.abc import Iterable, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from dlmark.machine import claims
from dlmark.record import RecordError, check, names, row, safe
from dlmark.record.names import file_name, slug
from dlmark.results import journal
from dlmark.results.nothing import Nothing

__all__ = ["OLD_NAMES", "NothingMatches", "ResultsError", "current_name", "file_name", "is_there", "matching", "read_records", "refuse_twins", "results_folder", "slug",
           "write_records", "writing"]  # fmt: skip

MAX_FILE_BYTES = 256 * 2**20
Line = tuple[dict, str | None]  # a record, and the line that it is in its file, if it is a line by itself
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
    return Path(folder or os.environ.get("DLMARK_RESULTS") or Path(__file__).parents[2] / "results")


def matching(pattern: str, folder: Path) -> list[str]:
    """Names of the result files in `folder` that `pattern` means, sorted; also of what will be refused when it is read, such as a pipe.

    Raises ResultsError if the folder can't be read.
    """
    if not os.path.isdir(folder):
        return []
    patterns = [pattern, pattern.removesuffix(".json") + "__*.json"]
    try:
        names = [name for name in os.listdir(folder) if name.endswith(".json")]
    except OSError as error:
        raise ResultsError(f"{folder}: can't be read: {error.strerror}") from error
    return sorted(name for name in names if any(fnmatch.fnmatchcase(name, p) for p in patterns))


def read_records(path: str | os.PathLike) -> list[dict]:
    """Read and check one result file, and what its journal adds. Raises ResultsError or RecordError."""
    return [record for record, _ in read_lines(path)]


def read_lines(path: str | os.PathLike) -> list[Line]:
    """The same, each record with the line of text that it is in the file, so that it can be written again as it was."""
    path = Path(path)
    try:
        beside = journal.beside(target_of(path))
        added, _ = journal.read(beside)  # before the file, which may take it over in between
        content = _content(path)
    except OSError as error:
        raise ResultsError(f"{safe(str(path))}: can't be read: {error.strerror}") from error
    found = _lines_of(content, path)
    return _with_journal(found, added, path, anyway=not journal.is_of_an_earlier_file(beside, path)) if added else found


def _with_journal(found: list[Line], added: list[Line], path: Path, anyway: bool) -> list[Line]:
    """The lines of a file with those of its journal, each in the place of what was held of the same row: `anyway`, or where it is newer."""
    together: dict[tuple, Line] = {row(record): (record, line) for record, line in found}
    for record, line in added:
        check(record, f"{safe(str(path))}: its journal {journal.beside(path).name}")
        held, _ = together.get(row(record), ({}, ""))
        if anyway or journal.goes_before(record, held, of_equals=False):
            together[row(record)] = record, line
    names.refuse(path, [record for record, _ in together.values()])
    return list(together.values())


def records_of(content: bytes, path: Path) -> list[dict]:
    """The checked records of a file's content; `path` is what it is called, and its name is held to what they say. Raises as read_records."""
    return [record for record, _ in _lines_of(content, path)]


def _lines_of(content: bytes, path: Path) -> list[Line]:
    shown = safe(str(path))  # a name may hold anything
    try:
        found = _parsed(content.decode("utf-8"))
    except RecordError as error:
        raise RecordError(f"{shown}: {error}") from error
    except (ValueError, RecursionError) as error:
        raise ResultsError(f"{shown}: not readable JSON ({error}). If it was cut off, restore it (git checkout) or move it away.") from error
    if not isinstance(found, list):
        raise RecordError(f"{shown}: expected a list of records, or an object of their common fields and records, got {type(found).__name__}")
    for number, (record, _) in enumerate(found):
        check(record, f"{shown}: record {number}")
        record["model"] = current_name(record["model"])
    names.refuse(path, [record for record, _ in found])
    return found


def _parsed(text: str) -> list[tuple[Any, str | None]] | Any:
    """The values of a JSON list, each with the line that it is, those of a set with what is common to them; whatever else the text holds."""
    lines = [line.removesuffix(",") for line in text.split("\n")[1:-2]]
    if "[\n" + ",\n".join(lines) + "\n]\n" == text:
        with suppress(ValueError):
            return [(_decoded(line), line) for line in lines]
    found = _decoded(text)
    if isinstance(found, dict) and found.keys() == {"common", "records"}:
        found = _with_common(**found)
    return [(record, None) for record in found] if isinstance(found, list) else found


def _with_common(common: object, records: object) -> list:
    """The records of a set, each with the fields that are stated once for all. Raises RecordError where one is stated twice."""
    if not isinstance(common, dict) or not isinstance(records, list):
        raise RecordError('expected "common", an object of fields, and "records", a list')
    for number, record in enumerate(records):
        if twice := isinstance(record, dict) and [name for name in common if None not in (common[name], record.get(name))]:
            raise RecordError(f"record {number}: field {twice[0]} is stated in common already")
    return [{**common, **{name: value for name, value in record.items() if value is not None}} if isinstance(record, dict) else record for record in records]


def _decoded(text: str) -> object:
    return json.loads(text, parse_constant=_refuse_constant)


def is_there(path: Path) -> bool:
    """Whether there is a file to read, or something in its place that reading it will refuse."""
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:  # a link to itself, say
        return True
    return True


def _content(path: Path) -> bytes:
    """What the file holds, as far as it may be read."""
    with opened(path) as file:
        content = file.read(MAX_FILE_BYTES + 1)
        size = max(os.fstat(file.fileno()).st_size, len(content))
    if len(content) > MAX_FILE_BYTES:
        raise ResultsError(f"{path}: expected at most {MAX_FILE_BYTES // 2**20} MB, got {size:,} bytes or more")
    return content


def opened(path: Path) -> BinaryIO:
    """The file, open to be read. What would keep a reader waiting, or never end, is refused: a pipe, /dev/zero; and a name that can't be shown."""
    if problem := names.name_problem(path):
        raise ResultsError(problem)
    file = open(path, "rb", opener=lambda name, flags: os.open(name, flags | getattr(os, "O_NONBLOCK", 0)))
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise ResultsError(f"{path}: expected a regular file, got a pipe, a device or the like; remove it, or put a file in its place")
    return file


def write_records(path: Path, records: Iterable[dict]) -> None:
    """Write one result file whole, a line a record. Raises ResultsError if it can't be written."""
    write_lines(path, map(journal.line, records))


def write_set(path: Path, records: Sequence[dict]) -> None:
    """Write published figures whole, with the fields that all of them share stated once. Raises ResultsError if it can't be written.

    `jq '.common + .records[]'` gives the records, and in pandas `DataFrame(f["records"]).assign(**f["common"])` where no common field is a list.
    """
    first, *_ = records or [{}]
    common = {name: value for name, value in first.items() if value is not None and all(record.get(name) == value for record in records)}
    rest = [journal.line({name: value for name, value in record.items() if name not in common}) for record in records]
    with writing(path):
        os.close(write_claimed(path, rest, f'{{"common": {journal.line(common)},\n"records": [\n', "\n]}\n"))


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """The same of lines, each a record. Raises ResultsError."""
    with writing(path):
        os.close(write_claimed(path, lines))


def write_claimed(path: Path, lines: Iterable[str], before: str = "[\n", after: str = "\n]\n") -> int:
    """Write one result file whole; returns a descriptor that holds it (claims.py). Raises OSError if it can't be written.

    A link stays, and its target is written; a file that was there keeps its access, a new one has what the umask leaves.
    """
    target = target_of(path)
    file, temporary = claims.new_file(target)
    try:
        with suppress(FileNotFoundError):
            os.fchmod(file, stat.S_IMODE(os.stat(target).st_mode))
        with open(file, "w", encoding="utf-8", closefd=False) as text:
            text.write(before + ",\n".join(lines) + after)
        os.fsync(file)
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        os.close(file)
        raise
    return file


def target_of(path: Path) -> Path:
    """The file itself, where `path` is a link to it. Raises OSError where the links never end."""
    target = Path(os.path.realpath(path))
    if target.is_symlink():
        os.stat(target)  # raises what is the matter with it
    return target


def refuse_twins(records: list[dict], path: str | os.PathLike) -> None:
    """Raise RecordError if two records measure the same point in one session: only one of them can be kept."""
    numbers: dict[tuple, int] = {}
    for number, record in enumerate(records):
        first = numbers.setdefault(row(record), number)
        if first != number:
            raise RecordError(f"{path}: records {first} and {number}: expected one record a point and session, got two; remove one of them")


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
        raise ResultsError(f"{path}: can't be written ({error.strerror}). Name a folder that you may write to, with --results or DLMARK_RESULTS.") from error


def _refuse_constant(name: str):
    raise ValueError(f"{name} is not a number in JSON; leave the field out or write null")
