"""Networks that hang, abort, answer nonsense or run out of memory: each becomes a record that says so, and the others are measured."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

from reliability.adapters.failing import FAILURES, MOMENTS, WRONG
from reliability.trying import Row, Task, leftovers, started

STATUS = {"hangs": "timed_out", "hangs-with-the-lock": "timed_out", "aborts": "crashed", "reads-nowhere": "crashed", "exits": "crashed",
          "raises": "crashed", "eats-memory": "out_of_memory", WRONG: "wrong_output"}  # fmt: skip
FAILING = [WRONG, *(f"{how}-when-{when}" for how in FAILURES for when in MOMENTS)]
EACH = 5  # of them in one run, with a sound network after each
WATCHDOG_S = 8
LIMIT_KIB = 2**20  # of memory, for the run and whatever it starts (setrlimit(2), RLIMIT_DATA)


def failing(task: Task) -> Iterator[list[str]]:
    """Each failing network is a try; every run has another choice and order of them."""

    def one(place: int) -> list[list[str]]:
        random = Random(f"{task.seed} {place // len(FAILING)}")
        order = random.sample(FAILING, len(FAILING))
        order += random.sample(FAILING, len(FAILING))  # for what begins near the end
        at = place % len(FAILING)
        return one_run(task.own_folder(place), order[at : at + min(EACH, task.number - place)])

    return task.side_by_side(one, range(0, task.number, EACH))


def one_run(folder: Path, names: list[str]) -> list[list[str]]:
    """What is wrong with the record of each of the networks `names`; the last one's with all else."""
    sound = [f"sound-{n}" for n in range(1, len(names) + 1)]
    models = ",".join(name for pair in zip(names, sound) for name in pair)
    words = ("throughput", "--framework", "failing", "--models", models, "--batch-sizes", "1", "--threads", "1",
             "--seconds", "0.02", "--rounds", "1", "--watchdog", WATCHDOG_S)  # fmt: skip
    with started(folder, *words, before=("bash", "-c", f'ulimit -d {LIMIT_KIB}; exec "$@"', "bash")) as run:
        problems = run.problems((0,), 30 + 3 * WATCHDOG_S * len(names))
    records = saved(folder / "results")
    found = [[f"{problem}; {run.tail()}" for problem in wrong(records.get(name), name)] for name in names]
    found[-1] += [*problems, *(f"{name}: {records.get(name)}" for name in sound if records.get(name, {}).get("status") != "ok"), *leftovers(folder)]
    return found


def wrong(record: dict | None, name: str) -> list[str]:
    """What is wrong with the record of a network that fails."""
    status = STATUS[name.partition("-when-")[0]]
    if record is None:
        return [f"{name}: no record"]
    problems = [f"{name}: expected {status}, got {record['status']}: {record.get('reason')}"] if record["status"] != status else []
    if record.get("throughput") is not None or not record.get("reason") or "\n" in record["reason"]:
        problems.append(f"{name}: expected one sentence and no number: {record}")
    return problems


def saved(results: Path) -> dict[str, dict]:
    """The record of each network in a folder with one result file."""
    from dlmark.results.files import read_records

    return {record["model"]: record for path in results.glob("*.json") for record in read_records(path)}


ROWS = [
    Row("network", "a network that hangs, aborts, crashes, answers NaN or runs out of memory is a record that says so; the others are measured",
        f"{len(FAILING)} failing networks in random order, sound ones between them, under a limit on memory", failing, 45, 5, 1.5),
]  # fmt: skip
