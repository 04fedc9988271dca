"""What a number was measured on: names, memory, clocks, versions (NVML through pynvml; /proc on a CPU)."""

import hashlib
import math
import os
import platform
import re
import sys
from collections.abc import Collection
from contextlib import contextmanager
from functools import cache
from importlib import metadata
from pathlib import Path

from dlmark.record import plain

MIB = 2**20

# NVML's clock event reasons that mean a lower clock than the work asks for (nvml.h, nvmlClocksEventReasons).
THROTTLE = {
    0x4: "software power cap",
    0x8: "hardware slowdown",
    0x20: "software thermal slowdown",
    0x40: "hardware thermal slowdown",
    0x80: "hardware power brake",
}


class DeviceError(ValueError):
    """The named device isn't there, or no longer; the message says which are, or what to do."""


def find(name: str) -> str:
    """Turn cpu, gpu or gpu:N into cpu or gpu:N after looking whether it is there. Raises DeviceError."""
    if name == "cpu":
        return name
    if not re.fullmatch(r"gpu(:\d+)?", name):
        raise DeviceError(f"unknown device {name!r}: expected cpu, gpu or gpu:N")
    names = gpu_names()
    index = int(name.partition(":")[2] or 0)
    if index >= len(names):
        there = ", ".join(f"gpu:{i} ({n or 'lost'})" for i, n in enumerate(names)) or f"no GPU ({_started()[1] or 'NVML finds none'})"
        raise DeviceError(f"no device {name}: there is {there}. Use --device cpu{', or one of those' if names else ''}.")
    _name(f"gpu:{index}")  # raises where it is lost
    return f"gpu:{index}"


def kind(device: str) -> str:
    """cpu or gpu, without the number: a measuring process sees no other GPU than its own."""
    return device.partition(":")[0]


def gpu_names() -> list[str | None]:
    """Names of the GPUs that NVML reports, in its order, None for one that is lost; none where there is no driver."""
    if _started()[0] is None:
        return []
    with _plain_errors("a GPU") as nvml:
        count = nvml.nvmlDeviceGetCount()
    return [_name_if_there(f"gpu:{i}") for i in range(count)]


def describe(device: str, threads: int, libraries: tuple[str, ...] = ()) -> dict:
    """The record's fields about the device, the host and the software: `device` is cpu or gpu:N."""
    fields = {"host": host(), "threads": threads, "library_versions": library_versions(libraries)}
    if device == "cpu":
        return {"device": f"{cpu_name()}, {threads} thread{'s' if threads > 1 else ''}", **fields}
    with _plain_errors(device) as nvml:
        driver = _text(nvml.nvmlSystemGetDriverVersion())
    memory, limit_mw = _asked(device, "MemoryInfo", of=_part(device)), _asked(device, "PowerManagementLimit")
    return {
        "device": _name(device),
        "driver_version": driver,
        "memory_total_mb": memory and memory.total / MIB,
        "power_limit_w": limit_mw and limit_mw / 1_000,
        **fields,
    }


def only_visible(device: str) -> dict[str, str]:
    """Variables under which CUDA sees this GPU alone, as its first: CUDA and NVML count in different orders."""
    if device == "cpu":
        return {}
    with _plain_errors(device) as nvml:
        return {"CUDA_VISIBLE_DEVICES": _text(nvml.nvmlDeviceGetUUID(_part(device)))}


def state(device: str) -> dict:
    """The record's fields about the device right now: clock, power, temperature, throttling; none on a CPU.

    None stands for what the device can't tell. Raises DeviceError where the device is lost.
    """
    if device == "cpu":
        return {}
    nvml = _nvml()
    bits, power_mw = _asked(device, "CurrentClocksThrottleReasons"), _asked(device, "PowerUsage")
    return {
        "clock_mhz": _asked(device, "ClockInfo", nvml.NVML_CLOCK_SM),
        "power_w": power_mw and power_mw / 1_000,
        "temperature_c": _asked(device, "Temperature", nvml.NVML_TEMPERATURE_GPU),
        "throttle_reasons": None if bits is None else [reason for bit, reason in THROTTLE.items() if bits & bit],
    }


