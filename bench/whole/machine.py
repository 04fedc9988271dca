"""The devices and the frameworks of this machine, and the Python that has each framework."""

import sys
from pathlib import Path

from bench import adapters
from dlmark.machine import cpu, device

ROOT = Path(__file__).resolve().parents[2]


def frameworks(chosen: str | None) -> dict[str, str]:
    """The frameworks to measure, each with the Python that has it: the one that was chosen, else all that are installed."""
    if chosen:
        return {chosen: python_of(chosen) or sys.executable}  # which says what is wrong with it
    installed = {name: python for name in adapters.names() if (python := python_of(name))}
    # NumPy stands in for a framework where there is none; nobody chooses a device by it.
    return {name: python for name, python in installed.items() if name != "numpy"} or {"numpy": sys.executable}


def python_of(framework: str, root: Path = ROOT, prefix: str = sys.prefix) -> str | None:
    """The Python that has a framework, None where none has: of `make results` that of the framework's own environment, else this one.

    Who measures with an interpreter of their own gets what that one has, and nothing else.
    """
    own = root / f".venv-{framework}"
    if Path(prefix).parent == root and Path(prefix).name.startswith(".venv") and (own / "ready").exists():
        return str(own / "bin" / "python")
    return sys.executable if framework in adapters.names() and adapters.version(adapters.get(framework)) else None


def devices(chosen: str | None) -> dict[str, str]:
    """The devices to measure, with their names: the one that was chosen, else every GPU, else the CPU. Raises DeviceError."""
    if chosen == "cpu":
        return {"cpu": cpu.name()}
    there = {where: gpu.name for where, gpu in device.gpus().items() if gpu.name}  # without those that are lost, or not for us
    where = chosen and device.find(chosen)
    if where:
        return {where: there.get(where) or cpu.name()}
    return there or {"cpu": cpu.name()}


def alike(names: dict[str, str]) -> list[list[str]]:
    """The devices in groups of one name: what one of a group measures holds for all of it."""
    groups: dict[str, list[str]] = {}
    for where, name in names.items():
        groups.setdefault(name, []).append(where)
    return list(groups.values())


def deal(networks: list[str], among: list[str]) -> dict[str, list[str]]:
    """Deal the networks out in turn, since the large ones of a family stand together; who gets none is left out."""
    return {where: networks[turn :: len(among)] for turn, where in enumerate(among) if networks[turn :: len(among)]}
