"""The device that is measured: cpu, or gpu:N as its maker's library counts them, gpu:N.K for a slice. Another maker's is another module beside nvidia.py."""

import math
import os
import re

from dlmark.machine import host, memory, nvidia, visible
from dlmark.machine.cpu import name as cpu_name
from dlmark.machine.nvidia import THROTTLE, DeviceError, gpus, strangers, why_hidden
from dlmark.machine.nvidia import broken as broken_gpus

__all__ = ["THROTTLE", "DeviceError", "broken_gpus", "cpu_name", "describe", "energy_j", "find", "gpus", "kind", "memory_total_mb", "memory_used_mb", "only_visible",
           "process_memory_mb", "processes", "state", "strangers", "why_hidden"]  # fmt: skip


def find(name: str) -> str:
    """Turn cpu, gpu, gpu:N or gpu:N.K (a slice) into the device of that name after looking whether it is there. Raises DeviceError."""
    if name == "cpu":
        return name
    if not re.fullmatch(r"gpu(:\d+(\.\d+)?)?", name):
        raise DeviceError(f"unknown device {name!r}: expected cpu, gpu or gpu:N, of a slice (MIG) gpu:N.K")
    there = nvidia.gpus()
    found = [where for where in there if name in ("gpu", where) or where.startswith(f"{name}.")]
    if not found:
        known = ", ".join(f"{where} ({gpu.name or gpu.word})" for where, gpu in there.items()) or f"no GPU ({nvidia.why_none() or 'NVML finds none'})"
        hidden = f"; {visible.VARIABLE}={os.environ[visible.VARIABLE]} leaves no other" if there and visible.VARIABLE in os.environ else ""
        raise DeviceError(f"no device {name}: there is {known}{hidden}. Use --device cpu{', or one of those' if there else ''}.")
    where = next((one for one in found if there[one].name), found[0])
    if problem := there[where].problem:
        raise DeviceError(problem)
    nvidia.name(where)  # raises where it was lost since
    return where


def kind(device: str) -> str:
    """cpu or gpu, without the number: a measuring process sees no other GPU than its own."""
    return device.partition(":")[0]


def describe(device: str, threads: int, libraries: tuple[str, ...] = ()) -> dict:
    """The record's fields about the device, the host and the software: `device` is cpu or gpu:N."""
    own: dict = {"device": f"{cpu_name()}, {threads} thread{'s' if threads > 1 else ''}"} if device == "cpu" else nvidia.describe(device)
    return {"device_kind": kind(device), **own, **host.describe(threads, libraries)}


def only_visible(device: str) -> dict[str, str]:
    """Variables under which CUDA sees this GPU alone, as its first: CUDA and NVML count in different orders."""
    return {} if device == "cpu" else nvidia.only_visible(device)


def state(device: str) -> dict:
    """The record's fields about the device right now: clock, power, temperature, throttling; none on a CPU.

    None stands for what the device can't tell. Raises DeviceError where the device is lost.
    """
    return {} if device == "cpu" else nvidia.state(device)


def energy_j(device: str) -> float | None:
    """What the device's energy counter has reached, in J; None where it has none, and for a slice of a GPU."""
    return None if device == "cpu" else nvidia.energy_j(device)


def memory_total_mb(device: str) -> float:
    """Memory of a GPU. Raises DeviceError where its library does not tell."""
    return nvidia.memory_total_mb(device)


def processes(device: str) -> dict[int, float | None] | None:
    """The processes that compute on a GPU, with the MB that each holds; None, for a process or all, where nobody tells."""
    return None if device == "cpu" else nvidia.processes(device)


def process_memory_mb(device: str) -> float | None:
    """Memory that this process holds now: on a GPU as its library tells, on a CPU resident; None where nobody tells."""
    if device == "cpu":
        return memory.resident_mb()
    return (processes(device) or {}).get(os.getpid()) or None


def memory_used_mb(device: str) -> float:
    """Memory of a GPU that is in use, by whomever; NaN where nobody tells."""
    used_mb = nvidia.memory_used_mb(device)
    return math.nan if used_mb is None else used_mb
