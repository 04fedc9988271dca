"""A repository to contribute to."""

import json
import shutil

import pytest
from contribution import NAME, git, put


@pytest.fixture(scope="module")
def records(root):
    """A few real records, all alike."""
    return json.loads((root / "results" / NAME).read_text(encoding="utf-8"))[:6]


@pytest.fixture
def project(root, tmp_path, records):
    """A repository with this project's library and one result file, on its main branch."""
    folder = tmp_path / "project"
    shutil.copytree(root / "dlmark", folder / "dlmark", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(root / ".gitignore", folder)
    put(folder, f"results/{NAME}", records)
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "base")
    git(folder, "checkout", "-qb", "contribution")
    return folder
