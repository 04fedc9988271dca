"""Settings of the site: `python -m sphinx -b html -W --keep-going . _build/html`.

Only what differs from the defaults of Sphinx, nbsphinx and the theme stands here. No page may ask another host for
anything.
"""

import os
import sys
from pathlib import Path

import pypandoc

sys.path.insert(0, str(Path(__file__).parent / "docs" / "_ext"))
# nbsphinx turns Markdown into reStructuredText with pandoc; the wheel of pypandoc-binary brings the program along.
os.environ["PATH"] = os.pathsep.join([str(Path(pypandoc.__file__).parent / "files"), os.environ["PATH"]])
# jsonschema, below nbformat, imports this if it can and spends more than a second on it, to check formats that
# notebooks don't use. Absent, a build takes half the time.
sys.modules.setdefault("rfc3987_syntax", None)

project = "dlmark"
author = "the dlmark authors"
copyright = "the dlmark authors, Apache License 2.0"
extensions = [
    "nbsphinx",
    "sphinx_copybutton",
    "notebook_cache",
    "notebook_outputs",
    "notebook_figure",
    "bokeh_pages",
    "source_archive",
    "content_policy",
    "mathml",
]
# Pages are read from these places alone: a virtual environment in the clone, of whatever name, is full of .rst files of others.
include_patterns = ["index.rst", "notebooks/**", "docs/**"]
exclude_patterns = ["docs/_*", "**.ipynb_checkpoints"]

# Notebooks: notebook_cache runs them, and only when something they depend on has changed.
nbsphinx_execute = "never"
nbsphinx_timeout = 300  # seconds a cell
nbsphinx_requirejs_path = ""
nbsphinx_widgets_path = ""
nbsphinx_assume_equations = False
nbsphinx_codecell_lexer = "ipython3"
html_math_renderer = "mathml"  # drawn by the browser itself: no script to load
copybutton_selector = "div.nbinput div.highlight pre, div:not(.nbinput):not(.nboutput) > div.highlight > pre"

# Pages
html_theme = "pydata_sphinx_theme"
html_title = "dlmark"  # a longer one pushes the header out of a phone's screen
html_static_path = ["docs/_static"]
html_css_files = ["site.css"]
html_favicon = "docs/_static/favicon.svg"
html_context = {"default_mode": "auto"}  # light or dark as the reader's system has it; unset, each page logs an error
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_sidebars = {"**": []}  # the pages are few and stand in the header
html_theme_options = {
    "logo": {"text": "dlmark"},
    "navbar_align": "left",
    "navbar_center": ["navbar-nav"],
    "navbar_persistent": ["search-button"],
    "navbar_end": ["theme-switcher"],
    "header_links_before_dropdown": 4,
    "secondary_sidebar_items": ["page-toc"],
    "show_prev_next": False,
    "footer_start": ["copyright"],
    "footer_end": [],
}
