"""The processor: its name, its cores, and how many of them this process may use. `root` is where /proc and /sys are looked for."""

import json
import os
import platform
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

from dlmark.machine import cgroup
from dlmark.machine.proc import read
from dlmark.record import plain

CORES = "/sys/devices/system/cpu"
# Of /proc/cpuinfo: names that say nothing (sandboxes, translators), and what other architectures than x86 call the name.
NO_NAMES = re.compile(r"unknown|\d+/\d+|", re.IGNORECASE)
OTHER_LINES = ("cpu model", "cpu", "uarch", "machine")


def name(root: str = "/") -> str:
    """What the processor calls itself; of an ARM core, whose makers are many, with whose machine it is in."""
    own = _line(root, "model name") or _by_lscpu(root)
    if own:
        return plain(own)
    others = [found for line in OTHER_LINES if (found := _line(root, line))]
    return plain(next(iter(others), "") or _by_sysctl() or _of_the_platform(root))


def _line(root: str, what: str) -> str:
    """What a line of /proc/cpuinfo says; empty where there is none or it says nothing."""
    found = re.search(rf"^{what}[ \t]*:[ \t]*(.+)$", read(f"{root}/proc/cpuinfo"), re.MULTILINE)
    return "" if not found or NO_NAMES.fullmatch(found[1].strip()) else found[1].strip()


def _by_lscpu(root: str) -> str:
    """lscpu's table of ARM's cores (util-linux, which keeps it); with the BIOS's own name where that is told, else the maker of the machine."""
    if not re.search(r"^CPU part", read(f"{root}/proc/cpuinfo"), re.MULTILINE):
        return ""
    told = _lscpu(root)
    implementer, part = _line(root, "CPU implementer"), _line(root, "CPU part")
    model = told.get("Model name") or f"core {part} of the maker {implementer}"
    if (bios := told.get("BIOS Model name", "")) and not NO_NAMES.fullmatch(bios):
        return bios
    maker = plain(read(f"{root}/sys/devices/virtual/dmi/id/sys_vendor"))
    return f"{model} ({maker})" if maker else model


@cache
def _lscpu(root: str) -> dict[str, str]:
    """What lscpu says, by field; of a big.LITTLE processor all names together; nothing where it is not installed or fails."""
    if not (program := shutil.which("lscpu")):
        return {}
    try:
        done = subprocess.run([program, "--sysroot", root, "-J"], capture_output=True, timeout=10, env={**os.environ, "LC_ALL": "C"}, check=True)
        lines = _flat(json.loads(done.stdout.decode(errors="replace"))["lscpu"])
    except (OSError, subprocess.SubprocessError, ValueError, KeyError):
        return {}
    found: dict[str, list[str]] = {}
    for field, data in lines:
        found.setdefault(field.rstrip(":"), []).append(data or "")
    return {field: " + ".join(dict.fromkeys(value for value in values if value.strip("-"))) for field, values in found.items()}


def _flat(lines: list[dict]) -> list[tuple[str, str]]:
    """The lines with those below them, as newer releases of lscpu group them."""
    return [pair for line in lines for pair in [(line["field"], line.get("data")), *_flat(line.get("children", []))]]


def _by_sysctl() -> str:
    """On macOS."""
    if platform.system() != "Darwin":
        return ""
    try:
        return subprocess.run(["sysctl", "-n", "machdep.cpu.brand_string"], capture_output=True, text=True, timeout=10, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def _of_the_platform(root: str) -> str:
    """What is known of one without a name: architecture, maker, family and model."""
    numbers = [f"{what} {found}" for what in ("cpu family", "model") if (found := _line(root, what))]
    apart = ", ".join(filter(None, [_line(root, "vendor_id"), *numbers]))
    known = platform.processor() or platform.machine() or "unknown CPU"
    return f"{known} ({apart})" if apart else known


# ---- its cores ----


def cores() -> int:
    """Cores that this process may use, each counted once however many threads it has, as frameworks count by default: by its affinity and its quota."""
    return _within_quota(_allowed_cores() or logical_cores())


def logical_cores() -> int:
    """The same with each thread of a core."""
    return _within_quota(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def _within_quota(number: int) -> int:
    quota = granted_cores()
    return max(1, min(number, int(quota))) if quota else number


def granted_cores() -> float | None:
    """Cores' worth of time that the cgroup grants this process; None where there is no limit, or none to be read."""
    return cgroup.granted_cores()


def _allowed_cores(folder: str = CORES) -> int | None:
    """Physical cores among those that the affinity allows; None where the system does not tell."""
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    return physical_cores(folder, allowed)


def physical_cores(folder: str = CORES, among: set[int] | None = None) -> int | None:
    """Cores, each counted once however many threads it has, of all or of those with a thread `among` these; None where the system does not tell."""
    numbers = [int(path.name[3:]) for path in Path(folder).glob("cpu[0-9]*") if path.name[3:].isdecimal()]
    wanted = [number for number in numbers if among is None or number in among]
    found = {tuple(read(f"{folder}/cpu{number}/topology/{part}") for part in ("physical_package_id", "core_id")) for number in wanted}
    told = {pair for pair in found if all(pair)}
    return len(told) or None


def governor(folder: str = CORES) -> str | None:
    """What chooses the clock of the first core, such as performance or powersave; None where nobody tells."""
    return plain(read(f"{folder}/cpu0/cpufreq/scaling_governor")) or None


def turbo(folder: str = CORES) -> bool | None:
    """Whether cores may run faster than their nominal clock; None where nobody tells."""
    no_turbo, boost = read(f"{folder}/intel_pstate/no_turbo").strip(), read(f"{folder}/cpufreq/boost").strip()
    return no_turbo == "0" if no_turbo else boost == "1" if boost else None


def smt(folder: str = CORES) -> bool | None:
    """Whether cores run several threads at once; None where nobody tells."""
    active = read(f"{folder}/smt/active").strip()
    return active == "1" if active else None


def highest_mhz(folder: str = CORES) -> float | None:
    """The highest clock that the system may choose; None where nobody tells."""
    khz = read(f"{folder}/cpu0/cpufreq/scaling_max_freq").strip()
    return int(khz) / 1_000 if khz.isdecimal() else None


def load() -> float | None:
    """Programs that ran or waited for a core in the last minute, on average; None where nobody tells."""
    try:
        return round(os.getloadavg()[0], 2)
    except (OSError, AttributeError):
        return None


def describe() -> dict:
    """The record's fields about the processor."""
    return {"cpu": name(), "physical_cores": physical_cores(), "logical_cores": os.cpu_count(), "granted_cores": granted_cores(), "governor": governor(),
            "turbo": _said(turbo()), "smt": _said(smt()), "clock_limit_mhz": highest_mhz(), "load_1min": load()}  # fmt: skip


def _said(whether: bool | None) -> str | None:
    return None if whether is None else "on" if whether else "off"
