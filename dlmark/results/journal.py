"""The journal of a result file: what was saved since the file was last written whole, a line of JSON a record.

A run adds a line for each visit, which takes as long after ten thousand points as after ten, and writes the file whole at its end. A
journal that a killed run left is read with its file, and goes into it when the next run opens it. Without its file it counts for nothing.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path


def beside(path: Path) -> Path:
    """Where the journal of a result file is: hidden, so that nobody takes it for a result file."""
    return path.with_name(f".{path.name}.journal")


def line(record: dict) -> str:
    """A record as a line of a result file or of a journal, without its end."""
    return json.dumps(record, ensure_ascii=False, allow_nan=False)


def add(path: Path, lines: Sequence[str]) -> None:
    """Put lines at the end of a journal, or none of them. Raises OSError, such as for want of room."""
    with open(path, "ab") as file:
        end = file.seek(0, os.SEEK_END)
        try:
            file.write("".join(f"\n{line}" for line in lines).encode())  # so that what was cut off before it ends there
            file.flush()
            os.fsync(file.fileno())
        except OSError:
            file.truncate(end)
            raise


def read(path: Path, start: int = 0, most: int = -1) -> tuple[list[tuple[dict, str]], int]:
    """The records of a journal with their lines, from the byte `start` on, and how far it was read; none where there is no journal.

    A line that was cut off by the end of a process or a machine is left out: nobody was told that it was saved.
    """
    try:
        with open(path, "rb") as file:
            file.seek(start)
            content = file.read(most)
    except (FileNotFoundError, NotADirectoryError):
        return [], 0
    found = []
    for text in content.split(b"\n"):
        try:
            record = json.loads(text)
            found += [(record, text.decode())] if isinstance(record, dict) else []
        except ValueError:
            continue
    return found, start + len(content)


def is_of_an_earlier_file(path: Path, file: Path) -> bool:
    """Whether the result file was written after its journal: it has taken the journal over, or somebody put another in its place."""
    try:
        return os.stat(file).st_mtime_ns >= os.stat(path).st_mtime_ns
    except OSError:
        return True


def goes_before(record: dict, held: dict, *, of_equals: bool) -> bool:
    """Whether `record` goes on from what is held of its row, or is newer; blocks tell it before dates do, since clocks are set back."""
    if not record or not held:
        return not held
    times, others = record.get("block_times_s") or [], held.get("block_times_s") or []
    common = min(len(times), len(others))
    if common and len(times) != len(others) and times[:common] == others[:common]:
        return len(times) > len(others)
    dates = record.get("measured_at") or "", held.get("measured_at") or ""
    return dates[0] > dates[1] or of_equals and dates[0] == dates[1]


def size(path: Path) -> int:
    """Its bytes, none where there is none."""
    try:
        return os.stat(path).st_size
    except OSError:
        return 0
