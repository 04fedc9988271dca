"""What a reader sees on a page with plots, and what a stranger's text can't do there."""

import pytest
import site_canvas
import site_probe
from playwright.sync_api import expect

pytestmark = pytest.mark.browser
BLUE, RED, WHITE = (31, 119, 180), (214, 39, 40), (255, 255, 255)


@pytest.fixture(scope="session")
def address(built, serve):
    return serve(built / "_build" / "html")


@pytest.fixture
def plots(watched, address):
    watched.goto(f"{address}/notebooks/plots.html")
    watched.wait_for_selector("html.plots-ready")
    site_canvas.settle(watched)
    return watched


def first(page):
    """The page's first figure, in view."""
    figure = page.locator("figure.plot").first
    figure.scroll_into_view_if_needed()
    return figure


def test_every_plot_is_drawn(plots):
    counts = [site_canvas.colour_counts(figure) for figure in plots.locator("figure.plot").all()]
    assert [len(found) for found in counts] == [1, 2, 1]
    assert all(count > 20 for found in counts for count in found), counts


def test_a_plot_of_a_notebook_is_drawn_on_another_page(watched, address):
    watched.goto(f"{address}/index.html")
    watched.wait_for_selector("html.plots-ready")
    assert len(site_canvas.colour_counts(watched.locator("figure.plot"))) == 2
    assert (watched.outside, watched.errors) == ([], [])


def test_asks_no_other_host_and_logs_no_error(plots):
    assert (plots.outside, plots.errors) == ([], [])


def test_loads_bokehjs_once(plots):
    assert sum("bokeh" in url for url in plots.scripts) == 1


def test_a_page_without_plots_loads_no_bokehjs(watched, address):
    for page in ("genindex", "notebooks/numbers"):
        watched.goto(f"{address}/{page}.html", wait_until="networkidle")
    assert not [url for url in watched.scripts if "bokeh" in url or "plots.js" in url]
    assert (watched.outside, watched.errors) == ([], [])


def test_pointing_at_a_mark_shows_its_values(plots):
    first(plots)
    x, y = site_canvas.point(plots, renderer=3, index=3)  # H100, batch size 3
    plots.mouse.move(x - 2, y - 2)
    plots.mouse.move(x, y, steps=3)
    expect(plots.locator(".bk-Tooltip", has_text="H100").first).to_be_visible()


def test_a_click_in_the_legend_hides_one_series(plots):
    figure = first(plots)
    before = site_canvas.pixels_like(figure, RED), site_canvas.pixels_like(figure, BLUE)
    figure.get_by_text("H100", exact=True).first.click()
    site_canvas.settle(plots)
    hidden = "() => [...Bokeh.documents[0].all_models].filter((m) => m.type === 'GlyphRenderer' && !m.visible).length"
    assert plots.evaluate(hidden) == 2  # the line and its marks
    assert site_canvas.pixels_like(figure, RED) < before[0] * 0.3
    assert site_canvas.pixels_like(figure, BLUE) > before[1] * 0.9


def test_plots_follow_the_theme_switch_and_back(plots):
    figure = first(plots)
    light = site_canvas.pixels_like(figure, WHITE)
    blue = site_canvas.pixels_like(figure, BLUE)
    plots.evaluate("document.documentElement.dataset.theme = 'dark'")
    site_canvas.settle(plots)
    assert site_canvas.pixels_like(figure, WHITE) < light * 0.05
    assert site_canvas.pixels_like(figure, (20, 24, 30)) > light * 0.8
    assert site_canvas.pixels_like(figure, BLUE) > blue * 0.8  # true colours stay
    plots.evaluate("document.documentElement.dataset.theme = 'light'")
    site_canvas.settle(plots)
    assert site_canvas.pixels_like(figure, WHITE) == pytest.approx(light, rel=0.02)


def test_black_marks_are_light_in_the_dark(plots):
    plots.evaluate("document.documentElement.dataset.theme = 'dark'")
    site_canvas.settle(plots)
    assert site_canvas.pixels_like(first(plots), (206, 214, 221)) > 100


def test_a_strangers_text_stays_text(plots):
    assert plots.dialogs == []
    assert plots.locator("article img, article b").count() == 0
    table = plots.locator("figure.plot").last.locator("table")
    assert site_probe.HOSTILE in table.text_content()


def test_a_strangers_text_stays_text_in_a_tooltip(plots):
    figure = plots.locator("figure.plot").last
    figure.scroll_into_view_if_needed()
    box = figure.locator(".plot-target").bounding_box()
    plots.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + box["height"] * 0.7)
    plots.mouse.move(box["x"] + box["width"] * 0.45, box["y"] + box["height"] * 0.75, steps=3)
    tooltip = plots.locator(".bk-Tooltip").filter(has_text="onerror").first
    expect(tooltip).to_be_visible()
    assert tooltip.locator("img, b, script").count() == 0
    assert (plots.dialogs, plots.outside) == ([], [])


@pytest.mark.parametrize("width", [360, 768, 1440])
def test_never_scrolls_sideways(plots, width):
    plots.set_viewport_size({"width": width, "height": 800})
    site_canvas.settle(plots)
    assert plots.evaluate("document.documentElement.scrollWidth") <= width
    canvas = first(plots).locator(".plot-target").bounding_box()
    assert canvas["x"] >= 0 and canvas["x"] + canvas["width"] <= width


def test_without_javascript_a_table_holds_the_data(new_context, address):
    page = new_context(java_script_enabled=False).new_page()
    page.goto(f"{address}/notebooks/plots.html")
    figure = page.locator("figure.plot").first
    expect(figure.locator("noscript p")).to_be_visible()
    expect(figure.locator(".plot-target")).to_be_hidden()
    figure.get_by_text("the first 30 of 80 rows").click()
    expect(figure.get_by_role("cell", name="V100").first).to_be_visible()
    assert figure.locator("th").all_text_contents() == ["x", "y", "device"]
