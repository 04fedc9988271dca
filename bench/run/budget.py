"""A limit on the time of a run: nothing is begun that would end after it, and what does not end in time is ended."""

import argparse
import math
from collections.abc import Callable
from time import time

from dlmark.measure.process import LEAST_WAIT_S

END_S = 2.0  # kept back for what ends a command: settling its records, the last word


class Until:
    """The end of the time that there is, in seconds since 1970, which all processes of a run count alike; none where it is None."""

    def __init__(self, end_s: float | None, clock: Callable[[], float] = time):
        self._end_s, self._clock = math.inf if end_s is None else end_s, clock

    @property
    def left_s(self) -> float:
        """Seconds that are left, infinite without a limit."""
        return self._end_s - self._clock() - END_S

    def allows(self, seconds: float) -> bool:
        """Whether what takes so long ends in time."""
        return self.left_s > seconds

    def is_over(self) -> bool:
        """Whether the time is up."""
        return self.left_s <= LEAST_WAIT_S

    def at_most(self, seconds: float) -> float:
        """So long, or as long as there is time."""
        return max(LEAST_WAIT_S, min(seconds, self.left_s))


def end_of(opts: argparse.Namespace, clock: Callable[[], float] = time) -> float | None:
    """When a command's options want it to end: --until of the run that it is a part of, else --budget from now on; None for no limit."""
    budget_s = getattr(opts, "budget", None)
    return getattr(opts, "until", None) or (clock() + budget_s if budget_s else None)
