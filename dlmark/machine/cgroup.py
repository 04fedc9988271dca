"""What the control groups (cgroups(7), version 1 and 2) grant this process, in its own slice and in all around it."""

from functools import cache
from pathlib import Path, PurePosixPath

from dlmark.machine.proc import read

MOUNTS = "/sys/fs/cgroup"


def granted_cores(root: str = "/") -> float | None:
    """Cores' worth of time; None where there is no limit, or none to be read."""
    found = [_quota(folder) for folder in _folders(root, "cpu")]
    return min((cores for cores in found if cores), default=None)


def granted_memory_mb(root: str = "/") -> float | None:
    """Memory in MB (2^20 bytes); None where there is no limit, or none to be read."""
    found = [_number(folder, "memory.max") or _number(folder, "memory.limit_in_bytes") for folder in _folders(root, "memory")]
    least = min((limit for limit in found if limit), default=None)
    return least / 2**20 if least and least < 2**60 else None  # version 1 says none by a huge number


def held_back_s(root: str = "/") -> float | None:
    """Time for which this process's own group, since it is there, was kept from the CPU because its quota was used up; None where nobody tells."""
    found = [_stat(folder) for folder in _bounded(root)]
    return max((seconds for seconds in found if seconds is not None), default=None)


@cache
def _bounded(root: str) -> list[Path]:
    """The groups with a quota, as they were when this process first looked: it asks at the edges of each block that it times."""
    return [folder for folder in _folders(root, "cpu") if _quota(folder)]


def _folders(root: str, controller: str) -> list[Path]:
    """The folders of this process's group and of those around it, as far as they can be seen: in a container the first of them is the container's."""
    found: list[Path] = []
    for line in read(f"{root}/proc/self/cgroup").splitlines():
        number, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        if number == "0" and not names:  # version 2
            mounts = [Path(f"{root}{MOUNTS}"), Path(f"{root}{MOUNTS}/unified")]
        elif controller in names.split(","):
            mounts = [Path(f"{root}{MOUNTS}/{names}"), Path(f"{root}{MOUNTS}/{controller}")]
        else:
            continue
        inside = [part for part in PurePosixPath(path).parts[1:] if part != ".."]
        for mount in mounts:
            found += [mount.joinpath(*inside[:depth]) for depth in range(len(inside) + 1)]
    return [folder for folder in dict.fromkeys(found) if folder.is_dir()]


def _quota(folder: Path) -> float | None:
    limit, _, period = read(f"{folder}/cpu.max").strip().partition(" ")
    limit, period = (limit, period) if limit else (read(f"{folder}/cpu.cfs_quota_us").strip(), read(f"{folder}/cpu.cfs_period_us").strip())
    return int(limit) / int(period) if limit.isdecimal() and period.isdecimal() and int(limit) and int(period) else None


def _number(folder: Path, name: str) -> int | None:
    text = read(f"{folder}/{name}").strip()
    return int(text) if text.isdecimal() else None


def _stat(folder: Path) -> float | None:
    """Of cpu.stat: microseconds in version 2, nanoseconds in version 1."""
    told = dict(line.split(" ", 1) for line in read(f"{folder}/cpu.stat").splitlines() if " " in line)
    for name, unit in (("throttled_usec", 1e6), ("throttled_time", 1e9)):
        if told.get(name, "").strip().isdecimal():
            return int(told[name]) / unit
    return None
