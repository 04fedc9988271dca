"""Every page of the real site as `make html` built it, in a browser."""

import pytest
import site_canvas
from axe_playwright_python.sync_playwright import Axe
from site_probe import ROOT

SITE = ROOT / "_build" / "html"
PAGES = sorted(path.relative_to(SITE).as_posix() for path in SITE.rglob("*.html") if "_static" not in path.parts)
MISSING = [pytest.param("", marks=pytest.mark.skip(reason="the site is not built; run `make html` first"))]

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module", params=PAGES or MISSING)
def visited(request, serve, browser):
    """A page that was opened once, for all tests of it."""
    page = site_canvas.watch(browser.new_page())
    page.goto(f"{serve(SITE)}/{request.param}", wait_until="networkidle")
    if page.locator("figure.plot").count():
        page.wait_for_selector("html.plots-ready")
    page.add_style_tag(content="* { transition: none !important }")  # a colour on its way fails a contrast that it will have
    site_canvas.settle(page)
    yield page
    page.close()


def test_draws_every_plot(visited):
    counts = [site_canvas.colour_counts(figure) for figure in visited.locator("figure.plot").all()]
    assert all(found and min(found) > 20 for found in counts), counts


def test_asks_no_other_host_and_logs_no_error(visited):
    assert (visited.outside, visited.errors) == ([], [])


def test_lets_the_browser_run_the_sites_own_scripts_alone(visited):
    policy = visited.locator("head > meta[http-equiv=Content-Security-Policy]")
    before = policy.evaluate("(meta) => [...document.head.children].slice(0, [...document.head.children].indexOf(meta)).map((e) => e.tagName)")
    assert set(before) <= {"META"}  # nothing was loaded before it came
    rules = dict(rule.split(" ", 1) for rule in policy.get_attribute("content").split("; "))
    scripts = rules["script-src"].split()
    assert (rules["default-src"], scripts[0]) == ("'none'", "'self'")
    assert all(source.startswith("'sha256-") for source in scripts[1:])


def test_no_page_of_the_site_is_without_a_policy():
    pages = list(SITE.rglob("*.html"))
    assert not [path for path in pages if "Content-Security-Policy" not in path.read_text(encoding="utf-8")]


def test_loads_bokehjs_once_where_there_are_plots_and_nowhere_else(visited):
    wanted = 1 if visited.locator("figure.plot").count() else 0
    assert sum("bokeh" in url for url in visited.scripts) == wanted


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_has_no_serious_accessibility_finding(visited, theme):
    visited.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
    site_canvas.settle(visited)
    found = Axe().run(visited).response["violations"]
    assert [(v["id"], [n["target"] for n in v["nodes"][:3]]) for v in found if v["impact"] in ("serious", "critical")] == []


def test_never_scrolls_sideways(visited):
    for width in (1440, 768, 360):
        visited.set_viewport_size({"width": width, "height": 800})
        site_canvas.settle(visited)
        assert visited.evaluate("document.documentElement.scrollWidth") <= width
