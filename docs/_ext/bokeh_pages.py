"""Put BokehJS, copied from the installed package, on the pages that hold plots, and on no others."""

import shutil
from pathlib import Path

from bokeh.util.paths import bokehjs_path

PLOT_MARK = 'class="plot-item"'  # docs/_ipython/site_figures.py writes it into each plot


def copy_bokehjs(app):
    """Copy BokehJS into the site, so that no page asks another host for it."""
    if app.builder.format == "html":
        static = Path(app.outdir, "_static")
        static.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(Path(bokehjs_path(), "js", "bokeh.min.js"), static / "bokeh.min.js")


def add_scripts(app, pagename, templatename, context, doctree):
    """Add the two scripts that draw plots to a page that has some."""
    if PLOT_MARK in context.get("body", ""):
        app.add_js_file("bokeh.min.js", defer="defer", priority=400)
        app.add_js_file("plots.js", defer="defer", priority=600)


def setup(app):
    """Connect to Sphinx."""
    app.connect("builder-inited", copy_bokehjs)
    app.connect("html-page-context", add_scripts)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
