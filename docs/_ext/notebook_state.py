"""What the outputs of a notebook depend on, and the file that keeps them between two builds."""

import hashlib
import json
import os
import sys
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("bokeh", "pandas", "numpy", "ipykernel")
SOURCES = ("dlmark", "studies", "docs/_ipython")  # folders whose code every notebook depends on


class Project:
    """Where the site's sources, the results and the kept outputs lie."""

    def __init__(self, root: Path):
        """The project in `root`; its results are in $DLMARK_RESULTS, else in `results` there."""
        self.root = root.resolve()
        self.results = Path(os.environ.get("DLMARK_RESULTS") or self.root / "results").resolve()
        self.cache = self.root / ".cache" / "notebooks"

    def entry(self, docname: str) -> Path:
        """The file that keeps the outputs of one notebook."""
        return self.cache / (docname.replace("/", ".") + ".json")

    def name(self, path: str) -> str:
        """A path in the results or the project, without what belongs to this machine."""
        if Path(path).is_relative_to(self.results):
            return "results:" + Path(path).relative_to(self.results).as_posix()
        return "project:" + Path(path).relative_to(self.root).as_posix()

    def path(self, name: str) -> Path:
        """The path that `name` was made of."""
        place, _, rest = name.partition(":")
        return (self.results if place == "results" else self.root) / rest


def load(project: Project, docname: str, notebook) -> list | None:
    """The kept outputs of a notebook, one entry a code cell, or None if it has to run again."""
    cells = code_cells(notebook)
    if not cells or not is_run(notebook):
        return [{"outputs": [], "execution_count": None} for _ in cells]
    try:
        entry = json.loads(project.entry(docname).read_text(encoding="utf-8"))
        current = entry["key"] == _key(project, notebook)
        current = current and all(_digest(project, kind, name) == old for kind, name, old in entry["reads"])
        return entry["cells"] if current else None
    except (OSError, ValueError, KeyError, TypeError):  # absent, or cut off by a kill: run it again
        return None


def save(project: Project, docname: str, notebook, reads: set[tuple[str, str]]) -> None:
    """Keep the outputs of a notebook that has just run, with the state of everything that it read."""
    named = sorted({(kind, project.name(path)) for kind, path in reads})
    entry = {
        "key": _key(project, notebook),
        "reads": [(kind, name, _digest(project, kind, name)) for kind, name in named],
        "cells": [{"outputs": c.outputs, "execution_count": c.execution_count} for c in code_cells(notebook)],
    }
    path = project.entry(docname)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(f".{os.getpid()}.tmp")
    unfinished.write_text(json.dumps(entry), encoding="utf-8")
    unfinished.replace(path)


def prune(project: Project, docnames) -> None:
    """Remove the kept outputs of notebooks that are no longer there."""
    wanted = {project.entry(name) for name in docnames}
    for path in project.cache.glob("*"):
        if path not in wanted:
            path.unlink()


def is_run(notebook) -> bool:
    """Whether a build runs the notebook: nbsphinx's own key in its metadata says which are for other machines."""
    return notebook.metadata.get("nbsphinx", {}).get("execute") != "never"


def code_cells(notebook) -> list:
    """The cells that hold code."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _key(project, notebook):
    sources = sorted(path for folder in SOURCES for path in (project.root / folder).rglob("*.py"))
    parts = [
        sys.version,
        os.path.relpath(project.results, project.root),
        *(f"{package} {version(package)}" for package in PACKAGES),
        *(f"{path.relative_to(project.root)} {_hash(path.read_bytes())}" for path in sources),
        *(cell.source for cell in code_cells(notebook)),
    ]
    return _hash("\0".join(parts).encode())


def _digest(project, kind, name):
    path = project.path(name)
    try:
        return _hash(path.read_bytes() if kind == "file" else "\0".join(sorted(os.listdir(path))).encode())
    except OSError:
        return "absent"


def _hash(data):
    return hashlib.sha256(data).hexdigest()
