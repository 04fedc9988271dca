"""The notebook for hosted machines, run as there: beside the archive of the site, in a folder of its own, with no clone around."""

import json
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "docs" / "measure-a-hosted-gpu.ipynb"
sys.path.insert(0, str(ROOT / "docs" / "_ext"))

import notebook_state  # noqa: E402
import source_archive  # noqa: E402


@pytest.fixture
def machine(tmp_path):
    """A folder with what a reader has downloaded."""
    source_archive.write(SimpleNamespace(outdir=tmp_path / "site", srcdir=ROOT, builder=SimpleNamespace(format="html")))
    (tmp_path / "content").mkdir()
    (tmp_path / "site" / source_archive.NAME).rename(tmp_path / "content" / "dlmark.zip")
    return tmp_path / "content"


def run(folder, **settings):
    """The notebook's code cells after a run in `folder`, with the settings replaced."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    cells = notebook_state.code_cells(notebook)
    for name, value in settings.items():
        before = cells[0].source
        cells[0].source = "\n".join(f"{name} = {value!r}" if line.startswith(f"{name} =") else line for line in before.splitlines())
        assert cells[0].source != before
    manager = AsyncKernelManager(kernel_name="python3", kernel_spec_manager=KernelSpecManager(kernel_dirs=[]))
    NotebookClient(notebook, km=manager, kernel_name="python3", timeout=200, resources={"metadata": {"path": str(folder)}}).execute()
    return cells


def said(cell):
    return "".join(output.get("text", "") for output in cell.outputs)


@pytest.mark.slow
def test_it_measures_within_its_budget_draws_the_plots_and_packs_what_can_be_sent_in(machine):
    cells = run(machine, budget="25s", framework="numpy")
    assert "The budget reaches" in (measured := said(cells[2])) and str(machine / "results") in measured and measured.count("MLP-64 batch 16") == 1
    assert [path.name.split("__")[1] for path in (machine / "results").glob("cnn*json")] == ["benchmark_throughput"]
    assert " 0 records" not in said(cells[-1])
    assert all(any("text/html" in output.data for output in cell.outputs) for cell in cells[3:5]) and "MLP-" in said(cells[5])
    assert f"Send in {machine / 'dlmark-results.zip'}" in said(cells[-1])


def test_what_is_for_another_machine_is_not_run_by_a_build():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    kept = notebook_state.load(notebook_state.Project(ROOT), "docs/measure-a-hosted-gpu", notebook)
    assert [cell["outputs"] for cell in kept] == [[]] * len(notebook_state.code_cells(notebook)) and len(kept) > 3


def test_the_archive_holds_all_that_measures_and_is_the_same_each_time(machine, tmp_path):
    first = (machine / "dlmark.zip").read_bytes()
    source_archive.write(SimpleNamespace(outdir=tmp_path, srcdir=ROOT, builder=SimpleNamespace(format="html")))
    assert (tmp_path / source_archive.NAME).read_bytes() == first
    names = zipfile.ZipFile(machine / "dlmark.zip").namelist()
    assert {"bench/__main__.py", "bench/networks/networks.csv", "dlmark/benchmark.py", "LICENSE"} <= {*names} and not [n for n in names if "pyc" in n]
    assert json.loads(NOTEBOOK.read_text())["metadata"]["nbsphinx"] == {"execute": "never"}
