"""A GPU that drops off the bus while it is measured, by the stand-in for NVML."""

from collections.abc import Iterator

import nvml_stand_in

from dlmark.record import is_ok
from reliability.networks import saved
from reliability.trying import Row, Task, Untried, leftovers, started

NAMES = ("sound-1", "sound-2", "sound-3")
WORDS = ("throughput", "--framework", "failing", "--device", "gpu:0", "--models", ",".join(NAMES), "--batch-sizes", "1",
         "--seconds", "0.02", "--rounds", "1", "--no-energy")  # fmt: skip
QUESTIONS = 60  # more than a measuring process asks in so short a run


def lost_gpu(task: Task) -> Iterator[list[str]]:
    """Each process asks NVML for itself, and gets no answer after some questions."""
    if not nvml_stand_in.COMPILER:
        raise Untried("no C compiler (cc) to compile the stand-in for NVML with")
    nvml = nvml_stand_in.Nvml(task.folder)
    nvml_stand_in.compile_into(task.folder)

    def one(place: int) -> list[list[str]]:
        folder, questions = task.own_folder(place), task.random(place).randrange(QUESTIONS)
        with started(folder, *WORDS, environment=nvml.environment(LOST_AFTER=str(questions))) as run:
            problems = run.problems((0, 1, 2))
        problems += _wrong(run, saved(folder / "results")) + leftovers(folder)
        return [[f"lost after {questions} questions: {problem}; {run.tail()}" for problem in problems]]

    return task.side_by_side(one, range(task.number))


def _wrong(run, records: dict[str, dict]) -> list[str]:
    if run.process.returncode == 2:  # lost before anything could be measured
        is_told = len(run.complained.strip().splitlines()) == 1 and "GPU is lost" in run.complained
        return [] if is_told and not records else [f"not told in one line, or {len(records)} records"]
    problems = [f"{name}: no record" for name in NAMES if name not in records]
    for name, record in records.items():
        is_told = "lost" in (record.get("reason") or "") and record["status"] == "crashed" and record.get("throughput") is None
        if not is_ok(record) and not is_told:
            problems.append(f"{name}: {record['status']}: {record.get('reason')}")
    return problems


ROWS = [
    Row(
        "gpu",
        "a GPU that is lost in the middle becomes records that say so",
        "the stand-in for NVML loses it after a random number of questions",
        lost_gpu,
        40,
        4,
        1.0,
    )
]
