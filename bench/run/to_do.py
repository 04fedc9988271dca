"""What is to be done of what was asked for: the points that are missing, how often each is timed, and how long that takes."""

from collections import Counter
from statistics import median
from typing import NamedTuple

from bench.run.held import Newest
from dlmark.measure import rounds, sweep
from dlmark.record import is_ok


class Effort(NamedTuple):
    """How much is asked for of each point."""

    rounds: int = 1
    time_cap_s: float = 0
    again: bool = False


class ToDo:
    """The points that were asked for, those of them that are missing, and how many times each is going to be timed."""

    def __init__(
        self,
        wanted: list[sweep.Job],
        missing: list[sweep.Job],
        newest: Newest,
        results: sweep.Held,
        effort: Effort,
        formula_s: float | dict[tuple[str, int], float] = 0.0,
    ):
        self.wanted, self.missing, self._newest, self._effort = wanted, missing, newest, effort
        self._single = {(job.model, b): sweep.Job(job.model, [b], job.fields) for job in wanted for b in job.batch_sizes}
        self.visits = {one: sweep.visits([job], missing, results, effort.rounds) for one, job in self._single.items()}
        self.seconds = self._seconds(formula_s)

    @property
    def work(self) -> int:
        """How many times anything is going to be timed, in all rounds."""
        return sum(self.visits.values())

    @property
    def expected_s(self) -> float:
        """How long all of it takes."""
        return sum(visits * self.seconds[one] for one, visits in self.visits.items())

    def _seconds(self, formula_s: float | dict[tuple[str, int], float]) -> dict[tuple[str, int], float]:
        """Of each point what a visit took before; where that is unknown, what the network's others took, or all, or what the formula says."""
        spent = {one: seconds for one, job in self._single.items() if (seconds := self._spent_s(job))}
        networks: dict[str, list[float]] = {}
        for (model, _), seconds in spent.items():
            networks.setdefault(model, []).append(seconds)
        formula = formula_s if isinstance(formula_s, dict) else dict.fromkeys(self._single, formula_s / max(1, self.work))
        usual = {one: median(networks.get(one[0]) or spent.values() or [formula.get(one, 0.0)]) for one in self._single}
        return {one: spent.get(one, usual[one]) for one in self._single}

    def _spent_s(self, job: sweep.Job) -> float | None:
        """What a visit of a held point took, if it was measured under the same cap, which stands for the same effort."""
        held = self._newest.get(job.record(job.batch_sizes[0])) or {}
        if not is_ok(held) or (held.get("time_cap_s") or 0) != self._effort.time_cap_s or not held.get("spent_s"):
            return None
        return held["spent_s"] / max(1, rounds.count(held))

    # ---- in words ----

    def grid(self) -> str:
        """Networks x batch sizes, in words."""
        job = self.wanted[0]
        if job.fields.get("task") is None:
            return _counted(len(self.wanted), job.fields["workload"])
        networks = _counted(len(self.wanted), "network")
        if "memory_limit_mb" in job.fields:
            return f"{networks} within {job.fields['memory_limit_mb']:,.0f} MB"
        return f"{networks} x batch size{'s' if len(job.batch_sizes) != 1 else ''} {', '.join(map(str, job.batch_sizes))}"

    def still(self) -> str:
        """How many points are held, and what is still to be done, in words."""
        points, missing = count(self.wanted), count(self.missing)
        lacking = sum(visits > 0 for visits in self.visits.values()) - missing
        return f"{points - missing} of {points} points are held{f', {lacking} of them with a round to go' if lacking else ''}, {missing} to measure"

    def anew(self) -> str:
        """Why points that are held are measured anew, or tried again where they had failed, each reason with their number, in words; empty where none is."""
        points = [(job, self._newest.get(job.record(b))) for job in self.missing for b in job.batch_sizes]
        found = Counter(("anew" if is_ok(held or {}) else "tried again", self.why(job, held)) for job, held in points)
        return "; ".join(f"{number} {what}: {why}" for (what, why), number in found.most_common() if why)

    def why(self, job: sweep.Job, held: dict | None) -> str | None:
        """Why a point is missing of which `held` is the newest record; see sweep.why_missing."""
        return sweep.why_missing(job, held, self._effort.again, self._effort.time_cap_s, self._effort.rounds)


def count(jobs: list[sweep.Job]) -> int:
    """How many points the jobs have."""
    return sum(len(job.batch_sizes) for job in jobs)


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}{'s' if number != 1 else ''}"
