"""Put the outputs of each notebook on its page as finished HTML, when the page's own markup has been parsed.

A notebook becomes reStructuredText on its way to a page, and the texts in its outputs may come from strangers. So nbsphinx
gets cells without outputs, and what they put out joins the page as nodes that no parser, and no search index, looks into.
"""

import html
from pathlib import Path

import notebook_cache
import notebook_state
import source_archive
from docutils import nodes
from sphinx.util import logging

log = logging.getLogger(__name__)

DOWNLOAD = '<p class="download">This page is a notebook: <a href="{name}" download>download it</a>, change it, run it again.</p>\n'
TAKE_ALONG = '<p class="download">Download <a href="{name}" download>this notebook</a> and <a href="{archive}" download>dlmark.zip</a>.</p>\n'


class Html(nodes.General, nodes.Element):
    """Finished HTML in the attribute `html`."""


def forbid(app):
    """No page of ours needs HTML in its markup, or a file or an address that is read while building: refuse them."""
    app.env.settings.update(raw_enabled=False, file_insertion_enabled=False)


def add(app, doctree):
    """Put the outputs of a notebook behind the cells that they belong to."""
    docname = app.env.docname
    if Path(app.env.doc2path(docname)).suffix != ".ipynb":
        return
    notebook = notebook_cache.read(app.env, docname)
    cells = notebook_state.load(notebook_state.Project(Path(app.srcdir)), docname, notebook) or []  # none if it failed
    inputs = [node for node in doctree.findall(nodes.container) if "nbinput" in node["classes"]]
    for node, cell in zip(inputs, cells):
        try:
            shown = [_container(output) for output in cell["outputs"]]
        except ValueError as error:
            log.error("notebook %s: %s", docname, error, location=docname)
            continue
        if shown:
            node["classes"].remove("nblast")  # it was the last of its cell while it was alone
            shown[-1]["classes"].append("nblast")
            node.parent[node.parent.index(node) + 1 : node.parent.index(node) + 1] = shown
    words = DOWNLOAD if notebook_state.is_run(notebook) else TAKE_ALONG
    name = html.escape(docname.rpartition("/")[2] + ".ipynb")
    doctree.append(Html(html=words.format(name=name, archive="../" * docname.count("/") + source_archive.NAME)))


def _container(output):
    """One output in the boxes that nbsphinx's style sheet knows."""
    kind, text = to_html(output)
    area = nodes.container("", Html(html=text), classes=["output_area", kind])
    return nodes.container("", nodes.container(classes=["prompt", "empty"]), area, classes=["nboutput"])


def to_html(output) -> tuple[str, str]:
    """The class of an output's box, and its HTML: as the notebook made it, else its text escaped. ValueError where it has neither."""
    data = output.get("data", {})
    if "text/html" in data:
        return "rendered_html", data["text/html"]
    text = output.get("text", data.get("text/plain"))
    if text is None:
        raise ValueError(f"an output is {', '.join(data) or output['output_type']}; a page shows text/html and text/plain")
    if is_note(output):
        return "rendered_html", f'<p class="nothing">{html.escape(_visible(text))}</p>\n'
    return "highlight", f"<pre>{html.escape(_visible(text))}</pre>\n"


def is_note(output) -> bool:
    """Whether an output is the sentence of a cell that found nothing (docs/_ipython/site_nothing.py)."""
    return bool(output.get("metadata", {}).get("dlmark", {}).get("nothing"))


def _visible(text):
    """Controls and invisible characters written as escapes, but for the ends of lines."""
    return "".join(c if c.isprintable() or c in "\n\t" else ascii(c)[1:-1] for c in text)


def visit(translator, node):
    """Write the HTML as it is."""
    translator.body.append(node["html"])
    raise nodes.SkipNode


def setup(app):
    """Connect to Sphinx."""
    app.add_node(Html, html=(visit, None))
    app.connect("builder-inited", forbid)
    app.connect("doctree-read", add)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
