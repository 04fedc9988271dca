"""What of a clone becomes a page, and what a notebook needs beside it."""

import json
import runpy

import pytest
from sphinx.project import Project

PAGES = {"index", "docs/how-we-measure", "docs/result-format", "notebooks/cnn"}


def pages(folder, root):
    """What the project's settings make pages of in `folder`."""
    conf = runpy.run_path(str(root / "conf.py"))
    project = Project(folder, {".rst": "restructuredtext", ".ipynb": "jupyter_notebook"})
    return set(project.discover(conf["exclude_patterns"], conf["include_patterns"]))


@pytest.mark.parametrize("stray", [
    "venv/lib/python3.11/site-packages/numpy/x.rst", "my env/share/doc/y.ipynb", "node_modules/z/README.rst", "notes.rst", "notebooks/.ipynb_checkpoints/cnn.ipynb",
    "docs/_build/w.rst", "results/v.rst", "_build/html/u.ipynb",
])  # fmt: skip
def test_what_else_lies_in_a_clone_is_no_page(stray, root, tmp_path):
    """A virtual environment of another name than .venv, for one: its packages' pages ended the build."""
    for name in [*(f"{page}.rst" for page in PAGES), stray]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert pages(tmp_path, root) == PAGES


def test_every_page_of_this_repository_is_read(root):
    there = [*root.glob("docs/*.rst"), *root.glob("docs/*.ipynb"), *root.glob("notebooks/*.ipynb"), root / "index.rst"]
    assert pages(root, root) == {path.relative_to(root).with_suffix("").as_posix() for path in there}


def test_every_notebook_with_plots_brings_what_draws_them_along(root):
    """Else Jupyter asks another host for it, and draws nothing where there is no network."""
    for path in [*root.glob("docs/*.ipynb"), *root.glob("notebooks/*.ipynb")]:
        code = "".join("".join(cell["source"]) for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code")
        assert ("show(" in code) == ("output_notebook(INLINE)" in code), path.name
