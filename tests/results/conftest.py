"""A run's results in a folder of their own."""

import pytest
from rescued import NAME, a

from dlmark.results.rescue import RunResults


@pytest.fixture
def own_state(tmp_path, monkeypatch):
    """What is kept elsewhere is kept in this test's own folders."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()


@pytest.fixture
def opened(tmp_path):
    """A run's results in a folder of this test's own, and the lines that it tells."""
    told = []
    results = RunResults(NAME, tmp_path / "results", told.append)
    results.add(a(1))
    return results, told
