"""The bench scripts, those that are measured where none is named, and the tasks that they are of."""

import importlib
import pkgutil
from functools import cache
from types import ModuleType

import bench
from bench.run.options import UsageError
from bench.run.task import Task

USUAL = "cnn,device"  # the networks, and what the device can do at most, which they are set against


@cache
def scripts() -> dict[str, ModuleType]:
    """The bench scripts by name: the modules beside this package that have a command line and say what is measured of it."""
    names = [module.name for module in pkgutil.iter_modules(bench.__path__) if not module.ispkg and not module.name.startswith("_")]
    found = {name: importlib.import_module(f"bench.{name}") for name in names if name != "as_module"}
    return {name: module for name, module in found.items() if hasattr(module, "PRESETS")}


def task(name: str) -> Task:
    """The task of this name, from the script that says what is particular to it."""
    tasks = (getattr(module, "TASK", None) for module in scripts().values())
    return next(one for one in tasks if one and one.name == name)


def chosen(named: str | None, preset: str, *, narrowed: bool) -> list[str]:
    """The benches of a run: those that are named; else the networks, and with them the device's own ceilings unless the run is `narrowed` or quick."""
    names = [name.strip() for name in (named or USUAL).split(",")] if named or not narrowed and preset == "full" else ["cnn"]
    if unknown := [name for name in names if name not in scripts()]:
        raise UsageError(f"unknown bench {unknown[0]!r}; there are: {', '.join(scripts())}")
    return list(dict.fromkeys(names))
