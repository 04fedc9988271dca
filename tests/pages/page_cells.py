"""Run the code cells of a page in this process, as the site's build does in a kernel."""

import ast
import json
import linecache
import logging
import math
import sys
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import nbformat
from bokeh.io.notebook import _HOOKS, install_notebook_hook
from bokeh.models import Plot, Range1d

ROOT = Path(__file__).parents[2]
NOTEBOOKS = [*ROOT.glob("notebooks/*.ipynb"), *ROOT.glob("docs/*.ipynb")]
sys.path[:0] = [str(ROOT / "docs" / "_ipython"), str(ROOT / "docs" / "_ext")]

import notebook_state  # noqa: E402
import site_figures  # noqa: E402
import site_nothing  # noqa: E402

PAGES = sorted(path for path in NOTEBOOKS if notebook_state.is_run(nbformat.read(path, as_version=4)))
TALLEST_PX = 16_000  # Firefox stops at 32,767 pixels of the screen, which has up to two for one of these
SILENT = (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning)  # of libraries, which a kernel does not show


class Output(NamedTuple):
    """What a cell left on the page: the HTML of plots and tables, and the sentence in the place of what found nothing."""

    html: list[str]
    note: str | None


def run(page: Path) -> list[Output]:
    """The outputs of all code cells of `page`. Raises AssertionError where the site's build would end."""
    names: dict = {"__name__": "__main__"}
    notes = site_nothing.Notes(names)
    cells = [cell for cell in json.loads(page.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    return [_run("".join(cell["source"]), f"{page.name}, cell {number}", names, notes) for number, cell in enumerate(cells, start=1)]


def _run(source: str, place: str, names: dict, notes) -> Output:
    linecache.cache[place] = (len(source), None, source.splitlines(keepends=True), place)
    found: list[str] = []
    with _shown_into(found), _quiet(place):
        try:
            value = _execute(source, place, names)
            if value is not None:
                found.append(value._repr_html_() if hasattr(value, "_repr_html_") else repr(value))
        except Exception as error:
            sentence = notes.sentence(error)
            if sentence is None:
                raise AssertionError(f"{place}: {type(error).__name__}: {error}") from error
            return Output(found, sentence)
    return Output(found, None)


def _execute(source: str, place: str, names: dict):
    """Run the statements; the value of the last, if it is an expression."""
    tree = ast.parse(source)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, place, "exec"), names)
    return eval(compile(ast.Expression(last.value), place, "eval"), names) if last else None


@contextmanager
def _shown_into(found: list[str]):
    """What `show` is given becomes HTML in `found`, JSON for BokehJS included."""

    def show(plot, *_, **__):
        _can_be_drawn(plot)
        found.append(site_figures.figure(plot, "plot"))

    before = dict(_HOOKS)
    install_notebook_hook("jupyter", lambda *_, **__: None, show, lambda *_, **__: None, overwrite=True)
    try:
        yield
    finally:
        _HOOKS.clear()
        _HOOKS.update(before)


def _can_be_drawn(plot) -> None:
    """BokehJS draws nothing on an axis without a length, and nothing of a height that no canvas has."""
    for axis in plot.select({"type": Range1d}):
        assert math.isfinite(axis.start) and math.isfinite(axis.end) and axis.start < axis.end, axis
    for part in plot.select({"type": Plot}):
        assert not part.height or part.height < TALLEST_PX, part.height


@contextmanager
def _quiet(place: str):
    """Raise AssertionError for what would be written to stderr: the site's build ends then."""
    said: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: said.append(record.getMessage())
    logging.getLogger("bokeh").addHandler(handler)
    try:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            yield
    finally:
        logging.getLogger("bokeh").removeHandler(handler)
    said += [f"{one.filename}:{one.lineno}: {one.message}" for one in warned if not issubclass(one.category, SILENT)]
    assert not said, f"{place} warned: {said}"
