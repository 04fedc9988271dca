"""Watch the host while something is timed: who else took the CPU, and how long our threads had to wait for it."""

import os
import resource
from collections.abc import Callable
from dataclasses import dataclass, fields
from time import perf_counter, process_time

from dlmark.machine import cgroup, proc

# A block is disturbed if our threads waited for a core for longer than this share of the CPU time that they got. Undisturbed it is
# 1 to 5%, since a framework's own threads are a few more than the cores.
WAITED_SHARE = 0.075
OTHERS_SHARE = 0.125  # or, where the system does not tell that, if other programs used more than this share of the machine's cores
STOLEN_SHARE = 0.075  # or if the virtual machine was kept from this; the system counts it in steps of 0.1 cores in 100 ms
QUOTA_SHARE = 0.02  # or if a quota of CPU time held it back for longer than this share of the time
CORES = os.cpu_count() or 1
TICK_S = 1 / os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 0.01


@dataclass
class Reading:
    """Sums since some time in the past; the difference of two says what went on between them."""

    wall_s: float = 0.0
    own_s: float = 0.0  # CPU time of this process
    busy_s: float = 0.0  # CPU time of all processes, summed over cores
    stolen_s: float = 0.0  # CPU time that the hypervisor gave to others
    waited_s: float = 0.0  # for which our threads could have run, but had no core
    switches: int = 0  # involuntary context switches of this process
    held_s: float = 0.0  # for which a quota kept this process from the CPU

    def since(self, before: "Reading") -> "Reading":
        """What was added after `before`; never less than nothing, though a thread that ends takes its waiting out of the sum."""
        return Reading(*(max(0, getattr(self, f.name) - getattr(before, f.name)) for f in fields(self)))

    def plus(self, other: "Reading") -> "Reading":
        """Both together."""
        return Reading(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


def read() -> Reading:
    """The host now (proc(5): stat, and schedstat of each thread; getrusage(2)). Costs about 0.2 ms."""
    busy_s, stolen_s = of_all() or (0.0, 0.0)
    waited_ns = sum(int((proc.read(f"{thread}/schedstat").split() or ["0", "0"])[1]) for thread in _threads())
    switches = resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw
    return Reading(perf_counter(), process_time(), busy_s, stolen_s, waited_ns / 1e9, switches, cgroup.held_back_s() or 0.0)


def of_all(root: str = "/") -> tuple[float, float] | None:
    """CPU time of all programs, summed over cores, and what the hypervisor gave to others; None where the system does not count: gVisor has the
    file and counts nothing in it."""
    counts = proc.read(f"{root}/proc/stat").partition("\n")[0].split()[1:9]
    if not any(count != "0" for count in counts):
        return None
    user, nice, system, _, _, irq, softirq, stolen = map(int, counts)
    return (user + nice + system + irq + softirq) * TICK_S, stolen * TICK_S


class Host:
    """Looks at the host at the edges of each block; sums what it saw."""

    def __init__(self, read: Callable[[], Reading] = read):
        self._read, self.sum, self._before = read, Reading(), Reading()

    def before(self) -> None:
        """Call right before a block."""
        self._before = self._read()

    def disturbed(self) -> bool:
        """Call right after it: whether others kept this process from its work."""
        seen = self._read().since(self._before)
        self.sum = self.sum.plus(seen)
        if seen.stolen_s > STOLEN_SHARE * CORES * seen.wall_s or seen.held_s > QUOTA_SHARE * seen.wall_s:
            return True
        if _tells_waiting():
            return seen.waited_s > WAITED_SHARE * seen.own_s
        return _others(seen) > OTHERS_SHARE * CORES * seen.wall_s

    @property
    def cause(self) -> str:
        """What disturbed it, in words."""
        return "the quota of CPU time (cgroup)" if self.sum.held_s > QUOTA_SHARE * self.sum.wall_s else "other programs"

    def fields(self) -> dict:
        """The record's fields about the host during all the blocks so far."""
        wall_s, own_s, tells_all = self.sum.wall_s or 1.0, self.sum.own_s or 1.0, of_all() is not None
        return {
            "other_cpu_share": _others(self.sum) / wall_s if tells_all else None,
            "steal_share": self.sum.stolen_s / wall_s if tells_all else None,
            "cpu_wait_share": self.sum.waited_s / own_s if _tells_waiting() else None,
            "cpu_per_wall": self.sum.own_s / wall_s,
            **({"quota_wait_s": self.sum.held_s} if self.sum.held_s else {}),
            "involuntary_switches": self.sum.switches,
        }


def _others(seen: Reading) -> float:
    return max(0.0, seen.busy_s - seen.own_s)


def _tells_waiting() -> bool:
    return os.path.exists("/proc/self/schedstat")


def _threads() -> list[str]:
    try:
        return [f"/proc/self/task/{number}" for number in os.listdir("/proc/self/task")]
    except OSError:  # outside Linux
        return []
