"""`.. notebook-figure:: notebooks/cnn.ipynb` shows one of a notebook's plots on a page that is not a notebook."""

from pathlib import Path

import notebook_cache
import notebook_outputs
import notebook_state
from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

log = logging.getLogger(__name__)


class Figure(nodes.General, nodes.Element):
    """Stands for the plot until the page is written, when every notebook has run."""


class NotebookFigure(SphinxDirective):
    """The directive; `:number:` counts the notebook's plots from 1."""

    required_arguments = 1
    option_spec = {"number": directives.positive_int}

    def run(self):
        path = Path(self.env.srcdir, self.arguments[0])
        if not path.is_file():
            raise self.error(f"notebook-figure: no notebook {self.arguments[0]}")
        self.env.note_dependency(path)
        figure = Figure(notebook=self.env.path2doc(path), number=self.options.get("number", 1))
        self.set_source_info(figure)
        return [figure]


def visit(translator, node):
    """Write the plot's HTML as the notebook's own page has it, or the note that stands in its place there."""
    shown = _shown(translator.builder.env, node["notebook"])
    notes = list(filter(notebook_outputs.is_note, shown))
    # Where a plot is missing beside notes it was left out for the same reason.
    chosen = shown[node["number"] - 1 : node["number"]] or notes[:1]
    for output in chosen:
        translator.body.append(notebook_outputs.to_html(output)[1])
    if not chosen:
        log.error("%s has %d plots; there is no number %d", node["notebook"], len(shown), node["number"], location=node)
    raise nodes.SkipNode


def _shown(env, docname):
    """The notebook's outputs that are plots or stand for one."""
    project = notebook_state.Project(Path(env.srcdir))
    cells = notebook_state.load(project, docname, notebook_cache.read(env, docname)) or []  # none if it failed
    outputs = [output for cell in cells for output in cell["outputs"]]
    return [output for output in outputs if notebook_outputs.is_note(output) or "<figure" in output.get("data", {}).get("text/html", "")]


def outdated(app, env, added, changed, removed):
    """Pages that show a plot of a notebook that is going to run again."""
    again = {Path(env.doc2path(name)) for name in notebook_cache.outdated(app, env, added, changed, removed)}
    needs = {page: {Path(env.srcdir, path) for path in paths} for page, paths in env.dependencies.items()}
    return sorted(page for page, paths in needs.items() if paths & again)


def setup(app):
    """Connect to Sphinx."""
    app.add_node(Figure, html=(visit, None))
    app.add_directive("notebook-figure", NotebookFigure)
    app.connect("env-get-outdated", outdated)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
