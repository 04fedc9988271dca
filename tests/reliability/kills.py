"""A run that is ended at a random moment: nothing that it announced is lost, nothing of it stays, and the same command goes on."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

from reliability.trying import LASTS_S, SIZES, Row, Run, Task, count_rounds, ends_complete, held, lost, started

KILLS_EACH = 5  # of one results folder, before a run that goes to its end
SECOND_WITHIN_S = 0.3  # the second Ctrl-C after the first
ENDS_WITHIN_S = 20


def killed(task: Task) -> Iterator[list[str]]:
    """SIGKILL to the main process alone."""
    return _series(task, _kill, statuses=(-signal.SIGKILL,))


def terminated(task: Task) -> Iterator[list[str]]:
    """SIGTERM to the main process alone."""
    return _series(task, _terminate, statuses=(128 + signal.SIGTERM,))


def interrupted(task: Task) -> Iterator[list[str]]:
    """Ctrl-C twice, as the terminal sends it: to all processes."""
    return _series(task, _interrupt_twice, statuses=(128 + signal.SIGINT,))


def _series(task: Task, end, statuses: tuple[int, ...]) -> Iterator[list[str]]:
    def one(place: int) -> list[list[str]]:
        number = min(KILLS_EACH, task.number - place)
        return one_folder(task.own_folder(place), task.random(place), end, statuses, number)

    return task.side_by_side(one, range(0, task.number, KILLS_EACH))


def one_folder(folder: Path, random: Random, end, statuses: tuple[int, ...], number: int, **options) -> list[list[str]]:
    """End `number` runs in one folder, then let one go to its end. What each try found, the last one's with the end."""
    promised: dict = {}
    found: list[list[str]] = []
    for _ in range(100 * number):
        if len(found) == number:
            break
        with started(folder, **(options or _with_canary(random))) as run:
            moment = _wait(run, folder, random)
            was_running = run.is_running()
            also = end(run, random) if was_running else ()
            problems = run.problems((*statuses, *also, 0) if was_running else (0,), ENDS_WITHIN_S)
        if run.met_only_python():
            continue
        announced = count_rounds(run.announced())
        records, broken = held(folder / "results")
        promised = {point: max(promised.get(point, 0), announced.get(point, 0)) for point in promised.keys() | announced}
        problems += [f"{problem}; {run.tail()}" for problem in [*broken, *lost(promised, records)]]
        if was_running:
            found.append([f"ended {moment}: {problem}" for problem in problems])
        if not was_running or set(records) == {("MLP-64", size) for size in SIZES} and random.random() < 0.5:
            _clear(folder / "results")
            promised = {}
    found[-1] += ends_complete(folder, promised, **options)
    return found


def _with_canary(random: Random) -> dict:
    """Options for a run, in one of four with the canary's processes before and after each round."""
    return {"environment": {"TRIES_CANARY": "1"}} if random.random() < 0.25 else {}


def _wait(run: Run, folder: Path, random: Random) -> str:
    """Wait for a random moment: of the clock, or one at which a file is being written."""
    if random.random() < 0.5:
        seconds = random.uniform(0, LASTS_S) if random.random() < 0.7 else random.uniform(0, 0.6)
        run.ended(seconds)
        return f"after {seconds:.3f} s"
    number, seen, before = random.randrange(1, 10), 0, set()

    def is_written() -> bool:
        nonlocal seen, before
        names = {path.name for path in (folder / "results").glob("*") if path.suffix in (".tmp", ".lock")} if (folder / "results").is_dir() else set()
        seen += bool(names - before)
        before = names
        return seen >= number

    run.until(is_written, 2 * LASTS_S)
    return f"at temporary file {number}"


def _clear(results: Path) -> None:
    for path in results.glob("*.json"):
        path.unlink(missing_ok=True)


# ---- how a run is ended; each returns further exit statuses that are right at that moment ----


def _kill(run: Run, random: Random) -> tuple[int, ...]:
    run.signal(signal.SIGKILL)
    return ()


def _terminate(run: Run, random: Random) -> tuple[int, ...]:
    also = _before_python_listens(run, signal.SIGTERM)
    run.signal(signal.SIGTERM)
    return also


def _interrupt_twice(run: Run, random: Random) -> tuple[int, ...]:
    also = _before_python_listens(run, signal.SIGINT)
    run.signal(signal.SIGINT, group=True)
    time.sleep(random.uniform(0, SECOND_WITHIN_S))
    run.signal(signal.SIGINT, group=True)
    return also


def _before_python_listens(run: Run, number: int) -> tuple[int, ...]:
    """The system's own way of ending, where the process does not catch the signal yet (proc(5), SigCgt)."""
    try:
        line = next(line for line in Path(f"/proc/{run.process.pid}/status").read_text().splitlines() if line.startswith("SigCgt:"))
    except (OSError, StopIteration):
        return ()
    return () if int(line.split()[1], 16) >> (number - 1) & 1 else (-number,)


TEST = "at random moments of a real run, half of them while a file is written (before Python listens, the signal itself ends it); after every fifth the next run goes to its end"
ROWS = [
    Row(
        "kill",
        "SIGKILL loses no announced point, leaves a whole file and no process; the next run clears up and ends complete",
        f"SIGKILL: {TEST}",
        killed,
        100,
        5,
        1.3,
    ),
    Row(
        "term",
        "SIGTERM loses nothing either, shows no traceback, and ends with exit status 143, or 0 where the run was done",
        f"SIGTERM: {TEST}",
        terminated,
        60,
        5,
        1.3,
    ),
    Row(
        "interrupt",
        "nor does Ctrl-C pressed twice, which ends with exit status 130, or 0 where the run was done",
        f"SIGINT twice within 0.3 s: {TEST}",
        interrupted,
        100,
        5,
        1.3,
    ),
]
