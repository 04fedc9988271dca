"""What a number was measured on: names, memory, clocks, versions (NVML through pynvml; /proc on a CPU)."""

import hashlib
import os
import platform
import re
import sys
from contextlib import contextmanager
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


def gpu_names() -> list[str]:
    """Names of the GPUs that NVML reports, in its order; none where there is no driver."""
    with _nvml() as nvml:
        if nvml is None:
            return []
        return [_text(nvml.nvmlDeviceGetName(nvml.nvmlDeviceGetHandleByIndex(i))) for i in range(nvml.nvmlDeviceGetCount())]


def describe(device: str, threads: int, libraries: tuple[str, ...] = ()) -> dict:
    """The record's fields about the device, the host and the software: `device` is cpu or gpu:N."""
    fields = {"host": host(), "threads": threads, "library_versions": library_versions(libraries)}
    if device == "cpu":
        return {"device": f"{cpu_name()}, {threads} thread{'s' if threads > 1 else ''}", **fields}
    with _nvml() as nvml:
        handle = nvml.nvmlDeviceGetHandleByIndex(int(device.partition(":")[2]))
        return {
            "device": _text(nvml.nvmlDeviceGetName(handle)),
            "driver_version": _text(nvml.nvmlSystemGetDriverVersion()),
            **fields,
        }


def state(device: str) -> dict:
    """The record's fields about the device right now: clock, power, temperature, throttling; none on a CPU."""
    if device == "cpu":
        return {}
    with _nvml() as nvml:
        handle = nvml.nvmlDeviceGetHandleByIndex(int(device.partition(":")[2]))
        bits = _asked(nvml, nvml.nvmlDeviceGetCurrentClocksThrottleReasons, handle) or 0
        power_mw = _asked(nvml, nvml.nvmlDeviceGetPowerUsage, handle)
        return {
            "clock_mhz": _asked(nvml, nvml.nvmlDeviceGetClockInfo, handle, nvml.NVML_CLOCK_SM),
            "power_w": power_mw and power_mw / 1_000,
            "temperature_c": _asked(nvml, nvml.nvmlDeviceGetTemperature, handle, nvml.NVML_TEMPERATURE_GPU),
            "throttle_reasons": [reason for bit, reason in THROTTLE.items() if bits & bit],
        }


def memory_total_mb(device: str) -> float:
    """Memory of the device; on a CPU what is available now."""
    if device == "cpu":
        return _proc_kib("/proc/meminfo", "MemAvailable") / 1024
    with _nvml() as nvml:
        return nvml.nvmlDeviceGetMemoryInfo(nvml.nvmlDeviceGetHandleByIndex(int(device.partition(":")[2]))).total / MIB


def memory_used_mb(device: str) -> float:
    """Memory in use: of the whole device as NVML sees it; on a CPU this process's resident memory."""
    if device == "cpu":
        return _proc_kib("/proc/self/status", "VmRSS") / 1024
    with _nvml() as nvml:
        return nvml.nvmlDeviceGetMemoryInfo(nvml.nvmlDeviceGetHandleByIndex(int(device.partition(":")[2]))).used / MIB


def process_peak_mb() -> float:
    """This process's peak resident memory since the last reset_process_peak."""
    return _proc_kib("/proc/self/status", "VmHWM") / 1024


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
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def host() -> str:
    """The machine around the device, and a short number that tells two alike machines apart."""
    kind = "virtual machine" if " hypervisor" in _read("/proc/cpuinfo") else "machine"
    memory = f"{_proc_kib('/proc/meminfo', 'MemTotal') / MIB:.0f} GB, " if _read("/proc/meminfo") else ""
    identity = _read("/etc/machine-id").strip() or platform.node()
    number = hashlib.sha256(f"dlmark {identity}".encode()).hexdigest()[:6]  # not to be traced back to the machine
    return f"{cores()}-core {kind}, {memory}{platform.system()} {platform.release().partition('-')[0]}, no. {number}"


def library_versions(libraries: tuple[str, ...]) -> dict[str, str]:
    """Versions of Python and of those of `libraries` that are installed."""
    versions = {"python": ".".join(map(str, sys.version_info[:3]))}
    for name in libraries:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


@contextmanager
def _nvml():
    """pynvml, initialized, or None where there is no driver."""
    try:
        import pynvml
    except ImportError:
        yield None
        return
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        yield None
        return
    try:
        yield pynvml
    finally:
        pynvml.nvmlShutdown()


def _asked(nvml, question, *args):
    """NVML's answer, or None where this device has none."""
    try:
        return question(*args)
    except nvml.NVMLError:
        return None


def _text(name: str | bytes) -> str:
    return name.decode() if isinstance(name, bytes) else name


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def _proc_kib(path: str, name: str) -> int:
    found = re.search(rf"^{name}:\s*(\d+) kB", _read(path), re.MULTILINE)
    return int(found[1]) if found else 0
