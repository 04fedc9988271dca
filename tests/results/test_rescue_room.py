"""What is measured is kept where there is no room, or nothing may be written."""

import os
import resource
import signal
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest
from rescued import NAME, a, close, kept_in, sizes

from dlmark.benchmark import ResultsError
from dlmark.results.rescue import RunResults

pytestmark = pytest.mark.usefixtures("own_state")


# ---- there is no room, or nothing may be written ----


def in_the_folders_place(results):
    """A file stands where the folder of the results was, so that nothing can be written into it."""
    results.path.unlink()
    results.path.parent.rmdir()
    results.path.parent.write_text("a file")


def test_where_the_folder_can_not_be_written_another_keeps_it(opened, tmp_path):
    results, told = opened
    in_the_folders_place(results)
    results.add(a(2))
    (kept,) = kept_in(tmp_path / "state")
    assert str(kept) in told[0] and str(kept) in close(results) and kept.stat().st_uid == os.getuid()
    assert kept.parent.stat().st_mode & 0o777 == 0o700
    results.path.parent.unlink()
    RunResults(NAME, tmp_path / "results", told.append)
    assert sizes(tmp_path / "results") == [1, 2] or sizes(tmp_path / "results") == [2]
    assert not kept_in(tmp_path) and not list((tmp_path / "state" / "dlmark").iterdir())


def test_the_folder_for_temporary_files_keeps_it_where_there_is_no_other(opened, tmp_path):
    results, told = opened
    (tmp_path / "state").write_text("a file")
    in_the_folders_place(results)
    results.add(a(2))
    assert kept_in(tmp_path / "tmp") and str(tmp_path / "tmp") in told[0]


def test_another_folder_of_results_does_not_take_it_up(opened, tmp_path):
    results, _ = opened
    in_the_folders_place(results)
    results.add(a(2))
    close(results)
    told = []
    RunResults(NAME, tmp_path / "others", told.append)
    assert kept_in(tmp_path / "state") and not told


@contextmanager
def files_no_longer_than(size):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)


def test_what_is_too_much_for_the_file_is_kept_beside_it(opened, tmp_path):
    results, told = opened
    results.add(a(2, flags=["x" * 500]))
    with files_no_longer_than(results.path.stat().st_size + 10):
        results.add(a(3))
        assert kept_in(tmp_path / "results") and "File too large" in told[0] and sizes(tmp_path / "results") == [1, 2]
    results.add(a(4))
    assert sizes(tmp_path / "results") == [1, 2, 3, 4] and not kept_in(tmp_path)


def test_what_is_too_much_for_one_file_is_kept_in_several(opened, tmp_path):
    results, told = opened
    with files_no_longer_than(results.path.stat().st_size + 100):
        for batch_size in range(2, 9):
            results.add(a(batch_size))
        assert len(kept_in(tmp_path / "results")) > 1 and "more file" in close(results)
    assert len(told) <= 2
    RunResults(NAME, tmp_path / "results", told.append)
    assert sizes(tmp_path / "results") == list(range(1, 9)) and not kept_in(tmp_path)


def test_folders_in_which_nothing_could_be_kept_are_not_left(opened, tmp_path):
    results, _ = opened
    with files_no_longer_than(10):
        results.add(a(2))
    assert not list(tmp_path.rglob("*rescued*"))


def test_what_nobody_can_write_is_held_in_memory_and_said_so(opened, tmp_path):
    results, told = opened
    with files_no_longer_than(10):
        results.add(a(2))
        assert "in memory only" in told[0] and "in memory only" in close(results) and results.get(a(2))
    results.add(a(3))
    assert sizes(tmp_path / "results") == [1, 2, 3]


@pytest.fixture
def small_disk(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(disk)]
    if os.geteuid() or subprocess.run(mounting, capture_output=True).returncode:
        pytest.skip("only root may mount a small disk, and not everywhere")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_a_disk_that_fills_loses_no_point_and_is_taken_up_when_there_is_room(small_disk, tmp_path):
    told = []
    results = RunResults(NAME, small_disk / "results", told.append)
    for batch_size in range(1, 11):
        results.add(a(batch_size, flags=["x" * 1_900]))
    assert len(told) <= 2 and all("No space left on device" in line for line in told)  # first kept beside it, then where there is more room
    assert kept_in(tmp_path / "state") and not kept_in(small_disk)
    assert [record["batch_size"] for record in results.records()] == list(range(1, 11))
    close(results)
    subprocess.run(["mount", "-o", "remount,size=1m", small_disk], check=True)
    RunResults(NAME, small_disk / "results", told.append)
    assert sizes(small_disk / "results") == list(range(1, 11)) and not kept_in(tmp_path)


def test_a_disk_that_is_full_is_told_before_anything_is_measured(small_disk):
    (small_disk / "else").write_bytes(bytes(16 * 1024))
    with pytest.raises(ResultsError, match="No space left on device"):
        RunResults(NAME, small_disk)


@pytest.fixture
def nobody():
    """Be another user than root, who may write anywhere; yields a folder of that user's."""
    if os.geteuid():
        pytest.skip("only root can be another user")
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        os.chown(folder, 65534, 65534)
        os.setresuid(65534, 65534, 0)
        try:
            yield Path(folder)
        finally:
            os.setresuid(0, 0, 0)


def test_a_folder_that_becomes_read_only_keeps_it_elsewhere(nobody, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(nobody))
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", "/nonexistent")
    told = []
    results = RunResults(NAME, nobody / "results", told.append)
    results.add(a(1))
    results.path.parent.chmod(0o555)
    results.add(a(2))
    (kept,) = kept_in(nobody)
    assert "Permission denied" in told[0] and kept.parent.parent == nobody and str(kept) in close(results)
    results.path.parent.chmod(0o755)
    RunResults(NAME, nobody / "results", told.append)
    assert sizes(nobody / "results") == [1, 2] and not kept_in(nobody)


def test_a_folder_that_is_read_only_from_the_start_is_told_at_once(nobody):
    (nobody / "results").mkdir(mode=0o555)
    with pytest.raises(ResultsError, match="can't be written .Permission denied"):
        RunResults(NAME, nobody / "results")
