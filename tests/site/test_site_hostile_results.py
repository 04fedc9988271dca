"""The real site over results with strangers' texts in every field and file name: it builds, and the texts are text on every page."""

import json
from pathlib import Path

import hostile
import pytest
import site_canvas
import site_copy
from site_probe import ROOT

from dlmark.record import FIELDS
from dlmark.results import files
from dlmark.results.files import read_records

OF_A_KIND = 2
NAMING = {"network": ["model"], "device": ["device", "host"], "way": ["framework", "framework_version", "precision", "mode"]}
RULED = {"status", "grade", "workload", "source", "measured_at", "published_date", "reason", *sum(NAMING.values(), [])}
OTHERS = [name for name, field in FIELDS.items() if field.kind == "text" and name not in RULED]
SETS = ["cnn.py__benchmark_throughput__openvino__intel*", "cnn.py__benchmark_largest_batch_size__mxnet__intel*", "training.py__*__mxnet__amd*",
        "device.py__*__torch__intel*", "cnn.py__benchmark_accuracy__*__published*", "how_sure.py__*__intel*"]  # fmt: skip

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def texts():
    """Some of each kind that a record may hold."""
    return [text for kind in hostile.accepted().values() for text in kind[:OF_A_KIND]]


def variants(base, text):
    """The record with the text in its names, in other groups of its fields, and as the reason of a failure."""
    for names in [*NAMING.values(), OTHERS]:
        fits = {name: text for name in names if hostile.accepts(text, name)}
        more = {"flags": [text], "library_versions": {text: text}} if names is OTHERS else {}
        yield {**base, **fits, **more}
    numbers = {name for name, field in FIELDS.items() if "number" in field.kind and name != "batch_size"} | {
        "grade",
        "grade_reasons",
        "round_blocks",
        "contended_blocks",
    }
    yield {name: value for name, value in base.items() if name not in numbers} | {"model": f"failed {text}"[:2_000], "status": "crashed", "reason": text}


def put(folder, script, function, record):
    """Add a record to the file whose name it belongs in."""
    path = folder / files.file_name(script, function, record["framework"], record["device"])
    held = read_records(path) if path.exists() else []
    path.write_text(json.dumps([*held, record]), encoding="utf-8")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The real project with hostile results, built."""
    root = site_copy.copy(ROOT, tmp_path_factory.mktemp("site"), "results")
    for pattern in SETS:
        path = next((ROOT / "results").glob(pattern + ".json"))
        script, function, *rest = path.stem.split("__")
        bases = [record for record in read_records(path) if record.get("source") == "measured" and record.get("status") == "ok"]
        for number, text in enumerate(texts() if bases else []):
            for record in variants(bases[number % len(bases)], text):
                put(root / "results", script, function, record)
    files_there = [path.name for path in (root / "results").glob("*.json")]
    assert len(files_there) > 120
    build = site_copy.sphinx(root)
    assert build.returncode == 0, build.stdout[-3_000:]
    return root / "_build" / "html"


PAGES = ["index.html", *sorted(f"{path.parent.name}/{path.stem}.html" for folder in ("notebooks", "docs") for path in (ROOT / folder).glob("*.ipynb"))]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_over_hostile_results_runs_nothing_asks_nobody_and_keeps_its_width(site, serve, watched, name):
    watched.set_default_timeout(120_000)
    watched.goto(f"{serve(site)}/{name}")
    if watched.locator("figure.plot").count():
        watched.wait_for_selector("html.plots-ready")
    watched.evaluate("document.querySelectorAll('details').forEach((d) => d.open = true)")
    for figure in watched.locator("figure.plot .plot-target").all()[:12]:
        figure.scroll_into_view_if_needed()
        box = figure.bounding_box()
        for share in (0.3, 0.5, 0.7):
            watched.mouse.move(box["x"] + box["width"] * share, box["y"] + min(box["height"], 600) * share, steps=3)
    for width in (1440, 360):
        watched.set_viewport_size({"width": width, "height": 800})
        site_canvas.settle(watched)
        assert watched.evaluate("document.documentElement.scrollWidth") <= width
    assert watched.evaluate(f"typeof window.{hostile.SIGN}") == "undefined"
    assert (watched.dialogs, watched.outside, watched.errors) == ([], [], [])


def test_the_pages_do_show_such_texts(site):
    shown = {name: (site / name).read_text(encoding="utf-8").count(hostile.SIGN) for name in PAGES if name.startswith("notebooks")}
    assert sum(shown.values()) > 100 and sum(count > 0 for count in shown.values()) > 2, shown


def test_no_text_of_a_result_becomes_an_element(site, serve, new_context):
    page = new_context(java_script_enabled=False).new_page()
    for name in PAGES:
        page.goto(f"{serve(site)}/{name}")
        tags = set(page.locator(".nboutput *").evaluate_all("all => all.map((e) => e.tagName)"))
        assert not tags & {"IMG", "IFRAME", "OBJECT", "EMBED", "FORM", "INPUT", "BASE", "META", "LINK", "SVG", "MATH", "A", "VIDEO", "BODY"}, name


def test_a_search_for_a_hostile_text_finds_no_result_and_runs_nothing(site, serve, watched):
    for text in (f"<img src=x onerror={hostile.RUN}>", "ResNet", "{{7*7}}"):
        watched.goto(f"{serve(site)}/search.html")
        watched.locator("input[name=q]:visible").fill(text)
        watched.keyboard.press("Enter")
        watched.wait_for_load_state("networkidle")
    assert watched.evaluate(f"typeof window.{hostile.SIGN}") == "undefined"
    assert (watched.dialogs, watched.outside, watched.errors) == ([], [], [])


def test_the_notebooks_for_download_hold_no_outputs(site):
    downloads = list(Path(site).rglob("*.ipynb"))
    assert downloads and not [path for path in downloads for cell in json.loads(path.read_text())["cells"] if cell.get("outputs")]
