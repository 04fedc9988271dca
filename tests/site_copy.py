"""The real site in another folder, to be built there with other results."""

import shutil
import subprocess
import sys
from pathlib import Path

PARTS = ("conf.py", "index.rst", "dlmark", "studies", "docs", "notebooks")  # all that a build reads, but for the results


def copy(root: Path, target: Path, *more: str) -> Path:
    """Copy the parts of the project in `root`, and `more` of its folders, into the folder `target`."""
    target.mkdir(exist_ok=True)
    for name in (*PARTS, *more):
        if (root / name).is_dir():
            shutil.copytree(root / name, target / name, ignore=shutil.ignore_patterns("__pycache__", "*.lock"))
        else:
            shutil.copy(root / name, target)
    return target


def sphinx(root: Path, *options: str, timeout_s: float = 120) -> subprocess.CompletedProcess:
    """Build the site as `make html` does, and return what Sphinx said."""
    command = [sys.executable, "-m", "sphinx", "-b", "html", "-W", "--keep-going", *options, ".", "_build/html"]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.run(command, cwd=root, text=True, timeout=timeout_s, **streams)
