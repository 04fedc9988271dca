"""Whether a machine is quiet enough to be measured: which programs use the CPU, how much of it, and what to do about it."""

import os
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep
from typing import NamedTuple

from dlmark.machine.proc import read
from dlmark.machine.watch import CORES, OTHERS_SHARE, TICK_S, of_all
from dlmark.record import safe

LOOK_S = 2.0  # DLMARK_LOOK_S is for tests, which have no quiet machine: 0 looks at nothing
NAMED = 3  # programs that a message names
LEAST_CORES = 0.05  # that a program uses which is named


class Busy(NamedTuple):
    """What other programs used while it was looked: cores of all together, and of each that stands out, the most first."""

    cores: float
    programs: list[tuple[str, int, float]]  # name, process, cores

    @property
    def is_quiet(self) -> bool:
        """Whether that is little enough not to cost a measurement its grade."""
        return self.cores <= OTHERS_SHARE * CORES

    def __str__(self) -> str:
        named = ", ".join(f"{name} (process {pid}) {cores:.1f}" for name, pid, cores in self.programs[:NAMED])
        return f"other programs use {self.cores:.1f} of {CORES} cores{f': {named}' if named else ''}"


def look(seconds: float | None = None, *, root: str = "/", pause: Callable[[float], None] = sleep) -> Busy | None:
    """Look for so long; None where the system does not tell."""
    seconds = float(os.environ.get("DLMARK_LOOK_S") or LOOK_S) if seconds is None else seconds
    if seconds <= 0 or (before := of_all(root)) is None:
        return None
    own, each, start = os.getpid(), _each_s(root), monotonic()
    pause(seconds)
    after, now, spent_s = of_all(root) or before, _each_s(root), max(monotonic() - start, seconds)
    used = {pid: (used_s - each[pid][1] if pid in each else 0.0) / spent_s for pid, (_, used_s) in now.items()}
    found = [(now[pid][0], pid, cores) for pid, cores in used.items() if pid != own and cores >= LEAST_CORES]
    return Busy(max(0.0, (after[0] - before[0]) / spent_s - used.get(own, 0)), sorted(found, key=lambda one: -one[2]))


def wait(wait_s: float, tell: Callable[[str], None], *, looked: Callable[[], Busy | None] = look, clock: Callable[[], float] = monotonic) -> bool:
    """Say what is in the way, and wait for up to `wait_s` until nothing is; whether it is quiet in the end, or nobody can tell."""
    start, told = clock(), False
    while (busy := looked()) and not busy.is_quiet:
        if clock() - start >= wait_s:
            after = f"still not quiet after {wait_s / 60:.0f} minutes" if wait_s else "this machine is not quiet"
            tell(f"{after}: {busy}. What is measured now will have wide intervals and lower grades: end these programs, or let it wait for quiet (WAIT=10m).")
            return False
        if not told:
            tell(f"waiting for up to {wait_s / 60:.0f} minutes for a quiet machine: {busy}")
            told = True
    return True


def _each_s(root: str) -> dict[int, tuple[str, float]]:
    """Name and CPU time of each process (proc(5), stat)."""
    found = {}
    for path in Path(f"{root}/proc").glob("[0-9]*"):
        head, _, rest = read(f"{path}/stat").rpartition(")")
        fields = rest.split()
        if len(fields) > 12:
            found[int(path.name)] = (safe(head.partition("(")[2]), TICK_S * (int(fields[11]) + int(fields[12])))
    return found
