"""dlmark installed as any package is, without its tree: results are found where DLMARK_RESULTS says, or the command says what to set."""

import os
import shutil
import subprocess
import sys

import pytest


@pytest.fixture(scope="module")
def installed(tmp_path_factory, root):
    """Runs Python in another folder, with dlmark from an installed copy."""
    folder, tree = tmp_path_factory.mktemp("installed"), tmp_path_factory.mktemp("tree")
    for name in ("dlmark", "studies"):
        shutil.copytree(root / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))  # the installation leaves files in it
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(root / name, tree)
    words = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--target", str(folder / "site"), str(tree)]
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, env={**os.environ, "TMPDIR": str(folder)})
    assert done.returncode == 0, done.stderr

    def run(*words, **environment):
        places = {"PYTHONPATH": str(folder / "site"), **environment}
        kept = {name: value for name, value in os.environ.items() if name != "DLMARK_RESULTS"}
        return subprocess.run([sys.executable, *words], cwd=folder, capture_output=True, text=True, env={**kept, **places})

    return run


@pytest.mark.slow
def test_without_a_folder_of_results_it_says_what_to_set(installed):
    done = installed("-m", "dlmark", "show")
    assert done.returncode == 2 and "or set DLMARK_RESULTS to the folder results of a clone" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.slow
def test_results_are_found_where_the_variable_says(installed, root):
    done = installed("-m", "dlmark", "show", "--model", "AlexNet", "--limit", "2", DLMARK_RESULTS=str(root / "results"))
    assert done.returncode == 0 and done.stdout.count("AlexNet") >= 1, done.stderr


@pytest.mark.slow
def test_the_plots_of_an_installed_copy_are_its_own(installed):
    done = installed("-c", "import dlmark; from dlmark import plot; print(dlmark.__file__, len(plot.__all__))")
    path, plots = done.stdout.split()
    assert "/site/dlmark/" in path and int(plots) >= 8
