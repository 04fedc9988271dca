"""Write formulas as MathML, which browsers draw without a script."""

from docutils import nodes
from docutils.utils.math import MathError, pick_math_environment
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util import logging

log = logging.getLogger(__name__)


def visit_inline(writer, node):
    """Write a formula that stands in a line of text."""
    writer.body.append(_mathml(node, node.astext(), block=False))
    raise nodes.SkipNode


def visit_block(writer, node):
    """Write a formula that has a paragraph of its own."""
    environment = pick_math_environment(node.astext())
    formula = rf"\begin{{{environment}}}{node.astext()}\end{{{environment}}}"
    writer.body.append(f'<div class="math">{_mathml(node, formula, block=True)}</div>\n')
    raise nodes.SkipNode


def _mathml(node, formula, block):
    try:
        return tex2mathml(formula, as_block=block)
    except MathError as error:
        log.warning("this formula can't be written as MathML: %s", error, location=node)
        return nodes.Text(formula).astext().replace("&", "&amp;").replace("<", "&lt;")


def setup(app):
    """Offer the renderer to Sphinx under the name `mathml`."""
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
