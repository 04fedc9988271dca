"""The one list of all that is to be measured on a device, the most telling first, in commands of the bench scripts.

First of each network and framework one point, in the recommended precision and mode and at the middle batch size: one network of each framework, so
that all are in however short the time is, the few networks that a task names, then the ceilings, then the other networks. Then the few networks at the other batch sizes, in the other precisions and modes, and their
largest batch; and then the rest. One round of all of it comes before the second of any.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from dlmark.measure import sweep

TOGETHER_S = 90.0  # what is left of a command and takes no longer joins the first part of it that is not a network's first point

FIRST, FEW_FIRST, CEILINGS, REST_FIRST, OTHER_BATCHES, OTHER_WAYS, LARGEST, OTHER_CEILINGS, REST = range(9)


@dataclass
class Part:
    """A command of a bench script for one framework, in one precision and mode, on the devices of one kind that share it, as its plan was at the start."""

    framework: str
    python: str
    devices: list[str]
    plan: dict  # as bench.whole.answers gives it

    def __str__(self) -> str:
        plan = self.plan
        return " ".join(filter(None, (self.framework, plan["precision"], plan["mode"], "training" if plan["trains"] else None, plan["sub"])))

    @property
    def jobs(self) -> list[sweep.Job]:
        """What was asked for."""
        return [sweep.Job(model, sizes, fields) for model, sizes, fields in self.plan["jobs"]]

    def of_round(self, number: int) -> list[tuple[str, int, float]]:
        """The points of one round with their seconds; those that lack the last rounds alone come in these."""
        rounds = self.plan["rounds"]
        return [(model, b, seconds) for model, b, visits, seconds in self.plan["points"] if rounds - visits < number <= rounds]


@dataclass
class Planned:
    """All that can be measured; and in sentences which frameworks can't use a device, which precisions and modes are not here, and what else is wrong."""

    parts: list[Part] = field(default_factory=list)
    unable: list[str] = field(default_factory=list)
    impossible: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    is_broken: bool = False  # a result file, say: what is wrong is no matter of one framework

    @property
    def status(self) -> int:
        """The exit status that follows: what one framework lacks is no failure where others are measured."""
        return 2 if self.is_broken or self.problems and not self.parts else 0


@dataclass
class Step:
    """Some points of a part, the same batch sizes of some networks, in one round: one command."""

    part: Part
    number: int  # of the round
    stage: int
    models: list[str]
    sizes: list[int]
    seconds: dict[tuple[str, int], float] = field(repr=False)

    @property
    def points(self) -> list[tuple[str, int]]:
        """Networks and batch sizes."""
        return [(model, b) for model in self.models for b in self.sizes]

    @property
    def expected_s(self) -> float:
        """How long it takes: each network has a process of its own, of which a point's seconds hold the share of all its batch sizes."""
        plan = self.part.plan
        share = {model: len(self.sizes) / len(sizes) for model, sizes, _ in plan["jobs"]}
        extra = sum(plan["process_s"][model] * (1 - share[model]) for model in self.models)
        return plan["command_s"] + extra + sum(self.seconds[one] for one in self.points)

    @property
    def least_s(self) -> float:
        """How long it takes until there is a first point of it."""
        return 1 + min(self.seconds[one] + self.part.plan["process_s"][one[0]] for one in self.points)

    def __str__(self) -> str:
        plan, of_networks = self.part.plan, self.part.plan["bench"] != "device"
        models = " and ".join(self.models) if len(self.models) < 3 else f"{len(self.models)} {'networks' if of_networks else 'pieces'}"
        sizes = f" x batch {','.join(map(str, self.sizes))}" if of_networks and plan["sub"] != "largest-batch-size" else ""
        return f"{self.part}: {models}{sizes}{f', round {self.number}' if self.number > 1 else ''}"


def ordered(parts: list[Part]) -> list[Step]:
    """All steps of these parts, which are of one device, in their order."""
    rounds = max((part.plan["rounds"] for part in parts), default=1)
    return [step for number in range(1, rounds + 1) for step in _of_round(parts, number)]


def _of_round(parts: list[Part], number: int) -> Iterator[Step]:
    """In the first round by stages, of which each goes through all frameworks; a later one adds to points that are there, and needs no stages."""
    steps = [(stage, part.plan["place"], place, step) for place, part in enumerate(parts) for stage, step in _steps(part, number)]
    yield from (step for *_, step in sorted(steps, key=lambda item: item[:3]))


def _steps(part: Part, number: int) -> Iterator[tuple[int, Step]]:
    points = part.of_round(number)
    seconds = {(model, b): s for model, b, s in points}
    stages = {(model, b): _stage(part, model, b) if number == 1 else REST_FIRST for model, b in seconds}
    later = {one: stage for one, stage in stages.items() if stage > REST_FIRST}
    if sum(seconds[one] for one in later) <= TOGETHER_S:
        stages |= dict.fromkeys(later, min(later.values(), default=REST))
    for stage in sorted(set(stages.values())):
        sizes: dict[str, list[int]] = {}
        for (model, b), of in stages.items():
            if of == stage:
                sizes.setdefault(model, []).append(b)
        for alike in dict.fromkeys(map(tuple, sizes.values())):
            models = [model for model, own in sizes.items() if tuple(own) == alike]
            yield stage, Step(part, number, stage, models, list(alike), seconds)


def _stage(part: Part, model: str, batch_size: int) -> int:
    """When in the first round a point is measured."""
    plan = part.plan
    is_few, is_usual = model in plan["few"], plan["place"] == 0
    if plan["bench"] == "device":
        return CEILINGS if is_usual else OTHER_CEILINGS
    if plan["sub"] == "largest-batch-size":
        return LARGEST if is_few else REST
    sizes = next(sizes for name, sizes, _ in plan["jobs"] if name == model)
    is_middle = batch_size == sorted(sizes)[len(sizes) // 2]
    if is_middle and is_usual:
        return FIRST if model == plan["few"][0] else FEW_FIRST if is_few else REST_FIRST
    if not is_few:
        return REST
    return OTHER_BATCHES if is_usual else OTHER_WAYS if is_middle else REST
