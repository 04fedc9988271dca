"""Every page is made of whatever results the check accepts; where they hold nothing for a cell, a sentence stands in its place."""

import json
import random
import re
import shutil

import page_cells
import page_sets
import pytest
import site_copy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dlmark.benchmark import load_results
from dlmark.record import FIELDS, RecordError, check
from dlmark.results.files import read_records
from dlmark.results.nothing import NothingToDraw

QUICK = ("nothing", "published only", "one point", "nobody says anything")
NOTE = re.compile(r"There is nothing to (draw|show) here: .+\.|Left out: it needs what a cell above found nothing for\.")
NAMES = [page.stem for page in page_cells.PAGES]
CHOOSING = {"cnn", "devices", "frameworks", "how-sure", "training"}  # pages that choose their device


@pytest.fixture
def put(tmp_path, monkeypatch):
    """Function: the pages read these records, and with `beside` those of the repository too."""
    return lambda items, **options: write(tmp_path / "results", monkeypatch, items, **options)


def write(folder, monkeypatch, items, beside=None):
    if beside:
        shutil.copytree(beside, folder)
    folder.mkdir(exist_ok=True)
    for name, records in page_sets.files(items).items():
        for record in records:
            check(record)
        held = read_records(folder / name) if (folder / name).exists() else []
        (folder / name).write_text(json.dumps(held + records, ensure_ascii=False), encoding="utf-8")
    monkeypatch.setenv("DLMARK_RESULTS", str(folder))


def every_page() -> dict[str, list[page_cells.Output]]:
    """The outputs of all pages, each of whose notes is a sentence for a reader."""
    pages = {page.stem: page_cells.run(page) for page in page_cells.PAGES}
    notes = [output.note for outputs in pages.values() for output in outputs if output.note]
    assert not [note for note in notes if not NOTE.fullmatch(note)]
    return pages


def notes_of(pages):
    return {name: [output.note for output in outputs if output.note] for name, outputs in pages.items()}


@pytest.mark.parametrize("name", [*page_sets.ALONE, *page_sets.BESIDE])
def test_the_check_accepts_every_set(name):
    for _, record in {**page_sets.ALONE, **page_sets.BESIDE}[name]():
        check(record)


def marked(names, every):
    """The quick sets without a mark, every so many of the others as slow, the rest as thorough."""
    others = [name for name in names if name not in QUICK]
    marks = {name: pytest.mark.slow if place % every == 0 else pytest.mark.thorough for place, name in enumerate(others)}
    return [pytest.param(name, marks=marks.get(name, [])) for name in names]


@pytest.mark.parametrize("name", marked(page_sets.ALONE, 30))
def test_no_records_that_the_check_accepts_break_a_page(name, put):
    put(page_sets.ALONE[name]())
    every_page()


@pytest.mark.parametrize("name", marked(page_sets.BESIDE, 8))
def test_no_records_beside_ours_break_a_page(name, put, root):
    put(page_sets.BESIDE[name](), beside=root / "results")
    every_page()


@pytest.mark.slow
def test_with_everything_there_every_cell_shows_something(put):
    put(page_sets.everything())
    left = {name: notes for name, notes in notes_of(every_page()).items() if notes}
    assert left == {"frameworks": ["There is nothing to show here: no result has the status wrong_output or unsupported or crashed."]}


@pytest.mark.slow
@pytest.mark.parametrize("notebook", page_cells.PAGES, ids=NAMES)
def test_of_the_results_of_this_repository_nothing_is_left_out(notebook, monkeypatch):
    monkeypatch.delenv("DLMARK_RESULTS", raising=False)
    outputs = page_cells.run(notebook)
    assert [output.note for output in outputs if output.note] == [] and any(output.html for output in outputs)


def test_without_any_result_each_page_says_so_and_shows_nothing(put):
    put([])
    pages = every_page()
    assert all(output.note and not output.html for name in NAMES if name != "result-format" for output in pages[name])
    assert notes_of(pages)["training"][0] == "There is nothing to show here: no result file matches 'training.py__benchmark_throughput*json'."


# ---- whose results a page shows ----


