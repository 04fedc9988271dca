"""Which notebooks a build runs, how it fails, and that it makes the same site each time."""

import json

import pytest
import site_probe
from site_copy import sphinx
from site_probe import START, notebook, ran, write


@pytest.mark.slow
def test_an_unchanged_project_runs_and_writes_nothing(project):
    sphinx(project)  # the copy lies in another folder, so that Sphinx reads every page once
    build = sphinx(project)
    assert (build.returncode, ran(build)) == (0, [])
    assert "0 added, 0 changed, 0 removed" in build.stdout


@pytest.mark.slow
def test_a_copy_of_the_project_uses_the_kept_outputs(project):
    build = sphinx(project, "--fresh-env")
    assert (build.returncode, ran(build)) == (0, [])


@pytest.mark.slow
def test_a_changed_result_runs_only_the_page_that_read_it(project):
    write(project, {"results/numbers__a.json": '[{"x": 100}]'})
    build = sphinx(project)
    assert (build.returncode, ran(build)) == (0, ["numbers"])
    assert "100" in (project / "_build/html/notebooks/numbers.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_result_that_a_pattern_newly_matches_runs_the_page(project):
    write(project, {"results/numbers__b.json": '[{"x": 1000}]'})
    build = sphinx(project)
    assert build.returncode == 0 and "numbers" in ran(build)
    assert "1042" in (project / "_build/html/notebooks/numbers.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_changed_library_runs_every_page(project):
    write(project, {"dlmark/more.py": "# new\n"})
    assert ran(sphinx(project)) == ["numbers", "plots"]


PLOT = "p = figure(title='mended')\np.line([1, 2], [3, 4])\nshow(p)"


@pytest.mark.slow
def test_a_plot_on_another_page_follows_its_notebook(project):
    text = notebook(START, "from bokeh.plotting import figure", PLOT, PLOT)
    write(project, {"notebooks/plots.ipynb": text})
    build = sphinx(project)
    assert (build.returncode, ran(build)) == (0, ["plots"])
    assert 'aria-label="mended"' in (project / "_build/html/index.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_page_tells_when_the_plot_it_shows_is_not_there(project):
    write(project, {"notebooks/plots.ipynb": notebook("1 + 1")})
    build = sphinx(project)
    assert build.returncode != 0
    assert "index.rst:6: ERROR: notebooks/plots has 0 plots; there is no number 2" in build.stdout


@pytest.mark.slow
def test_changed_code_runs_only_its_page(project):
    write(project, {"notebooks/numbers.ipynb": notebook("print('changed code')")})
    build = sphinx(project)
    assert (build.returncode, ran(build)) == (0, ["numbers"])


@pytest.mark.slow
def test_changed_prose_runs_nothing(project):
    text = (project / "notebooks/numbers.ipynb").read_text(encoding="utf-8")
    write(project, {"notebooks/numbers.ipynb": text.replace("in a sentence", "in changed prose")})
    build = sphinx(project)
    assert (build.returncode, ran(build)) == (0, [])
    assert "in changed prose" in (project / "_build/html/notebooks/numbers.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_results_elsewhere_are_read_and_followed(project, tmp_path, monkeypatch):
    code = "import os, pathlib\nprint((pathlib.Path(os.environ['DLMARK_RESULTS']) / 'n.json').read_text())"
    write(project, {"notebooks/numbers.ipynb": notebook(code), "notebooks/plots.ipynb": notebook()})
    write(tmp_path, {"elsewhere/n.json": "[1]"})
    monkeypatch.setenv("DLMARK_RESULTS", str(tmp_path / "elsewhere"))
    assert ran(sphinx(project)) == ["numbers"]
    write(tmp_path, {"elsewhere/n.json": "[2]"})
    assert ran(sphinx(project)) == ["numbers"]


@pytest.mark.slow
def test_the_kept_outputs_of_a_removed_notebook_are_removed(project):
    (project / "notebooks/numbers.ipynb").unlink()
    sphinx(project)
    assert [path.name for path in (project / ".cache/notebooks").iterdir()] == ["notebooks.plots.json"]


FAILURES = {
    "a failing cell": ("print('fine')\n1 / 0", "ZeroDivisionError: division by zero"),
    "a dead kernel": ("import os\nos._exit(1)", "DeadKernelError: Kernel died"),
    "a cell that takes too long": ("import time\ntime.sleep(60)", "CellTimeoutError"),
    "a cell that writes to stderr": ("import warnings\nwarnings.warn('look here')", "look here"),
}


@pytest.mark.slow
@pytest.mark.parametrize("failure", FAILURES)
def test_ends_the_build_naming_notebook_and_error(project, failure):
    code, message = FAILURES[failure]
    write(project, {"notebooks/numbers.ipynb": notebook(code)})
    build = sphinx(project, "-D", "nbsphinx_timeout=3")
    assert build.returncode != 0
    assert "notebook notebooks/numbers failed" in build.stdout and message in build.stdout, build.stdout


@pytest.mark.slow
def test_a_failed_notebook_runs_again_until_it_is_mended(project):
    write(project, {"notebooks/numbers.ipynb": notebook("open('absent')")})
    assert sphinx(project).returncode != 0
    assert "FileNotFoundError" in sphinx(project).stdout
    write(project, {"notebooks/absent": "here now"})
    build = sphinx(project)
    assert (build.returncode, ran(build)) == (0, ["numbers"])


def test_the_notebook_for_download_holds_no_output(built):
    published = json.loads((built / "_build/html/notebooks/plots.ipynb").read_text(encoding="utf-8"))
    cells = [cell for cell in published["cells"] if cell["cell_type"] == "code"]
    assert cells and all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells)


def test_no_page_tells_where_it_was_built(built):
    pages = list((built / "_build/html").rglob("*.html"))
    assert pages and not [path for path in pages if str(built) in path.read_text(encoding="utf-8")]


@pytest.mark.slow
def test_two_builds_from_nothing_are_the_same_to_the_byte(built, tmp_path):
    sources = {path.stem: path.read_text(encoding="utf-8") for path in (built / "notebooks").glob("*.ipynb")}
    (tmp_path / "second").mkdir()
    second = site_probe.project(tmp_path / "second", sources)
    assert ran(sphinx(second)) == ["numbers", "plots"]
    assert _pages(second) == _pages(built)


def _pages(root):
    folder = root / "_build" / "html"
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*.html"))}
