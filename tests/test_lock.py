"""One run on a device at a time, with real processes, as two terminals would have it."""

import os
import signal
import subprocess
import sys

import pytest

from dlmark import lock

# Long enough that it is still at work when the second comes, which a hundredth of a second for each of many points is not.
LONG = ("throughput", "--framework", "numpy", "--models", "MLP-64", "--threads", "1", "--batch-sizes", "1,2,4,8", "--seconds", "30")


@pytest.fixture
def held(tmp_path, start_cnn):
    """A run that measures the CPU, in a temporary folder of this test's own."""
    (tmp_path / "locks").mkdir()
    environment = {"TMPDIR": str(tmp_path / "locks")}
    process = start_cnn(*LONG, "--results", tmp_path / "first", environment=environment)
    assert "4 to measure" in process.stdout.readline()
    yield process, environment
    process.kill()
    process.communicate()


def test_a_second_run_is_refused_in_a_line_that_names_the_first(held, tmp_path, cnn):
    process, environment = held
    done = cnn(*LONG, "--results", tmp_path / "second", environment=environment)
    assert done.returncode == 2 and done.stdout == "" and not (tmp_path / "second").exists()
    (line,) = done.stderr.splitlines()
    assert line.startswith("python -m bench.cnn: cpu is being measured already, since 20")
    assert f"by process {process.pid} (python -m bench.cnn throughput --framework numpy" in line
    assert f"kill {process.pid}" in line and "wait" in line and "--device" in line


def test_a_run_from_another_folder_is_refused_too(held, tmp_path, root):
    process, environment = held
    words = [sys.executable, "-c", "from dlmark import lock\nwith lock.hold('cpu', 'x'): print('held')"]
    done = subprocess.run(words, cwd=tmp_path, env={**os.environ, **environment, "PYTHONPATH": str(root)}, capture_output=True, text=True)
    assert done.returncode == 1 and f"DeviceBusy: cpu is being measured already" in done.stderr and f"process {process.pid} " in done.stderr


def test_a_killed_run_leaves_the_device_free(held, tmp_path):
    process, environment = held
    process.send_signal(signal.SIGKILL)
    process.wait()
    with lock.hold("cpu", "next", folder=environment["TMPDIR"]):
        pass


def test_a_dry_run_is_not_in_the_way_and_no_one_in_its(held, tmp_path, cnn):
    _, environment = held
    done = cnn(*LONG, "--dry-run", "--results", tmp_path / "second", environment=environment)
    assert done.returncode == 0 and "4 to measure" in done.stdout and not (tmp_path / "second").exists()


def test_a_device_is_free_again_after_the_block(tmp_path):
    for _ in range(2):
        with lock.hold("cpu", "a command", folder=tmp_path):
            pass


def test_a_device_is_free_again_after_an_error(tmp_path):
    with pytest.raises(ZeroDivisionError), lock.hold("cpu", "a command", folder=tmp_path):
        1 / 0
    with lock.hold("cpu", "a command", folder=tmp_path):
        pass


def test_devices_do_not_stop_each_other(tmp_path):
    with lock.hold("GPU-1", "one", folder=tmp_path), lock.hold("GPU-2", "two", folder=tmp_path), lock.hold("cpu", "three", folder=tmp_path):
        assert len(list(tmp_path.iterdir())) == 3


def test_a_child_does_not_keep_the_device(tmp_path):
    with lock.hold("cpu", "a command", folder=tmp_path):
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with lock.hold("cpu", "a command", folder=tmp_path):
        child.communicate()


def test_the_message_is_of_the_newest_holder_and_calls_the_device_by_its_name(tmp_path):
    with lock.hold("GPU-1", "a long command " * 9, folder=tmp_path):
        pass
    with lock.hold("GPU-1", "a command", folder=tmp_path):
        with pytest.raises(lock.DeviceBusy, match=rf"^gpu:3 \(GPU-1\) is .* by process {os.getpid()} \(a command\)"):
            with lock.hold("GPU-1", "another", device="gpu:3 (GPU-1)", folder=tmp_path):
                pass


@pytest.mark.parametrize("how", ["symlink_to", "hardlink_to"])
def test_a_link_in_the_place_of_the_lock_is_refused_and_not_followed(how, tmp_path):
    with lock.hold("cpu", "a command", folder=tmp_path):
        (path,) = tmp_path.iterdir()
    path.unlink()
    (tmp_path / "precious").write_text("data")
    getattr(path, how)(tmp_path / "precious")
    with pytest.raises(lock.DeviceBusy, match="TMPDIR"), lock.hold("cpu", "a command", folder=tmp_path):
        pass
    assert (tmp_path / "precious").read_text() == "data"


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(lock.DeviceBusy, match="can't be opened"), lock.hold("cpu", "a command", folder=tmp_path / "nowhere"):
        pass
