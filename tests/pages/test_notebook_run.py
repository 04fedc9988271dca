"""What the site's build makes of a notebook's cells, in a kernel of its own."""

import sys

import nbformat
import pytest

FOUND_NOTHING = "from dlmark.results.nothing import NothingToDraw\nraise NothingToDraw('no result has a throughput')\nfound = 1"
MISSING = "from dlmark.benchmark import load_results\ndata = load_results('absent.json')"


@pytest.fixture(scope="module")
def run(root, tmp_path_factory):
    """Function: the outputs of these cells, as the page gets them."""
    sys.path.insert(0, str(root / "docs" / "_ext"))
    import notebook_run

    results = tmp_path_factory.mktemp("results")

    def outputs(*sources):
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
        notebook_run.run(notebook, root / "notebooks", root=root, results=results, timeout=60)
        return [cell.outputs for cell in notebook.cells]

    outputs.failed = notebook_run.NotebookFailed
    return outputs


def note(text):
    return [{"output_type": "display_data", "data": {"text/plain": text}, "metadata": {"dlmark": {"nothing": True}}}]


LEFT_OUT = note("Left out: it needs what a cell above found nothing for.")


def test_what_finds_nothing_is_a_note_and_the_other_cells_run(run):
    found = run("found = kept = 0", FOUND_NOTHING, "print(found)", MISSING, "data", "print(kept)")
    assert found[1] == note("There is nothing to draw here: no result has a throughput.") and found[2] == found[4] == LEFT_OUT
    assert found[3] == note("There is nothing to show here: no result file matches 'absent.json'.")  # and not in which folder
    assert found[5][0]["text"] == "0\n"


@pytest.mark.parametrize(
    "cell, error", [("fuond", "NameError: name 'fuond' is not defined"), ("raise ValueError('plot needs column(s)')", "ValueError: plot needs")]
)
def test_a_mistake_below_a_note_ends_the_build(run, cell, error):
    with pytest.raises(run.failed, match=f"^{error}"):
        run(FOUND_NOTHING, cell, "import time; time.sleep(600)")