def test_each_cell_of_a_notebook_has_an_id_of_its_own(root):
    for path in [*(root / "notebooks").glob("*.ipynb"), *(root / "docs").glob("*.ipynb")]:
        ids = [cell.get("id") for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]]
        assert all(ids) and len(set(ids)) == len(ids), path.name


def test_no_notebook_names_a_device():
    devices = set(load_results("*json")["device"].dropna())
    code = "".join(
        text for page in page_cells.PAGES for cell in json.loads(page.read_text())["cells"] if cell["cell_type"] == "code" for text in cell["source"]
    )
    assert len(devices) > 5 and not [device for device in devices if device in code]


def devices_shown(outputs):
    """By page the device that most of its marks and tables are of."""
    html = {name: "".join(text for output in outputs[name] for text in output.html) for name in CHOOSING}
    return {name: max((page_sets.GPU, "Intel(R) Xeon(R) Processor, 2 threads", "AMD EPYC, 2 threads"), key=text.count) for name, text in html.items()}


@pytest.mark.slow
def test_a_device_with_most_points_takes_the_pages(put, root):
    points = page_sets.device_points(page_sets.GPU, [f"net {number}" for number in range(40)], (1, 8, 64))
    more_of_the_study = page_sets.study(page_sets.GPU) * 5
    put(page_sets.everything(page_sets.GPU) + points + more_of_the_study, beside=root / "results")
    shown = devices_shown(every_page())
    assert {name for name in CHOOSING if shown[name] == page_sets.GPU} == CHOOSING


@pytest.mark.thorough
@pytest.mark.parametrize("items", [
    lambda: page_sets.device_points(page_sets.GPU, page_sets.NETS[:1], (8,)) + page_sets.training(page_sets.GPU, (8,)),
    lambda: page_sets.device_points(page_sets.GPU, [f"net {number}" for number in range(100)], (1,)),
])  # fmt: skip
def test_one_with_few_or_odd_points_does_not(items, put, root):
    put(items(), beside=root / "results")
    assert page_sets.GPU not in devices_shown(every_page()).values()


# ---- records that nobody thought of ----

TEXTS = [*page_sets.ODD_NAMES, page_sets.CPU, "mxnet", "openvino", "torch", "float32", "int8", "fused", "eager", "dlmark", "original loop", "nothing else"]
CHOICES = {"status": ["ok", "crashed", "time_cap"], "grade": ["A", "B", "C"], "source": ["measured", "published: a/b@1:x"], "published_date": ["2020-01-04"]}
CHANGED = [name for name in FIELDS if name not in ("model", "command", "measured_at", "library_versions", "format_version", *page_sets.RAW)]
KINDS = {where: [record for place, record in page_sets.everything() if place == where] for where, _ in page_sets.everything()}


def values(name: str):
    """Values of a field at the ends of what the check accepts, and some that pages look for."""
    field = FIELDS[name]
    low, high = max(field.low, -1e15), min(field.high, 1e15)
    numbers = [low, high, *(number for number in (1, 8, 32, 64, 100) if low <= number <= high)]
    texts = {"text": TEXTS, "texts": [[], ["x"]]}
    of_kind = {"integer": list(map(int, numbers)), "number": [*numbers, 1e-9, 0.5], "integers": [[], [1], [3, 224, 224]], "measures": [{}, {"mAP": 0.5}]}
    return CHOICES.get(name) or {**texts, **of_kind}[field.kind]


def odd_records(draw: random.Random) -> list[page_sets.Item]:
    """Records of some kinds, with fields that all of them lack, that some lack, and that some have with odd values."""
    items = []
    for where, records in KINDS.items():
        lacking = [name for name in CHANGED if draw.random() < draw.choice([0, 0.03, 0.3])]
        for record in draw.choices(records, k=draw.choice([0, 1, 2, 10, 30])):
            fields = {name: draw.choice(values(name)) for name in draw.sample(CHANGED, draw.choice([0, 0, 1, 4]))}
            raw = page_sets.RAW if {"throughput", "batch_size", "status"} & set(fields) else ()
            items.append((where, page_sets.without({"reason": "x", **record, **fields}, *lacking, *raw)))
    return [item for item in items if accepted(item[1])]


