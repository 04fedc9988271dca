"""The run: a worker a device carries out the device's list, command after command, as far as the budget reaches."""

from collections.abc import Collection, Iterator
from dataclasses import replace

from bench.run.budget import Until
from bench.run.held import Held
from bench.whole.machine import deal
from bench.whole.order import Part, Step, ordered
from dlmark.measure import rounds, workers
from dlmark.record import RecordError
from dlmark.results.files import ResultsError
from dlmark.terminal.progress import event, lasting


def shares(parts: list[Part]) -> dict[str, list[Step]]:
    """Each device's list. Those of one kind share the networks, always in the same way, so that all rounds of a point come from one board."""
    devices = list(dict.fromkeys(where for part in parts for where in part.devices))
    return {where: ordered([share for part in parts if (share := _share(part, where))]) for where in devices}


def _share(part: Part, where: str) -> Part | None:
    """What a device has to do of a part; None where that is nothing."""
    own = deal([model for model, *_ in part.plan["jobs"]], part.devices).get(where, []) if where in part.devices else []
    points = [point for point in part.plan["points"] if point[0] in own]
    return replace(part, devices=[where], plan={**part.plan, "points": points}) if points else None


def run(lists: dict[str, list[Step]], until: Until, end_s: float | None, session: str, show) -> int:
    """Run every device's list, all devices at once, and say in one place what they say. Returns the worst exit status."""
    totals = {where: sum(len(step.points) for step in steps) for where, steps in lists.items()}
    done = dict.fromkeys(lists, 0)
    prefix = {where: f"{where}  " if len(lists) > 1 else "" for where in lists}

    def tell(where: str, line: str) -> None:
        told = event(line)
        if told is None:
            show.say(f"{prefix[where]}{line}" if line else "")
            return
        if "done" in told:
            done[where] += 1
            show.say(f"{prefix[where]}[{done[where]}/{max(totals[where], done[where])}] {told['say']}")
        elif "say" in told:
            show.say(f"{prefix[where]}{told['say']}")
        show.advance(told.get("advance", 0))
        if "at" in told:
            show.at(f"{prefix[where]}{told['at']}")

    return workers.run({where: _commands(where, prefix[where], steps, until, end_s, session, show) for where, steps in lists.items()}, tell)


def _commands(where: str, prefix: str, steps: list[Step], until: Until, end_s: float | None, session: str, show) -> Iterator[list[str]]:
    """The commands of a device's list, each made when its turn comes: of what is still to be done then, and only where its first point ends in time."""
    for place, step in enumerate(steps, 1):
        left = step if step.number == 1 else _still(step)
        if left.models and until.allows(left.least_s):
            show.say(f"{prefix}Step {place} of {len(steps)}: {left}, {lasting(left.expected_s)}")
            yield command(left, where, end_s, session)
        elif step.number > 1:
            show.advance(len(step.points))
    if not until.allows(0):
        show.say(f"{prefix}The time is up: the same command goes on from here")


def command(step: Step, where: str, end_s: float | None, session: str) -> list[str]:
    """The command line of a step."""
    plan = step.part.plan
    given = {"--device": where, "--models": ",".join(step.models), "--session": session, "--until": end_s}
    if plan["sub"] != "largest-batch-size":
        given["--rounds"] = step.number
        if plan["bench"] != "device":
            given["--batch-sizes"] = ",".join(map(str, step.sizes))
    words = [f"{name}={value}" for name, value in given.items() if value]
    return [step.part.python, "-m", f"bench.{plan['bench']}", *_without(plan["arguments"], given.keys()), *words, "--held", "--end-with-stdin"]


def _without(words: list[str], names: Collection[str]) -> list[str]:
    """A command's words without these options, whether their value is a word of its own or not: the record is to hold each once."""
    return [word for before, word in zip(["", *words], words) if word.partition("=")[0] not in names and before not in names]


def _still(step: Step) -> Step:
    """The networks of a later round's step that lack this round: what failed before in this run is not tried again."""
    jobs = {job.model: job for job in step.part.jobs}
    try:
        held = Held.at(step.part.plan["path"])
    except (ResultsError, RecordError):  # told by the command that could not save in it
        return step

    def lacks(model: str, batch_size: int) -> bool:
        record = held.get(jobs[model].record(batch_size))
        return record is None or rounds.lacks(record, step.number)

    return replace(step, models=[model for model in step.models if any(lacks(model, b) for b in step.sizes)])
