"""Memory of this process: what it holds, its peak, and a limit on its growth (proc(5), setrlimit(2))."""

import math
import sys
from pathlib import Path

from dlmark.machine import cgroup
from dlmark.machine.proc import kib

MIB = 2**20


def resident_mb() -> float | None:
    """Memory that this process holds now; None where the system does not tell."""
    return _mb("VmRSS")


def peak_mb() -> float | None:
    """This process's peak resident memory since the last reset_peak; None where the system does not tell."""
    return _mb("VmHWM")


def granted_mb() -> float | None:
    """The least that a container or a limit of the shell (ulimit -d, -v) leaves to this process; None where none of them bounds it."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    limits = [resource.getrlimit(number)[0] for number in (resource.RLIMIT_DATA, resource.RLIMIT_AS)]
    bounds = [limit / MIB for limit in limits if limit != resource.RLIM_INFINITY]
    return min([*bounds, *filter(None, [cgroup.granted_memory_mb()])], default=None)


def can_limit() -> bool:
    """Whether limit_growth holds a process to its limit here: other systems than Linux have the call, and take no notice of it."""
    return sys.platform == "linux" and kib("/proc/self/status", "VmData") > 0


def limit_growth(limit_mb: float) -> None:
    """Let this process grow by at most `limit_mb` more (RLIMIT_DATA: heap and private writable mappings).

    Memory that is shared between processes is not counted, and a child process has a limit of its own.
    """
    import resource

    ceiling = kib("/proc/self/status", "VmData") * 1024 + int(limit_mb * MIB)
    resource.setrlimit(resource.RLIMIT_DATA, (ceiling, ceiling))


def data_mb() -> tuple[float, float]:
    """What limit_growth counts of this process: at its peak, and now; NaN where the system does not tell.

    The system keeps the peak of all mappings only. What the limit leaves out of them, mostly code, is the same then and now.
    """
    peak_mb, all_mb, data_mb = (_mb(name) or math.nan for name in ("VmPeak", "VmSize", "VmData"))
    return peak_mb - (all_mb - data_mb), data_mb


def reset_peak() -> None:
    """Start the peak anew, so that the next one belongs to what runs next (proc(5), clear_refs)."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        pass  # no such file outside Linux: the peak is then that of the whole process


def _mb(name: str) -> float | None:
    return kib("/proc/self/status", name) / 1024 or None
