"""Run one notebook with the build's own Python, and tell which files it read."""

import json
import os
import tempfile
from pathlib import Path

from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

KERNEL_OPTIONS = [
    "--IPKernelApp.extensions=site_kernel",  # docs/_ipython/site_kernel.py
    "--IPKernelApp.extensions=site_nothing",
    "--HistoryManager.enabled=False",
    "--log-level=ERROR",
]


class NotebookFailed(Exception):
    """A notebook could not be run to its end; the message is what a reader of the build's output needs."""


def run(notebook, folder: Path, *, root: Path, results: Path, timeout: int) -> set[tuple[str, str]]:
    """Run `notebook` in `folder`, put the outputs into its cells, and return what it read: ("file" or "folder", path).

    A cell that finds nothing to show ends in a note (docs/_ipython/site_nothing.py), and so do those that need it. Raises
    NotebookFailed if a cell fails otherwise, takes longer than `timeout` seconds, writes to stderr, or kills its kernel.
    """
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch, "reads")
        environment = _environment(root, results, report, Path(scratch))
        try:
            _client(notebook, folder, timeout).execute(env=environment, cleanup_kc=True)
        except (RuntimeError, TimeoutError) as error:  # a dead kernel, a cell or kernel too slow
            raise NotebookFailed(f"{type(error).__name__}: {error}") from error
        _refuse_stderr(notebook)
        return _reads(report)


def _client(notebook, folder, timeout):
    # No folder to look in leaves only the kernel of this very interpreter: a `python3` kernel that somebody
    # registered for their account would otherwise come first.
    specs = KernelSpecManager(kernel_dirs=[])
    return NotebookClient(
        notebook,
        km=AsyncKernelManager(kernel_name="python3", kernel_spec_manager=specs),
        kernel_name="python3",
        extra_arguments=KERNEL_OPTIONS,
        timeout=timeout,
        record_timing=False,
        allow_errors=True,  # _refuse_error looks which
        on_cell_error=_refuse_error,
        resources={"metadata": {"path": str(folder)}},
    )


def _environment(root, results, report, scratch):
    paths = [str(root / "docs" / "_ipython"), str(root), os.environ.get("PYTHONPATH", "")]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "PYTHONHASHSEED": "0",  # the order of a set must not differ between two builds
        "IPYTHONDIR": str(scratch / "ipython"),  # a reader's own start-up files must not change the site
        "DLMARK_RESULTS": str(results),
        "DLMARK_SITE_REPORT": str(report),
        "DLMARK_SITE_ROOTS": json.dumps([str(root), str(results)]),
    }


def _refuse_error(cell, cell_index, execute_reply):
    notes = [output.get("metadata", {}).get("dlmark", {}).get("nothing") for output in cell.outputs]
    if not any(notes):
        content = execute_reply["content"]
        raise NotebookFailed(f"{content['ename']}: {content['evalue']}")


def _refuse_stderr(notebook):
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.get("name") == "stderr":
                raise NotebookFailed(f"a cell wrote to stderr, which is not for a page: {output['text'].strip()}")


def _reads(report):
    if not report.exists():
        raise NotebookFailed("docs/_ipython/site_kernel.py did not load; run `python -c 'import site_kernel'` there")
    return {tuple(json.loads(line)) for line in report.read_text(encoding="utf-8").splitlines()}
