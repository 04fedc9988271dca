"""A file that is cut: while it is written, by the end of the process or of the room; and afterwards, as a bad copy is."""

import json
import os
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

from dlmark.benchmark import SaveResults, load_results
from dlmark.record import RecordError
from dlmark.results.files import ResultsError, read_records
from reliability.trying import RESULTS, Row, Task, ends_complete, started

NAME = "cnn.py__benchmark_throughput__numpy__a-device.json"
OLD = [{"model": "MLP-64", "framework": "numpy", "device": "A device", "batch_size": 1, "throughput": 80.0, "status": "ok"},
       {"model": "MLP-64", "framework": "numpy", "device": "A device", "batch_size": 2, "status": "out_of_memory", "reason": "für 深度 war kein Platz"}]  # fmt: skip
NEW = {"model": "MLP-64", "framework": "numpy", "device": "A device", "batch_size": 4, "throughput": 160.0, "status": "ok"}
OLD_BYTES = json.dumps(OLD, ensure_ascii=False).encode()
WRITTEN = len(json.dumps([*OLD, NEW], ensure_ascii=False).encode()) + 10  # what the next write writes, at most


def spread(number: int, size: int) -> list[int]:
    """So many places from the first byte to the last, as even as can be."""
    number = min(number, size + 1)
    return [round(n * size / max(1, number - 1)) for n in range(number)]


# ---- while it is written ----


def cut_writes(task: Task) -> Iterator[list[str]]:
    """Both ways of cutting at each byte, in a process that is forked."""
    return task.in_a_process(cut_write, spread(task.number, WRITTEN))


def cut_write(folder: Path, place: int, save=SaveResults) -> list[list[str]]:
    """Write one record more where the system ends first the process and then only the write at byte `place`; and write it again."""
    problems = []
    for ends_process in (True, False):
        path = folder / NAME
        path.write_bytes(OLD_BYTES)
        status, said = _write_in_a_fork(path, place, ends_process, save)
        if status != 0 and path.read_bytes() != OLD_BYTES:
            problems.append(f"the old file is not whole: …{path.read_bytes()[-80:]!r}")
        if status not in (0, -signal.SIGXFSZ if ends_process else 1):
            problems.append(f"unexpected end {status}: {said}")
        if status == 1 and not is_a_sentence(said):
            problems.append(f"not told in a sentence: {said!r}")
        problems += _write_again(path, save)
    return [[f"cut at byte {place} of the write: {problem}" for problem in problems]]


def _write_in_a_fork(path: Path, place: int, ends_process: bool, save) -> tuple[int, str]:
    """Its exit status, and what an error said. No file of it may be longer than `place` bytes (setrlimit(2), RLIMIT_FSIZE)."""
    read, write = os.pipe()  # which has no size
    pid = os.fork()
    if pid == 0:
        status = 3
        try:
            signal.signal(signal.SIGXFSZ, signal.SIG_DFL if ends_process else signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            results = save(path.name, path.parent)
            resource.setrlimit(resource.RLIMIT_FSIZE, (place, place))
            results.add(NEW)
            status = 0
        except BaseException as error:
            os.write(write, str(error).encode(errors="replace"))
            status = 1 if isinstance(error, (ResultsError, RecordError)) else 3
        finally:
            os._exit(status)
    os.close(write)
    with open(read, "rb") as pipe:
        said = pipe.read().decode(errors="replace")
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), said


def _write_again(path: Path, save) -> list[str]:
    problems = []
    try:
        save(path.name, path.parent).add(NEW)
        if read_records(path) != [*OLD, NEW]:
            problems.append("the next write did not make it complete")
    except (ResultsError, RecordError) as error:
        problems.append(f"the next write failed: {error}")
    left = [other for other in path.parent.iterdir() if other != path]
    for other in left:
        other.unlink()
    return problems + ([f"not cleared by the next write: {', '.join(sorted(other.name for other in left))}"] if left else [])


# ---- afterwards ----


def cut_files(task: Task) -> Iterator[list[str]]:
    """Every way of reading, at each byte."""
    return task.in_a_process(cut_file, spread(task.number, len(OLD_BYTES)))


def cut_file(folder: Path, place: int) -> list[list[str]]:
    """Read a file of which only the first `place` bytes are there."""
    path, problems = folder / NAME, []
    path.write_bytes(OLD_BYTES[:place])
    ways = {"read_records": lambda: read_records(path), "load_results": lambda: load_results("*", folder), "SaveResults": lambda: SaveResults(NAME, folder)}
    for name, read in ways.items():
        try:
            read()
            if place < len(OLD_BYTES):
                problems.append(f"{name} took it for whole")
        except (ResultsError, RecordError) as error:
            if not is_a_sentence(str(error)) or NAME not in str(error):
                problems.append(f"{name}: not told in a sentence: {error}")
    if path.read_bytes() != OLD_BYTES[:place]:
        problems.append("it was not left as it is")
    return [[f"file cut at byte {place}: {problem}" for problem in problems]]


def is_a_sentence(text: str) -> bool:
    """Whether an error is told in one line of words."""
    return bool(text.strip()) and "\n" not in text and "Traceback" not in text


def cut_under_a_run(task: Task) -> Iterator[list[str]]:
    """A file that a run measured is cut: the next run says so and leaves it alone; put back whole, it is taken up."""
    source = task.own_folder(task.number)
    with started(source) as run:
        if problems := run.problems():
            raise RuntimeError(f"the run whose file is to be cut: {problems}")
    (path,) = (source / "results").glob(RESULTS)
    whole = path.read_bytes()
    points = {(record["model"], record["batch_size"]): 2 for record in json.loads(whole)}

    def one(place: int) -> list[list[str]]:
        folder, cut = task.own_folder(place), task.random(place).randrange(len(whole) - 2)
        (folder / "results").mkdir()
        target = folder / "results" / path.name
        target.write_bytes(whole[:cut])
        with started(folder) as run:
            problems = run.problems((2,))
        if not is_a_sentence(run.complained.strip()) or path.name not in run.complained:
            problems.append(f"not told in one line; {run.tail()}")
        if target.read_bytes() != whole[:cut]:
            problems.append("it was not left as it is")
        target.write_bytes(whole)
        problems += ends_complete(folder, points)
        return [[f"cut at byte {cut}: {problem}" for problem in problems]]

    return task.side_by_side(one, range(task.number))


ROWS = [
    Row("cut-write", "a write that is cut leaves the old file whole, and the next one clears up",
        "the write of a file is ended at every byte, with its process and without", cut_writes, WRITTEN + 1, 60, 0.04),
    Row("cut-file", "a file that is cut is refused in one sentence and left alone",
        "a result file cut at every byte, read in every way", cut_files, len(OLD_BYTES) + 1, 60, 0.015),
    Row("cut-run", "a run says so in one line too, and goes on once the file is back", "a measured file cut at random bytes under the command that measured it",
        cut_under_a_run, 30, 3, 1.2),
]  # fmt: skip
