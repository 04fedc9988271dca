"""The door: what a contribution of result files is told before a person looks at it.

It reads them as data and runs nothing of them. A file that breaks the format, or that is no plain file of results/, is
refused; all else that speaks against a number is told, and a person decides.
"""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from dlmark.analysis.plausible import Known
from dlmark.analysis.plausible import warnings as unlikely
from dlmark.door import changes, conditions, differences
from dlmark.door.changes import Change, Contribution
from dlmark.door.report import Line, Quoted, as_markdown, as_text, line
from dlmark.record import GRADES, RecordError, is_ok, is_published
from dlmark.results.files import ResultsError, matching, read_records, records_of, refuse_twins, results_folder

MAX_S = 240  # after that the files that are left are refused unread
MOST_FILES, MOST_OTHERS, MOST_WARNINGS = 40, 10, 30  # of the report, so that it stays readable


class Base:
    """The result files that a contribution is set against: all of the results folder, those that it changes as they were before."""

    def __init__(self, found: Sequence[Change]):
        folder, changed = results_folder(), {Path(change.path).name: change for change in found}
        self._files = {name: _or_none(read_records, folder / name) for name in matching("*", folder) if name not in changed}
        for name, change in changed.items():
            self._files[name] = [] if change.before is None else _or_none(_records, change.path, change.before)

    def held(self, path: str) -> list[dict] | None:
        """The records of one file, None if it was wrong."""
        return self._files[Path(path).name]

    def known(self, path: str) -> Known:
        """What all other files say of devices and networks."""
        return Known(chain.from_iterable(records or [] for name, records in self._files.items() if name != Path(path).name))


def _or_none(read: Callable[..., list[dict]], *where) -> list[dict] | None:
    try:
        return read(*where)
    except (ResultsError, RecordError):
        return None


class Told(NamedTuple):
    """What is told of one file: whether it is refused, how many things a person should look at, and the lines."""

    refused: bool
    warnings: int
    lines: list[Line]


def judge(found: Contribution, clock: Callable[[], float] = time.monotonic) -> tuple[bool, list[Line]]:
    """Whether a contribution is refused, and the report on it."""
    until, base = clock() + MAX_S, Base(found.changes)
    told = [_late(change) if clock() > until else _of_file(change, base) for change in found.changes]
    refused, warnings = sum(one.refused for one in told), sum(one.warnings for one in told) + bool(found.others)
    lines = [line(0, _verdict(len(told), refused, warnings)), *_of_others(found.others), *_sizes(found.changes)]
    for one in sorted(told, key=lambda one: not one.refused)[:MOST_FILES]:
        lines += one.lines
    if len(told) > MOST_FILES:
        lines += [line(0, f"and {len(told) - MOST_FILES:,} more files, which are not shown")]
    return refused > 0, lines


def _verdict(files: int, refused: int, warnings: int) -> str:
    if not files:
        return "No result files: there is nothing to judge here"
    if refused:
        return f"Refused: {_counted(refused, 'file')} of {files:,} can't be taken; what is wrong stands below"
    if warnings:
        return f"Accepted by the checks, with {_counted(warnings, 'thing')} for a person to look at"
    return "Accepted by the checks; a person still decides"


def _of_others(paths: Sequence[str]) -> list[Line]:
    if not paths:
        return []
    lines = [line(1, f"It changes {_counted(len(paths), 'file')} outside {changes.FOLDER}, which nothing here reads or runs: a person has to.")]
    return lines + _some([line(2, Quoted(path)) for path in paths], MOST_OTHERS)


def _sizes(found: Sequence[Change]) -> list[Line]:
    if not found:
        return []
    kinds = Counter(change.kind for change in found)
    size = sum(len(change.after or b"") for change in found)
    return [line(1, f"{_counted(len(found), 'result file')}, {size:,} bytes: " + ", ".join(f"{count:,} {kind}" for kind, count in kinds.items()))]


