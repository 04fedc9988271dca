"""Run each notebook of the site when its code, the data it read or the library changed; otherwise keep its outputs.

The outputs stay in the cache, where notebook_outputs finds them: nbsphinx gets the notebooks without."""

import time
from pathlib import Path

import nbformat
import notebook_run
import notebook_state
from sphinx.util import logging

log = logging.getLogger(__name__)


def outdated(app, env, added, changed, removed):
    """Notebooks that have to be read again although they themselves did not change."""
    return _without_outputs(app, env)


def fill(app, docname, source):
    """Give nbsphinx the notebook without outputs, when there are some for notebook_outputs: kept ones, or those of a run now."""
    if not _is_notebook(app.env, docname):
        return
    try:
        notebook = _parse(source[0])
        cells = notebook_state.load(_project(app), docname, notebook)
        if cells is None:
            cells = _run(app, docname, notebook)
    except (notebook_run.NotebookFailed, nbformat.reader.NotJSONError) as error:
        log.error("notebook %s failed: %s", docname, error, location=docname)
        return
    for cell, kept in zip(notebook_state.code_cells(notebook), cells, strict=True):
        cell.outputs = []
        cell.execution_count = kept["execution_count"]
    source[0] = nbformat.writes(notebook)


def finish(app, exception):
    """Publish notebooks for download without outputs, forget removed ones, and let no failed one pass."""
    if exception:
        return
    notebooks = [name for name in app.env.found_docs if _is_notebook(app.env, name)]
    notebook_state.prune(_project(app), notebooks)
    failed = _without_outputs(app, app.env)
    if app.builder.format == "html":
        for name in sorted(set(notebooks) - set(failed)):
            clean = nbformat.writes(read(app.env, name))
            Path(app.outdir, f"{name}.ipynb").write_text(clean, encoding="utf-8")
    if failed:
        log.info("not published as they should be: %s", ", ".join(failed))
        app.statuscode = 1  # without -W, Sphinx would report success


def read(env, docname):
    """One of the site's notebooks as it lies on the disk, without outputs."""
    return _parse(Path(env.doc2path(docname)).read_text(encoding="utf-8"))


def _run(app, docname, notebook):
    project, start = _project(app), time.perf_counter()
    folder = Path(app.env.doc2path(docname)).parent
    reads = notebook_run.run(notebook, folder, root=project.root, results=project.results, timeout=int(app.config.nbsphinx_timeout))
    notebook_state.save(project, docname, notebook, reads)
    log.info("ran %s in %.1f s", docname, time.perf_counter() - start)
    return [{"outputs": c.outputs, "execution_count": c.execution_count} for c in notebook_state.code_cells(notebook)]


def _without_outputs(app, env):
    project = _project(app)
    return sorted(name for name in env.found_docs if _is_notebook(env, name) and not _kept(project, env, name))


def _kept(project, env, docname):
    try:
        return notebook_state.load(project, docname, read(env, docname)) is not None
    except nbformat.reader.NotJSONError:
        return False


def _parse(text):
    notebook = nbformat.reads(text, as_version=4)
    for cell in notebook_state.code_cells(notebook):  # what somebody's own run left behind is not published
        cell.outputs, cell.execution_count = [], None
    return notebook


def _is_notebook(env, docname):
    return Path(env.doc2path(docname)).suffix == ".ipynb"


def _project(app):
    return notebook_state.Project(Path(app.srcdir))


def setup(app):
    """Connect to Sphinx."""
    app.connect("env-get-outdated", outdated)
    app.connect("source-read", fill)
    app.connect("build-finished", finish, priority=900)  # after nbsphinx has copied the notebooks it ran
    return {"parallel_read_safe": True, "parallel_write_safe": True}
