"""The time of day is set while a run goes on: no duration and no order follows from it."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dlmark.record import FIELDS
from reliability.trying import HERE, LASTS_S, SIZES, WORDS, Row, Task, Untried, held, incomplete, leftovers, started

JUMPS_S = (-1, -60, -3_600, -86_400, -10 * 365 * 86_400, 3_600, 86_400)
DURATIONS = [name for name, field in FIELDS.items() if field.unit == "s" and name != "time_cap_s"]


def set_back(task: Task) -> Iterator[list[str]]:
    """Once during a run, which then is repeated with --again, when the clock is still what it was set to."""
    shim = _compiled(task.folder)

    def one(place: int) -> list[list[str]]:
        folder, random = task.own_folder(place), task.random(place)
        jump_s, moment_s = random.choice(JUMPS_S), random.uniform(0.2, LASTS_S)
        jump = {"LD_PRELOAD": str(shim), "CLOCK_JUMPS_AT": str(time.monotonic() + moment_s), "CLOCK_JUMPS_BY": str(jump_s)}
        problems = _run(folder, jump)
        first, _ = held(folder / "results")
        problems += _run(folder, {**jump, "CLOCK_JUMPS_AT": "0"}, "--again")
        second, _ = held(folder / "results")
        problems += _kept_newer(first, second, jump_s)
        return [[f"set by {jump_s:+,} s after {moment_s:.2f} s: {problem}" for problem in problems]]

    return task.side_by_side(one, range(task.number))


def _compiled(folder: Path) -> Path:
    if not (compiler := shutil.which("cc")):
        raise Untried("no C compiler (cc) to compile the clock with")
    shim = folder / "clock_shim.so"
    subprocess.run([compiler, "-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o", shim, HERE / "clock_shim.c"], check=True)
    return shim


def _run(folder: Path, environment: dict[str, str], *more: str) -> list[str]:
    begun = time.monotonic()
    with started(folder, *WORDS, *more, environment=environment) as run:
        problems = run.problems()
    took_s = time.monotonic() - begun
    records, broken = held(folder / "results")
    points = [("MLP-64", size) for size in SIZES]
    problems += [*broken, *incomplete(records, points), *leftovers(folder)]
    for (name, size), record in records.items():
        for field in DURATIONS:
            values = record.get(field)
            for value in values if isinstance(values, list) else [values or 0.0]:
                if not 0 <= value <= took_s:
                    problems.append(f"{name} batch {size}: {field} of {value} s in a run of {took_s:.1f} s")
    return [f"{problem}; {run.tail()}" for problem in problems]


def _kept_newer(first: dict, second: dict, jump_s: int) -> list[str]:
    """Whether the later run's records took the place of the earlier one's, whatever the clock said; and whether the clock was set at all."""
    problems = [f"{name} batch {size}: the later session was not kept" for (name, size), record in first.items()
                if record["block_times_s"] == second.get((name, size), {}).get("block_times_s")]  # fmt: skip
    expected = datetime.now(UTC) + timedelta(seconds=jump_s)
    told = [datetime.fromisoformat(record["measured_at"]) for record in second.values()]
    if any(abs(at - expected) > timedelta(seconds=60) for at in told):
        problems.append(f"the clock was not set: measured at {told}, expected about {expected}")
    return problems


ROWS = [
    Row("clock", "a clock that is set during a run changes no duration, and the later session stays the later", "the time of day set back by up to ten years, or forward, "
        "at a random moment; then the run is repeated", set_back, 16, 2, 3.0),
]  # fmt: skip