def accepted(record: dict) -> bool:
    try:
        return bool(check(record))
    except RecordError:
        return False


@pytest.mark.slow
@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32))
def test_no_odd_records_break_a_page(tmp_path_factory, seed):
    with pytest.MonkeyPatch.context() as patch:
        write(tmp_path_factory.mktemp("odd") / "results", patch, odd_records(random.Random(seed)))
        every_page()


# ---- what a note is ----


@pytest.fixture
def ran():
    """Function: the notes of cells that run one after the other, None for each that ran to its end; and what they left in names."""
    names: dict = {"NothingToDraw": NothingToDraw}
    notes = page_cells.site_nothing.Notes(names)
    return lambda *cells: ([page_cells._run(cell, f"cell {number}", names, notes).note for number, cell in enumerate(cells)], names)


FOUND_NOTHING = "raise NothingToDraw('no result has a throughput')"
SENTENCE, LEFT_OUT = "There is nothing to draw here: no result has a throughput.", page_cells.site_nothing.LEFT_OUT


def test_a_cell_that_finds_nothing_is_a_sentence_and_those_that_need_it_are_left_out(ran):
    notes, _ = ran(f"{FOUND_NOTHING}\nfound = 1", "other = found", "print(other)", "mine = 2")
    assert notes == [SENTENCE, LEFT_OUT, LEFT_OUT, None]


def test_an_older_value_is_not_taken_for_the_one_that_was_not_found(ran):
    notes, names = ran("found = kept = 1", f"kept = 2\n{FOUND_NOTHING}\nfound = [kept for kept in range(9)]", "found", "kept")
    assert notes == [None, SENTENCE, LEFT_OUT, None] and names["kept"] == 2


def test_a_value_that_comes_after_all_is_used(ran):
    assert ran(f"{FOUND_NOTHING}\nfound = 1", "found = 2", "found")[0] == [SENTENCE, None, None]


@pytest.mark.parametrize("cell", ["fuond", "1 / 0", "raise ValueError('plot needs column(s)')"])
def test_a_mistake_is_no_note(ran, cell):
    with pytest.raises(AssertionError, match="cell 1: (NameError|ZeroDivisionError|ValueError)"):
        ran(f"{FOUND_NOTHING}\nfound = 1", cell)


def test_a_warning_ends_the_build_as_its_words_would_stand_on_the_page(ran):
    with pytest.raises(AssertionError, match="cell 0 warned: .*look here"):
        ran("import warnings\nwarnings.warn('look here')")


def test_in_jupyter_a_plot_of_nothing_is_one_line():
    assert NothingToDraw("no result has a throughput")._render_traceback_() == [SENTENCE]


# ---- the real build ----


@pytest.fixture
def build(root, tmp_path):
    """Function: build the site as `make html` does, with the results that were put there; what Sphinx said, and the pages by name."""
    copy = site_copy.copy(root, tmp_path / "project")

    def run():
        done = site_copy.sphinx(copy, timeout_s=900)
        assert done.returncode == 0, done.stdout
        return {path.stem: path.read_text(encoding="utf-8") for path in (copy / "_build" / "html" / "notebooks").glob("*.html")}

    return run


@pytest.mark.slow
def test_the_site_is_built_of_published_figures_alone(put, build):
    put(page_sets.published())
    pages = build()
    assert "There is nothing to show here: no result has the source measured, " in pages["frameworks"]
    assert all("Left out: it needs what a cell above found nothing for." in pages[name] for name in CHOOSING)
    assert not [name for name, text in pages.items() if "Traceback" in text or "NothingToDraw" in text]


@pytest.mark.thorough
def test_the_site_is_built_beside_a_device_with_training_at_batch_8_only(put, build, root):
    put(page_sets.training(page_sets.GPU, (8,)) + page_sets.BESIDE["a record of a study without a batch size"](), beside=root / "results")
    pages = build()
    assert page_sets.GPU not in pages["training"] and not [name for name in CHOOSING if "There is nothing to" in pages[name]]