def energy_j(device: str) -> float | None:
    """What the device's energy counter has reached, in J; None where it has none, and for a slice of a GPU.

    The counter is the whole board's. It moves every 20 to 100 ms, so a difference means something over seconds.
    """
    if device == "cpu" or _part(device) is not _handle(device):
        return None
    energy_mj = _asked(device, "TotalEnergyConsumption")
    return energy_mj and energy_mj / 1_000


def memory_total_mb(device: str) -> float:
    """Memory of a GPU. Raises DeviceError where NVML does not tell."""
    with _plain_errors(device) as nvml:
        return nvml.nvmlDeviceGetMemoryInfo(_part(device)).total / MIB


def processes(device: str) -> dict[int, float | None] | None:
    """The processes that compute on a GPU, with the MB that each holds; None, for a process or all, where nobody tells.

    A process that only draws, such as a desktop's, is not among them.
    """
    held = None if device == "cpu" else _asked(device, "ComputeRunningProcesses", of=_part(device))
    return held if held is None else {one.pid: one.usedGpuMemory and one.usedGpuMemory / MIB for one in held}


def strangers(held: dict[int, float | None] | None, own_pids: Collection[int]) -> int | None:
    """How many of the processes in `held` are not among `own_pids`; None where nobody can tell.

    In a container NVML gives the host's numbers: then ours is not among them, and some are of no process here.
    """
    if not held:  # ours at least computes there
        return None
    others = held.keys() - set(own_pids)
    is_told_apart = len(others) < len(held) or all(os.path.exists(f"/proc/{pid}") for pid in others)
    return len(others) if is_told_apart else None


def process_memory_mb(device: str) -> float | None:
    """Memory that this process holds now: on a GPU as NVML tells, on a CPU resident; None where nobody tells."""
    if device == "cpu":
        return _proc_mb("VmRSS")
    return (processes(device) or {}).get(os.getpid()) or None


def process_peak_mb() -> float | None:
    """This process's peak resident memory since the last reset_process_peak; None where the system does not tell."""
    return _proc_mb("VmHWM")


def memory_used_mb(device: str) -> float:
    """Memory of a GPU that is in use, by whomever; NaN where NVML does not tell."""
    told = _asked(device, "MemoryInfo", of=_part(device))
    return told.used / MIB if told else math.nan


def limit_memory_growth(limit_mb: float) -> None:
    """Let this process grow by at most `limit_mb` more (RLIMIT_DATA: heap and private writable mappings).

    Memory that is shared between processes is not counted, and a child process has a limit of its own.
    """
    import resource

    ceiling = _proc_kib("/proc/self/status", "VmData") * 1024 + int(limit_mb * MIB)
    resource.setrlimit(resource.RLIMIT_DATA, (ceiling, ceiling))


def data_mb() -> tuple[float, float]:
    """What limit_memory_growth counts of this process: at its peak, and now; NaN where the system does not tell.

    The system keeps the peak of all mappings only. What the limit leaves out of them, mostly code, is the same then and now.
    """
    peak_mb, all_mb, data_mb = (_proc_mb(name) or math.nan for name in ("VmPeak", "VmSize", "VmData"))
    return peak_mb - (all_mb - data_mb), data_mb


