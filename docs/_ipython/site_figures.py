"""Turn each `show(plot)` of a notebook into a figure of the page: data for BokehJS, and a table."""

import html
import itertools
import json
import re

import site_table
from bokeh.embed import json_item
from bokeh.embed.util import OutputDocumentFor
from bokeh.io.notebook import install_notebook_hook
from bokeh.models import Title
from bokeh.themes import Theme
from IPython.display import publish_display_data

FIGURE = """\
<figure class="plot" aria-label="{title}">\
<div id="{id}" class="plot-target" style="min-height:{height}px"></div>\
<noscript><p>This plot is drawn by JavaScript, which is off here. The table below holds what it shows.</p></noscript>\
{table}<script type="application/json" class="plot-item">{item}</script></figure>"""

# BokehJS paints half a pixel beside the edge, where a change of theme leaves a line; without paint there is none.
THEME = Theme(json={"attrs": {"Plot": {"border_fill_color": None}}})

_numbers = itertools.count(1)


def install() -> None:
    """From now on `output_notebook()` loads nothing and `show(plot)` publishes a figure."""
    install_notebook_hook("jupyter", _load, _show, _refuse_app, overwrite=True)


def figure(plot, identity: str) -> str:
    """HTML of one plot or layout of plots; every text of it is taken as coming from a stranger."""
    with OutputDocumentFor([plot], always_new=True):
        item = json_item(plot, identity, theme=THEME)
    titles = [title.text for title in sorted(plot.select({"type": Title}), key=model_order) if title.text]
    return FIGURE.format(
        id=identity,
        title=html.escape("; ".join(titles) or "plot"),
        height=int(getattr(plot, "height", None) or 400),
        table=site_table.table(plot),
        item=_inert(json.dumps(item, separators=(",", ":"), allow_nan=False)),
    )


def model_order(model) -> tuple:
    """Models in the order in which they were made: bokeh hands them out as a set, in another order each time."""
    return len(model.id), model.id


def _inert(text):
    """JSON whose strings can neither end the script they stand in nor be taken for a formula.

    BokehJS reads `$$…$$`, `\\(…\\)` and `\\[…\\]` in titles and labels as TeX and, having no MathJax here, garbles
    the text; an invisible word joiner inside the mark prevents that.
    """
    return re.sub(r"\$(?=\$)|\\\\(?=[(\[])", r"\g<0>\\u2060", text.replace("<", "\\u003c"))


def _load(resources, verbose, hide_banner, load_timeout):
    pass  # the page loads BokehJS once for all plots


def _show(plot, state, handle=None):
    publish_display_data({"text/html": figure(plot, f"plot-{next(_numbers)}")})


def _refuse_app(app, state, notebook_url, **options):
    raise ValueError("a Bokeh application needs a server, which a published page does not have; show a plot instead")
