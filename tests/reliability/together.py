"""Four runs at once into one results file: each finds all of its points there."""

from collections.abc import Iterator
from contextlib import ExitStack

from dlmark.measure import rounds
from dlmark.record import is_ok
from reliability.trying import Row, Task, held, leftovers, started

POINTS = [("MLP-64", "1,2"), ("MLP-64", "4,8"), ("MLP-1024", "1,2"), ("MLP-1024", "4,8")]
STARTS_WITHIN_S = 1.0


def together(task: Task) -> Iterator[list[str]]:
    """Each with a folder of its own for locks, or the device's lock would keep them apart; a start at a random moment."""

    def one(place: int) -> list[list[str]]:
        folder, random = task.own_folder(place), task.random(place)
        runs, problems = [], []
        with ExitStack() as stack:
            for number, (model, sizes) in enumerate(POINTS):
                own = folder / str(number)
                own.mkdir()
                words = ("throughput", "--framework", "numpy", "--models", model, "--batch-sizes", sizes, "--threads", "1", "--seconds", "0.02")
                runs.append((own, stack.enter_context(started(own, *words, results=folder / "results"))))
                runs[-1][1].ended(random.uniform(0, STARTS_WITHIN_S))
            for _, run in runs:
                problems += run.problems()
        records, broken = held(folder / "results")
        problems += broken + [f"{own.name}: {problem}" for own, _ in runs for problem in leftovers(own, folder / "results")]
        for (model, sizes), (_, run) in zip(POINTS, runs):
            missing = [size for size in sizes.split(",") if not _is_measured(records.get((model, int(size))))]
            problems += [f"{model} batch {', '.join(missing)}: not held; {run.tail()}"] if missing else []
        return [problems]

    return task.side_by_side(one, range(task.number), at_once=1)


def _is_measured(record: dict | None) -> bool:
    return record is not None and is_ok(record) and rounds.count(record) >= 2


ROWS = [
    Row(
        "together",
        "four runs at once into one results file lose nothing of each other's",
        "four sets of points of one device, started within a second of each other",
        together,
        15,
        2,
        5.0,
    )
]
