"""What a number was measured on: names, memory, clocks, versions (NVML through pynvml; /proc on a CPU)."""

import hashlib
import os
import platform
import re
import sys
from contextlib import contextmanager
from functools import cache
from importlib import metadata
from pathlib import Path

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
    """The named device isn't there; the message says which are."""


def find(name: str) -> str:
    """Turn cpu, gpu or gpu:N into cpu or gpu:N after looking whether it is there. Raises DeviceError."""
    if name == "cpu":
        return name
    if not re.fullmatch(r"gpu(:\d+)?", name):
        raise DeviceError(f"unknown device {name!r}: expected cpu, gpu or gpu:N")
    names = gpu_names()
    index = int(name.partition(":")[2] or 0)
    if index >= len(names):
        there = ", ".join(f"gpu:{i} ({n})" for i, n in enumerate(names)) or "no GPU, since NVML finds no NVIDIA driver or device"
        raise DeviceError(f"no device {name}: there is {there}. Use --device cpu, or one of those.")
    return f"gpu:{index}"


def kind(device: str) -> str:
    """cpu or gpu, without the number: a measuring process sees no other GPU than its own."""
    return device.partition(":")[0]


def gpu_names() -> list[str]:
    """Names of the GPUs that NVML reports, in its order; none where there is no driver."""
    nvml = _nvml()
    if nvml is None:
        return []
    with _plain_errors(nvml):
        return [_text(nvml.nvmlDeviceGetName(_handle(f"gpu:{i}"))) for i in range(nvml.nvmlDeviceGetCount())]


def describe(device: str, threads: int, libraries: tuple[str, ...] = ()) -> dict:
    """The record's fields about the device, the host and the software: `device` is cpu or gpu:N."""
    fields = {"host": host(), "threads": threads, "library_versions": library_versions(libraries)}
    if device == "cpu":
        return {"device": f"{cpu_name()}, {threads} thread{'s' if threads > 1 else ''}", **fields}
    nvml = _nvml()
    with _plain_errors(nvml):
        name, driver = nvml.nvmlDeviceGetName(_handle(device)), nvml.nvmlSystemGetDriverVersion()
    return {"device": _text(name), "driver_version": _text(driver), **fields}


def only_visible(device: str) -> dict[str, str]:
    """Variables under which CUDA sees this GPU alone, as its first: CUDA and NVML count in different orders."""
    if device == "cpu":
        return {}
    with _plain_errors(_nvml()):
        return {"CUDA_VISIBLE_DEVICES": _text(_nvml().nvmlDeviceGetUUID(_handle(device)))}


def state(device: str) -> dict:
    """The record's fields about the device right now: clock, power, temperature, throttling; none on a CPU."""
    if device == "cpu":
        return {}
    nvml, handle = _nvml(), _handle(device)
    bits = _asked(nvml.nvmlDeviceGetCurrentClocksThrottleReasons, handle) or 0
    power_mw = _asked(nvml.nvmlDeviceGetPowerUsage, handle)
    return {
        "clock_mhz": _asked(nvml.nvmlDeviceGetClockInfo, handle, nvml.NVML_CLOCK_SM),
        "power_w": power_mw and power_mw / 1_000,
        "temperature_c": _asked(nvml.nvmlDeviceGetTemperature, handle, nvml.NVML_TEMPERATURE_GPU),
        "throttle_reasons": [reason for bit, reason in THROTTLE.items() if bits & bit],
    }


def memory_total_mb(device: str) -> float:
    """Memory of a GPU. Raises DeviceError where NVML does not tell."""
    with _plain_errors(_nvml()):
        return _nvml().nvmlDeviceGetMemoryInfo(_handle(device)).total / MIB


def process_memory_mb(device: str) -> float | None:
    """Memory that this process holds now: on a GPU as NVML tells, on a CPU resident; None where nobody tells."""
    if device == "cpu":
        return _proc_mb("VmRSS")
    held = _asked(_nvml().nvmlDeviceGetComputeRunningProcesses, _handle(device)) or []
    used = [process.usedGpuMemory for process in held if process.pid == os.getpid()]
    return used[0] / MIB if used and used[0] else None


def process_peak_mb() -> float | None:
    """This process's peak resident memory since the last reset_process_peak; None where the system does not tell."""
    return _proc_mb("VmHWM")


def limit_memory_growth(limit_mb: float) -> None:
    """Let this process grow by at most `limit_mb` more (RLIMIT_DATA: heap and private writable mappings)."""
    import resource

    ceiling = _proc_kib("/proc/self/status", "VmData") * 1024 + int(limit_mb * MIB)
    resource.setrlimit(resource.RLIMIT_DATA, (ceiling, ceiling))


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
    return found[1].strip() if found else platform.processor() or platform.machine()


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
def _nvml():
    """pynvml, initialized once a process, or None where there is no driver."""
    try:
        import pynvml

        pynvml.nvmlInit()
    except ImportError:
        return None
    except pynvml.NVMLError:
        return None
    return pynvml


def _handle(device: str):
    return _nvml().nvmlDeviceGetHandleByIndex(int(device.partition(":")[2]))


@contextmanager
def _plain_errors(nvml):
    """Turn NVML's errors into a DeviceError that a user can act on."""
    try:
        yield
    except nvml.NVMLError as error:
        raise DeviceError(f"NVML can't tell about the GPU: {error}. See what nvidia-smi says, or use --device cpu.") from error


def _asked(question, *args):
    """NVML's answer, or None where this device has none."""
    try:
        return question(*args)
    except _nvml().NVMLError:
        return None


def _text(name: str | bytes) -> str:
    return name.decode() if isinstance(name, bytes) else name


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