def reset_process_peak() -> None:
    """Start the peak anew, so that the next one belongs to what runs next (proc(5), clear_refs)."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        pass  # no such file outside Linux: the peak is then that of the whole process


def cpu_name() -> str:
    """What /proc/cpuinfo calls the processor; elsewhere what the platform calls it."""
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        found = None
    return plain(found[1] if found else platform.processor() or platform.machine())


def cores() -> int:
    """CPU cores that this process may use: by its affinity, and in a container by its quota."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota, _, period = _read("/sys/fs/cgroup/cpu.max").partition(" ")
    return max(1, min(allowed, int(quota) // int(period))) if quota.isdecimal() else allowed


def host() -> str:
    """The machine around the device, and a short number that tells two alike machines apart."""
    kind = "virtual machine" if " hypervisor" in _read("/proc/cpuinfo") else "machine"
    memory = f"{_proc_kib('/proc/meminfo', 'MemTotal') / MIB:.0f} GB, " if _read("/proc/meminfo") else ""
    identity = _read("/etc/machine-id").strip() or platform.node()
    number = hashlib.sha256(f"dlmark {identity}".encode()).hexdigest()[:6]  # not to be traced back to the machine
    return f"{cores()}-core {kind}, {memory}{platform.system()}, no. {number}"


def library_versions(libraries: tuple[str, ...]) -> dict[str, str]:
    """Versions of the system's kernel, of Python, and of those of `libraries` that are installed."""
    versions = {platform.system(): platform.release(), "python": ".".join(map(str, sys.version_info[:3]))}
    for name in libraries:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


@cache
def _started():
    """pynvml, initialized once a process, and ""; or None and why there is none."""
    try:
        import pynvml

        pynvml.nvmlInit()
    except ImportError:
        return None, "the package nvidia-ml-py is missing: pip install nvidia-ml-py"
    except pynvml.NVMLError as error:
        return None, f"NVML says: {error}; a GPU needs NVIDIA's driver, and nvidia-smi shows whether it works"
    return pynvml, ""


def _nvml():
    nvml, why_not = _started()
    if nvml is None:
        raise DeviceError(f"there is no GPU ({why_not}). Use --device cpu, or mend that.")
    return nvml


@cache
def _handle(device: str):
    with _plain_errors(device) as nvml:
        return nvml.nvmlDeviceGetHandleByIndex(int(device.partition(":")[2] or 0))


@cache
def _part(device: str):
    """What CUDA computes on: the GPU, or where it is cut into slices (MIG) the first of them."""
    is_cut = (_asked(device, "MigMode") or [0])[0]
    return (is_cut and _asked(device, "MigDeviceHandleByIndex", 0)) or _handle(device)


def _name(device: str) -> str:
    with _plain_errors(device) as nvml:
        return _text(nvml.nvmlDeviceGetName(_part(device)))


def _name_if_there(device: str) -> str | None:
    try:
        return _name(device)
    except DeviceError:
        return None


@contextmanager
def _plain_errors(device: str):
    """Give pynvml, and turn its errors into a DeviceError."""
    nvml = _nvml()
    try:
        yield nvml
    except nvml.NVMLError as error:
        raise _plain(device, error) from error


def _asked(device: str, question: str, *args, of=None):
    """What NVML answers to nvmlDeviceGet`question`, or None where this device has no answer; `of` is a part of it."""
    nvml = _nvml()
    try:
        return getattr(nvml, f"nvmlDeviceGet{question}")(of or _handle(device), *args)
    except nvml.NVMLError as error:
        if _is_lost(error):
            raise _plain(device, error) from error
        return None


def _is_lost(error) -> bool:
    """Whether the device or its driver is gone, rather than unable to answer."""
    nvml = _nvml()
    return error.value in (nvml.NVML_ERROR_GPU_IS_LOST, nvml.NVML_ERROR_RESET_REQUIRED, nvml.NVML_ERROR_DRIVER_NOT_LOADED)


def _plain(device: str, error) -> DeviceError:
    """NVML's error as one that a user can act on."""
    if not _is_lost(error):
        return DeviceError(f"NVML can't tell about {device}: {error}. See what nvidia-smi says, or use --device cpu.")
    number = device.partition(":")[2] or 0
    return DeviceError(
        f"{device} is lost: NVML says: {error}. To go on, see dmesg and nvidia-smi, reset the GPU "
        f"(nvidia-smi --gpu-reset -i {number}) or restart the machine, and give the same command again."
    )


def _text(name: str | bytes) -> str:
    return plain(name.decode(errors="replace") if isinstance(name, bytes) else name)


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def _proc_mb(name: str) -> float | None:
    return _proc_kib("/proc/self/status", name) / 1024 or None


def _proc_kib(path: str, name: str) -> int:
    found = re.search(rf"^{name}:\s*(\d+) kB", _read(path), re.MULTILINE)
    return int(found[1]) if found else 0