# ---- one file ----


def _late(change: Change) -> Told:
    return _refused(change, f"not looked at, since the others took {MAX_S} s: send them in parts")


def _refused(change: Change, why: str) -> Told:
    return Told(True, 0, [line(0, "Refused: ", Quoted(change.path)), line(1, Quoted(why))])


def _of_file(change: Change, base: Base) -> Told:
    if change.refusal:
        return _refused(change, change.refusal)
    try:
        now = [] if change.after is None else _records(change.path, change.after)
    except (ResultsError, RecordError) as error:
        return _refused(change, str(error))
    except MemoryError:
        return _refused(change, "takes more memory than there is to read it: send it in parts")
    notes: list[Line] = []
    warnings = [line(1, "What the base holds is wrong, so nothing was compared")]
    if (held := base.held(change.path)) is not None:
        notes, warnings = differences.between(held, now)
    warnings += conditions.lacking(now)
    warnings += [line(1, f"Record {number:,}: ", Quoted(sentence)) for number, sentence in unlikely(now, base.known(change.path))]
    heading = line(0, f"{change.kind.capitalize()}: ", Quoted(change.path), f", {len(change.after or b''):,} bytes")
    return Told(False, sum(one.depth == 1 for one in warnings), [heading, *_contents(now), *notes, *_headed(warnings)])


def _records(path: str, content: bytes) -> list[dict]:
    """The records of a file's content, checked as `python -m dlmark check` does."""
    records = records_of(content, Path(path))
    refuse_twins(records, path)
    return records


def _contents(records: Sequence[dict]) -> list[Line]:
    """What a file holds: how many measured and published, without a number, and the grades."""
    if not records:
        return []
    published = sum(map(is_published, records))
    grades = Counter(record.get("grade") for record in records)
    counts = {"measured": len(records) - published, "published elsewhere": published, "without a number": sum(not is_ok(record) for record in records),
              **{f"of grade {grade}": grades[grade] for grade in GRADES}}  # fmt: skip
    lines = [line(1, f"{_counted(len(records), 'record')}: ", ", ".join(f"{count:,} {kind}" for kind, count in counts.items() if count))]
    devices = sorted({str(record["device"]) for record in records if record.get("device")})
    return lines + [line(1, "Device: ", Quoted("; ".join(devices)))] * bool(devices)


def _headed(warnings: list[Line]) -> list[Line]:
    """Warnings under a line of their own, one step further in."""
    if not warnings:
        return []
    return [line(1, "To look at:"), *_some([Line(depth + 1, parts) for depth, parts in warnings], MOST_WARNINGS)]


def _some(lines: list[Line], most: int) -> list[Line]:
    left = len(lines) - most
    return lines if left <= 0 else lines[:most] + [line(lines[0].depth, f"and {left:,} more lines, which are not shown")]


def _counted(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


# ---- the command ----


def run(files: Sequence[str], base: str | None, head: str | None, summary: str | None) -> int:
    """Print the report on a contribution; returns 1 if it is refused. With `summary` it is added to that file as Markdown too."""
    refused, lines = judge(_contribution(files, base, head))
    print(as_text(lines), end="")
    if summary:
        _add(summary, as_markdown(lines))
    return 1 if refused else 0


def _add(path: str, text: str) -> None:
    try:
        with open(path, "a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise ResultsError(f"{path}: can't be written: {error.strerror}") from error


def _contribution(files: Sequence[str], base: str | None, head: str | None) -> Contribution:
    here = Path.cwd()
    if files:
        try:
            start = changes.base_commit(here, base)
        except changes.ChangesError:
            if base:
                raise
            start = None  # outside of any repository they are judged by themselves
        return changes.named(files, here, start)
    if head:
        head = changes.commit(here, head)
        return changes.between(here, changes.base_commit(here, base, head), head)
    return changes.on_disk(changes.top(here), changes.base_commit(here, base))
