"""A results file that can't be written any more: the run says so, goes on where it can, and nothing that it measured is lost."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

from reliability.trying import RESULTS, Row, Run, Task, Untried, count_rounds, ends_complete, held, lost_times, started

OTHER_USER = 65_534


def run_and_mend(folder: Path, random: Random, fault: Callable[[], None], mend: Callable[[], None], *, at_start: bool = False,
                 results: Path | None = None, then: dict | None = None, **options) -> list[str]:  # fmt: skip
    """Let a run meet the `fault`, when it has saved some points or at its start; `mend` it, and see that the same command has all.

    `then` holds the options of the run after, where they differ.
    """
    if at_start:
        fault()
    with started(folder, results=results, **options) as run:
        if not at_start:
            number = random.randrange(1, 6)
            run.until(lambda: len(run.announced()) >= number)
            fault()
        problems = run.problems((0, 1, 2))
    was_measured, announced = run.measured(), count_rounds(run.announced())
    records, broken = held(results or folder / "results")
    if broken or lost_times(was_measured, records) or run.process.returncode == 2:
        problems += _told(run)
    mend()
    if run.process.returncode == 2 and "memory only" in run.complained:  # where nothing can be written, nobody can do more than say so
        was_measured, announced = {}, {}
    problems += ends_complete(folder, announced, results=results, **{**options, **(then or {})})
    after, _ = held(results or folder / "results")
    return problems + [f"{problem}; {run.tail()}" for problem in lost_times(was_measured, after)]


def _told(run: Run) -> list[str]:
    """The trouble is told, and no line of it twice."""
    lines = list(filter(None, run.complained.splitlines()))
    if not lines or len(lines) > len(set(lines)):
        return [f"told in {len(lines)} lines, {len(set(lines))} of them different; {run.tail()}"]
    return []


def _each(task: Task, one: Callable[[Path, Random], list[str]]) -> Iterator[list[str]]:
    return task.side_by_side(lambda place: [one(task.own_folder(place), task.random(place))], range(task.number))


# ---- no room ----


def full_disk(task: Task) -> Iterator[list[str]]:
    """A tmpfs of a few pages or of a few files."""
    if os.geteuid() != 0:
        raise Untried("mounting a small tmpfs needs root")

    def one(folder: Path, random: Random) -> list[str]:
        pages, files = random.choice([(random.randint(1, 3), 100), (1_000, random.randint(2, 5))])
        with tmpfs(folder / "disk", f"size={4 * pages}k,nr_inodes={files}") as disk:

            def mend():
                _mount("-o", "remount,size=4m,nr_inodes=1000", disk)

            problems = run_and_mend(folder, random, lambda: None, mend, at_start=True, results=disk / "results")
        return [f"a disk of {pages} pages and {files} files: {problem}" for problem in problems]

    return _each(task, one)


@contextmanager
def tmpfs(path: Path, options: str):
    """A small disk in memory while the block runs. Raises Untried where none can be mounted."""
    path.mkdir()
    _mount("-t", "tmpfs", "-o", options, "dlmark-reliability", path)
    try:
        yield path
    finally:
        subprocess.run(["umount", "--lazy", path], check=False)


def _mount(*words) -> None:
    done = subprocess.run(["mount", *map(str, words)], capture_output=True, text=True)
    if done.returncode:
        raise Untried(f"a small tmpfs can't be mounted: {done.stderr.strip()}")


def small_files(task: Task) -> Iterator[list[str]]:
    """No file may be longer than a few KiB."""

    def one(folder: Path, random: Random) -> list[str]:
        limit = random.randint(0, 6)
        before = ("bash", "-c", f'ulimit -f {limit}; exec "$@"', "bash")
        problems = run_and_mend(folder, random, lambda: None, lambda: None, at_start=True, before=before, then={"before": ()})
        return [f"ulimit -f {limit}: {problem}" for problem in problems]

    return _each(task, one)


# ---- no right to write ----


def read_only(task: Task) -> Iterator[list[str]]:
    """The folder comes to belong to another user, at the start or in the middle."""
    before = _powerless()

    def one(folder: Path, random: Random) -> list[str]:
        results, at_start = folder / "results", random.random() < 0.5
        results.mkdir()

        def hand_over(others: bool) -> None:
            for path in (results, *results.iterdir()):
                if before:
                    os.chown(path, OTHER_USER if others else os.geteuid(), -1)
                elif path.is_dir():  # who is not root can only close it to himself
                    path.chmod(0o555 if others else 0o755)

        problems = run_and_mend(folder, random, lambda: hand_over(True), lambda: hand_over(False), at_start=at_start, before=before)
        return [f"read-only from {'the start' if at_start else 'some point'} on: {problem}" for problem in problems]

    return _each(task, one)


def _powerless() -> tuple[str, ...]:
    """What starts a command without root's power to write everywhere, such as a user's; a user needs nothing."""
    if os.geteuid() != 0:
        return ()
    if not shutil.which("setpriv"):
        raise Untried("root can write everywhere, and setpriv is not here to take that away")
    return "setpriv", "--bounding-set=-all", "--inh-caps=-all"


# ---- another thing in its place ----

WRONG = [b"", b"[", b"[]x", b"\xff\xfe", b'[{"model": ', b'[{"model": "A", "troughput": 1}]', b'{"model": "A"}', b'[{"batch_size": 1}]', b"null"]


def replaced(task: Task) -> Iterator[list[str]]:
    """The file becomes a folder in the middle."""
    return _each(task, lambda folder, random: _in_its_place(folder, random, lambda path: path.mkdir(), lambda path: path.rmdir()))


def edited(task: Task) -> Iterator[list[str]]:
    """The file becomes something wrong in the middle."""

    def one(folder: Path, random: Random) -> list[str]:
        wrong = random.choice(WRONG)
        problems = _in_its_place(folder, random, lambda path: path.write_bytes(wrong), lambda path: path.unlink())
        return [f"edited into {wrong!r}: {problem}" for problem in problems]

    return _each(task, one)


def _in_its_place(folder: Path, random: Random, put: Callable[[Path], None], take_away: Callable[[Path], None]) -> list[str]:
    moved = folder / "moved"

    def fault() -> None:
        (path,) = (folder / "results").glob(RESULTS)
        path.rename(moved)
        put(path)
        places.append(path)

    def mend() -> None:
        take_away(places[0])
        moved.rename(places[0])

    places: list[Path] = []
    return run_and_mend(folder, random, fault, mend)


AFTER = "then it can be written again, and the same command goes on"
ROWS = [
    Row("full", "on a full disk a run says so, each thing once, and loses no point that it measured", f"a tmpfs of a few pages, or of a few files; {AFTER}", full_disk, 16, 3, 2.0),
    Row("ulimit", "nor where files may not grow; where no file at all can hold a point, it says so", f"ulimit -f of 0 to 6 KiB; {AFTER}", small_files, 16, 2, 2.0),
    Row("read-only", "nor in a folder of another user", f"from the start or from a random point on, without root's power; {AFTER}", read_only, 16, 2, 2.0),
    Row("folder", "nor where the file was replaced by a folder", f"after a random point; {AFTER}", replaced, 16, 2, 2.0),
    Row("edited", "nor where it was edited into something wrong", f"after a random point, in {len(WRONG)} ways; {AFTER}", edited, 16, 2, 2.0),
]  # fmt: skip
