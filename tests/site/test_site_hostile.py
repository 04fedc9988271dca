"""What strangers' texts can't do to the site, even those that no check would let in: nothing runs, reads, asks or is taken for markup."""

import http.server
import json
import threading

import hostile
import pytest
import site_canvas
import site_copy
import site_probe
from site_probe import ROOT, START

TABLES = """\
import pandas as pd
from dlmark import load
from dlmark.plots import tables
texts = [record["text"] for record in load("hostile.json")]
tables.shown(pd.DataFrame({"number": range(len(texts)), "text": texts}), "escaped")"""
UNESCAPED = "pd.DataFrame({texts[0]: texts, 'text': texts})"
PRINTED = "for text in texts:\n    print(text)"
PLAIN = "texts"
PLOTS = """\
from bokeh.models import FixedTicker
from bokeh.plotting import figure
for place, text in enumerate(texts[::25]):
    names = [f"{text} {n}" for n in range(3)]
    p = figure(title=text, height=260, sizing_mode="stretch_width", y_range=names, x_axis_label=text, tooltips=[("name", "@{name}"), ("text", "@text")])
    p.scatter("x", "name", source=dict(name=names, x=[1, 2, 3], text=[text] * 3), size=20, legend_label=text)
    p.xaxis.ticker = FixedTicker(ticks=[1, 2, 3])
    p.xaxis.major_label_overrides = {1: text}
    show(p)"""
SCRIPT = f"from IPython.display import HTML\nHTML('<script>{hostile.RUN}</script><img src=x onerror={hostile.RUN}>')"
ALLOWED = {"DIV", "PRE", "TABLE", "THEAD", "TBODY", "TR", "TH", "TD", "FIGURE", "NOSCRIPT", "P", "DETAILS", "SUMMARY", "SCRIPT", "STYLE"}

NEEDED = ["dlmark/plots/tables.py", "dlmark/results/nothing.py", *(path.relative_to(ROOT) for path in (ROOT / "dlmark" / "record").glob("*.py"))]

pytestmark = [pytest.mark.browser, pytest.mark.slow]


class Listener(http.server.BaseHTTPRequestHandler):
    """Notes who asks, and answers with a script."""

    asked: list[str] = []

    def do_GET(self):
        """Called by the server."""
        self.asked.append(self.path)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"<script>{hostile.RUN}</script>".encode())

    def log_message(self, *arguments):
        """Say nothing."""


def spellings(secret, address):
    """Directives for every end of a line that would show a file of this machine, and what an address answers."""
    for s in hostile.SEPARATORS:
        for directive in (f"include:: {secret}", f"literalinclude:: {secret}", f"raw:: html{s}   :file: {secret}", f"raw:: html{s}   :url: {address}"):
            yield f"fused{s}{s}.. {directive}{s}{s}.. raw:: html{s}{s}        "


@pytest.fixture(scope="module")
def texts():
    return [text for kind in hostile.STRINGS.values() for text in kind if text.encode(errors="replace").decode() == text]


@pytest.fixture(scope="module")
def page_of_texts(texts, tmp_path_factory):
    """The project, built, and what the build asked of an address."""
    folder = tmp_path_factory.mktemp("hostile")
    secret = folder / "secret.txt"
    secret.write_text("the secret of this machine", encoding="utf-8")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Listener)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    more = spellings(secret, f"http://127.0.0.1:{server.server_port}/")
    (folder / "project").mkdir()
    cells = [START, TABLES, UNESCAPED, PRINTED, PLAIN, PLOTS]
    root = site_probe.project(folder / "project", {"plots": site_probe.notebook(*cells), "script": site_probe.notebook(SCRIPT)})
    site_probe.write(
        root,
        {
            "results/hostile.json": json.dumps([{"text": text} for text in [*texts, *more]]),
            **{path: (ROOT / path).read_text(encoding="utf-8") for path in map(str, NEEDED)},
        },
    )
    build = site_copy.sphinx(root)
    server.shutdown()
    assert build.returncode == 0, build.stdout
    return root / "_build" / "html"


