"""One framework each. docs/add-a-framework.rst says what an adapter has to offer."""

import importlib
import pkgutil
from importlib import metadata


def names() -> list[str]:
    """The frameworks that there are adapters for."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def get(name: str):
    """The adapter module of one framework. Its import is cheap: the framework itself is imported in `load`."""
    return importlib.import_module(f"{__name__}.{name}")


def models(adapter, task: str) -> dict[str, object]:
    """The networks that an adapter offers for a task: display name -> the framework's own id. Where to know them is work, `models` is a function."""
    offered = adapter.models() if callable(adapter.models) else adapter.models
    return offered.get(task, {})


def cpu_flags() -> list[str]:
    """What the processor's instructions are called, such as avx512_bf16; none outside Linux."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            return file.read().split()
    except OSError:
        return []


def version(adapter) -> str | None:
    """Version of the adapter's framework, or None where it is not installed; imports nothing."""
    for package in adapter.packages:
        try:
            return metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return None
