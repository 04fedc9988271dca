"""What dead processes leave is cleared, and never what a live one uses or what is somebody else's."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from dlmark.benchmark import SaveResults
from dlmark.machine import claims
from dlmark.measure.process import run_in_process

ROOT = Path(__file__).parents[2]
HOLDS = "from dlmark.machine import claims\nwith claims.folder() as folder:\n    open(folder + '/file', 'w')\n    print(folder, flush=True)\n    input()"


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """The folder for temporary files, in this process and in those that it starts."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def other():
    """Another process that holds a folder, and the folder."""
    process = subprocess.Popen([sys.executable, "-c", HOLDS], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.communicate()


def test_a_folder_is_removed_after_the_block(temporary):
    with claims.folder() as folder:
        assert Path(folder).is_dir() and Path(folder).stat().st_mode & 0o777 == 0o700
    assert not list(temporary.iterdir())


def test_what_a_killed_process_left_is_cleared_and_what_a_live_one_holds_is_not(temporary, other):
    folder = Path(other.stdout.readline().strip())
    claims.clear_folders()
    assert (folder / "file").exists()
    other.send_signal(signal.SIGKILL)
    other.wait()
    claims.clear_folders()
    assert not folder.exists()


def test_a_child_that_lives_on_does_not_keep_the_folder(temporary):
    with claims.folder() as folder:
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        os.rename(folder, folder[:-16] + "0" * 16)  # so that it is not removed
    claims.clear_folders()
    assert not list(temporary.iterdir())
    child.communicate()


@pytest.mark.parametrize("name", ["dlmark-notebook", "dlmark-20261126", "dlmark-0123456789abcdeX", "other-0123456789abcdef", "dlmark-0-cpu.lock"])
def test_what_others_may_have_named_stays(name, temporary):
    (temporary / name).mkdir()
    (temporary / name / "precious").write_text("data")
    claims.clear_folders()
    assert (temporary / name / "precious").exists()


def test_a_link_to_a_folder_is_not_followed(temporary):
    (temporary / "precious").mkdir()
    (temporary / "dlmark-0123456789abcdef").symlink_to(temporary / "precious")
    claims.clear_folders()
    assert (temporary / "precious").is_dir()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make what is another user's")
def test_what_is_another_users_stays(temporary):
    (temporary / "dlmark-0123456789abcdef").mkdir()
    os.chown(temporary / "dlmark-0123456789abcdef", 65534, 65534)
    claims.clear_folders()
    assert (temporary / "dlmark-0123456789abcdef").exists()


def numbers():
    yield tempfile.gettempdir()


def test_a_measuring_process_has_its_temporary_files_in_such_a_folder(temporary):
    (folder,) = run_in_process(numbers, silence_s=60)
    assert claims.FOLDER.fullmatch(Path(folder).name) and not list(temporary.iterdir())


KILLED_WHILE_WRITING = """
import os, signal, sys
from dlmark.results import files
from dlmark.benchmark import SaveResults
results = SaveResults("a.json", sys.argv[1])
os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
results.add({"model": "A"})
"""


def test_the_next_run_clears_the_temporary_file_and_the_lock_of_a_killed_one(tmp_path):
    done = subprocess.run([sys.executable, "-c", KILLED_WHILE_WRITING, tmp_path], cwd=ROOT)
    left = {path.name for path in tmp_path.iterdir()}
    assert done.returncode == -signal.SIGKILL and len(left) == 2 and ".a.json.lock" in left
    (tmp_path / "tmpabcdefgh.tmp").write_text("somebody else's")
    SaveResults("b.json", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["tmpabcdefgh.tmp"]


def test_a_temporary_file_that_is_being_written_stays(tmp_path):
    file, path = claims.new_file(tmp_path / "a.json")
    claims.clear_files(tmp_path)
    assert path.exists()
    os.close(file)
    claims.clear_files(tmp_path)
    assert not path.exists()


def test_where_nothing_can_be_locked_nothing_is_cleared(temporary, monkeypatch):
    (temporary / "dlmark-0123456789abcdef").mkdir()
    monkeypatch.setattr(claims, "fcntl", None)
    claims.clear_folders()
    with claims.folder() as folder:
        assert Path(folder).is_dir()
    assert (temporary / "dlmark-0123456789abcdef").exists()