def test_no_text_makes_the_build_read_a_file_or_ask_an_address(page_of_texts):
    pages = [path.read_text(encoding="utf-8") for path in page_of_texts.rglob("*.html")]
    assert len(pages) > 3 and not any("the secret of this machine" in page for page in pages)
    assert Listener.asked == []


def test_no_text_becomes_an_element_of_the_page(page_of_texts, serve, new_context):
    page = new_context(java_script_enabled=False).new_page()
    page.goto(f"{serve(page_of_texts)}/notebooks/plots.html")
    found = page.locator(".nboutput *").evaluate_all("all => all.map((e) => [e.tagName, e.getAttributeNames(), e.type ?? ''])")
    assert {tag for tag, *_ in found} <= ALLOWED
    assert not [names for _, names, _ in found if any(name.startswith("on") or name in ("href", "src") for name in names)]
    assert {kind for tag, _, kind in found if tag == "SCRIPT"} == {"application/json"}


def test_every_text_is_shown_as_it_is(page_of_texts, texts, serve, new_context):
    page = new_context(java_script_enabled=False).new_page()
    page.goto(f"{serve(page_of_texts)}/notebooks/plots.html")
    shown = page.locator("#T_escaped td:last-child").all_text_contents()
    wanted = [text for text in texts if hostile.accepts(text)]
    assert len(wanted) > 200 and not [text for text in wanted if text not in shown]


def test_no_text_runs_asks_or_widens_the_page_in_a_browser(page_of_texts, serve, watched):
    watched.goto(f"{serve(page_of_texts)}/notebooks/plots.html")
    watched.wait_for_selector("html.plots-ready")
    watched.evaluate("document.querySelectorAll('details').forEach((d) => d.open = true)")
    for figure in watched.locator("figure.plot .plot-target").all():
        figure.scroll_into_view_if_needed()
        box = figure.bounding_box()
        for share in (0.25, 0.5, 0.75):
            watched.mouse.move(box["x"] + box["width"] * share, box["y"] + box["height"] * share, steps=3)
    for width in (1440, 360):
        watched.set_viewport_size({"width": width, "height": 800})
        site_canvas.settle(watched)
        assert watched.evaluate("document.documentElement.scrollWidth") <= width
    assert watched.evaluate(f"[typeof window.{hostile.SIGN}, document.title]") == ["undefined", "A page — dlmark"]
    assert (watched.dialogs, watched.outside, watched.errors) == ([], [], [])


def test_no_text_runs_where_a_finger_taps(page_of_texts, serve, new_context):
    page = site_canvas.watch(new_context(has_touch=True, viewport={"width": 360, "height": 800}).new_page())
    page.goto(f"{serve(page_of_texts)}/notebooks/plots.html")
    page.wait_for_selector("html.plots-ready")
    for figure in page.locator("figure.plot .plot-target").all()[:6]:
        figure.scroll_into_view_if_needed()
        box = figure.bounding_box()
        for share in (0.25, 0.5, 0.75):
            page.touchscreen.tap(box["x"] + box["width"] * share, box["y"] + box["height"] * share)
    assert page.evaluate(f"typeof window.{hostile.SIGN}") == "undefined"
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert (page.dialogs, page.outside, page.errors) == ([], [], [])


def test_a_script_that_gets_into_a_page_all_the_same_is_not_run(page_of_texts, serve, watched):
    watched.goto(f"{serve(page_of_texts)}/notebooks/script.html", wait_until="networkidle")
    assert watched.locator(".nboutput script, .nboutput img").count() == 2
    assert watched.evaluate(f"typeof window.{hostile.SIGN}") == "undefined"
    assert sum("Content Security Policy" in error for error in watched.errors) == 2
