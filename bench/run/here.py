"""What is here to measure with: devices and frameworks, and what to do about each that is left out."""

from collections.abc import Mapping

from bench import adapters
from dlmark.machine import cpu, device, host, lock, others, quiet
from dlmark.record import safe
from dlmark.terminal.progress import tell


def say(chosen: list[str], measured: list[str], elsewhere: Mapping[str, str] | None = None) -> None:
    """The devices and the frameworks that were found, and for each that is left out what to do; of some only the Python that has them, `elsewhere`, is known."""
    print("Devices")
    for where, gpu in _gpus().items():
        left_out = "" if where in chosen or not gpu.name else f"; left out: DEVICE={where} measures it"
        print(f"  {_described(where, gpu.name) if gpu.name else gpu.problem}{left_out}")
    if why := device.broken_gpus() or device.why_hidden():
        print(f"  no GPU: {why}")
    for name in others.names():
        print(f"  {name} is there, and is not measured: dlmark measures CPUs and NVIDIA's GPUs so far")
    print(f"  cpu: {cpu.name()}, {host.name()}{'' if 'cpu' in chosen else '; left out: DEVICE=cpu measures it'}")
    print("Frameworks")
    for name in adapters.names():
        adapter = adapters.get(name)
        version = adapters.version(adapter)
        left_out = "" if name in measured else f"; left out: FRAMEWORK={name} measures it"
        if python := (elsewhere or {}).get(name):
            print(safe(f"  {name}, with {python}"))
        else:
            print(f"  {name} {version}{left_out}" if version else f"  {name} is not installed. {adapter.install}")


def _gpus() -> dict:
    """Those that may be seen, as far as that can be known."""
    try:
        return device.gpus()
    except device.DeviceError:  # which device.why_hidden tells
        return {}


def _described(where: str, name: str) -> str:
    try:
        return f"{where}: {name}, {device.memory_total_mb(where):,.0f} MB"
    except device.DeviceError:  # a GPU that shares the CPU's memory has none to tell
        return f"{where}: {name}, memory unknown"


def look(where: str, wait_s: float) -> None:
    """Before a CPU is measured, say whether it is quiet, and which programs are in the way; with `wait_s` wait so long for quiet."""
    if where == "cpu":
        quiet.wait(wait_s, tell)


def hold(where: str, command: str):
    """Hold a device, which NVML may number anew at the next boot, by what it is."""
    key = device.only_visible(where).get("CUDA_VISIBLE_DEVICES", where)
    return lock.hold(key, command, device=where if key == where else f"{where} ({key})")
