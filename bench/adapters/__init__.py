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


def version(adapter) -> str | None:
    """Version of the adapter's framework, or None where it is not installed; imports nothing."""
    for package in adapter.packages:
        try:
            return metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return None
