"""Give each page a Content-Security-Policy: browsers then run the site's own scripts and no others, wherever they come from.

The theme has a few scripts in the page itself. They are allowed by hash, and the hashes are those of the same page without its
content: a script that has got into the content is never among them.
"""

import base64
import hashlib
from html import escape
from html.parser import HTMLParser
from pathlib import Path

POLICY = (
    "default-src 'none'; script-src 'self' {hashes}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'"
)  # the styles of a plot are made by BokehJS, and docutils writes widths into tables
META = '<meta http-equiv="Content-Security-Policy" content="{}" />\n'


class _InlineScripts(HTMLParser):
    """Collects the text of each script that stands in the page and is run."""

    def __init__(self, page):
        super().__init__()
        self.found, self._inside = [], False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self._inside = tag == "script" and "src" not in attributes and attributes.get("type", "") != "application/json"

    def handle_data(self, data):
        if self._inside:
            self.found.append(data)

    def handle_endtag(self, tag):
        self._inside = False


def inline_scripts(page: str) -> list[str]:
    """The text of each script of an HTML page that stands in the page and is run."""
    return _InlineScripts(page).found


def source(script: str) -> str:
    """How a policy names one script."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def add_policy(app, pagename, templatename, context, doctree):
    """Put the policy in front of everything that the head of a page may load."""
    without_content = app.builder.templates.render(templatename, {**context, "body": ""})
    hashes = sorted({source(script) for script in inline_scripts(without_content)})
    context["metatags"] = META.format(escape(POLICY.format(hashes=" ".join(hashes)))) + context.get("metatags", "")


def remove_templates(app, exception):
    """The theme leaves a template of its own among the files: a page without a policy, to which nothing links."""
    if app.builder.format == "html":
        Path(app.outdir, "_static", "webpack-macros.html").unlink(missing_ok=True)


def setup(app):
    """Connect to Sphinx."""
    app.connect("html-page-context", add_policy, priority=900)  # after the theme has set what its scripts say
    app.connect("build-finished", remove_templates)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
