"""One run on a device at a time, with real processes, as two terminals would have it."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path
from time import monotonic

import pytest

from bench import cnn as bench_cnn
from bench.run import options
from dlmark.benchmark import ResultsError, SaveResults
from dlmark.machine import lock

# Long enough that it is still at work when the second comes, which a hundredth of a second for each of many points is not.
LONG = ("throughput", "--framework", "numpy", "--models", "MLP-64", "--threads", "1", "--batch-sizes", "1,2,4,8", "--seconds", "30")


@pytest.fixture
def held(tmp_path, start_cnn):
    """A run that measures the CPU, in a temporary folder of this test's own."""
    (tmp_path / "locks").mkdir()
    environment = {"DLMARK_LOCKS": str(tmp_path / "locks")}
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
    words = [sys.executable, "-c", "from dlmark.machine import lock\nwith lock.hold('cpu', 'x'): print('held')"]
    done = subprocess.run(words, cwd=tmp_path, env={**os.environ, **environment, "PYTHONPATH": str(root)}, capture_output=True, text=True)
    assert done.returncode == 1 and "DeviceBusy: cpu is being measured already" in done.stderr and f"process {process.pid} " in done.stderr


def test_a_killed_run_leaves_the_device_free(held, tmp_path):
    process, environment = held
    process.send_signal(signal.SIGKILL)
    process.wait()
    with lock.hold("cpu", "next", folder=environment["DLMARK_LOCKS"]):
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


def test_gpus_do_not_stop_each_other(tmp_path):
    with lock.hold("GPU-1", "one", folder=tmp_path), lock.hold("GPU-2", "two", folder=tmp_path):
        assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("first, second, said", [("GPU-1", "cpu", "a GPU of this machine is"), ("cpu", "GPU-1", "the CPU is")])
def test_the_cpu_and_a_gpu_are_not_measured_at_once(first, second, said, tmp_path):
    with lock.hold("GPU-0", "ended", folder=tmp_path):
        pass
    with lock.hold(first, "a command", folder=tmp_path):
        with pytest.raises(lock.DeviceBusy, match=rf"^{said} being measured already, since .* by process {os.getpid()} \(a command\)"):
            with lock.hold(second, "another", folder=tmp_path):
                pass
    with lock.hold(second, "another", folder=tmp_path):
        pass


def test_a_scheduler_that_gives_each_job_a_temporary_folder_of_its_own_hides_no_run(tmp_path, root):
    words = [sys.executable, "-c", "from dlmark.machine import lock; print(lock._folder())"]
    told = set()
    for name in "ab":
        (tmp_path / name).mkdir()
        environment = {**{k: v for k, v in os.environ.items() if k != "DLMARK_LOCKS"}, "TMPDIR": str(tmp_path / name), "PYTHONPATH": str(root)}
        told.add(subprocess.run(words, env=environment, capture_output=True, text=True, check=True).stdout)
    assert len(told) == 1


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
    with pytest.raises(lock.DeviceBusy, match="DLMARK_LOCKS"), lock.hold("cpu", "a command", folder=tmp_path):
        pass
    assert (tmp_path / "precious").read_text() == "data"


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(lock.DeviceBusy, match="can't be opened"), lock.hold("cpu", "a command", folder=tmp_path / "nowhere"):
        pass


# ---- the lock of a result file ----

ROOT = Path(__file__).parents[2]
POINT = {"model": "AlexNet", "batch_size": 1}
HOLDS = """
import sys
from pathlib import Path
from dlmark.machine import lock
with lock.writing(Path(sys.argv[1]), print):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock of a.json, until it gets a line."""
    process = subprocess.Popen([sys.executable, "-c", HOLDS, tmp_path / ".a.json.lock"], cwd=ROOT, text=True,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # fmt: skip
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def a_pipe(path, precious):
    os.mkfifo(path)


def a_symbolic_link(path, precious):
    path.symlink_to(precious)


def a_link_to_nothing(path, precious):
    precious.unlink()
    path.symlink_to(precious)


def a_file_of_two_names(path, precious):
    path.hardlink_to(precious)


def a_folder(path, precious):
    path.mkdir()


@pytest.mark.parametrize("what, words", [(a_pipe, "got a pipe"), (a_symbolic_link, "got a symbolic link"), (a_link_to_nothing, "got a symbolic link"),
                                         (a_file_of_two_names, "got one of 2 names"), (a_folder, "got a folder")])  # fmt: skip
def test_what_is_no_lock_is_refused_at_once_when_results_are_opened(what, words, tmp_path):
    precious = tmp_path / "precious"
    precious.write_text("data")
    what(tmp_path / ".a.json.lock", precious)
    before = monotonic()
    with pytest.raises(ResultsError) as error:
        SaveResults("a.json", tmp_path)
    assert words in str(error.value) and "remove it" in str(error.value) and "\n" not in str(error.value) and monotonic() - before < lock.TELL_S
    assert precious.exists() is (what is not a_link_to_nothing) and not (tmp_path / "a.json").exists()
    assert not precious.exists() or precious.read_text() == "data"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make what is another user's")
def test_another_users_lock_is_waited_for_and_then_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "TELL_S", 0.1)
    path = tmp_path / ".a.json.lock"
    path.touch()
    os.chown(path, 65534, 65534)
    with pytest.raises(ResultsError, match="expected a file of this user's own, got another's: remove it"):
        SaveResults("a.json", tmp_path)
    assert path.exists()


def test_a_wait_is_told_once_with_who_holds_the_lock(holder, tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "TELL_S", 0.05)
    told = []

    def tell(line):
        told.append(line)
        holder.communicate("let go\n")

    SaveResults("a.json", tmp_path, tell).add(POINT)
    (line,) = told
    assert f"waiting for process {holder.pid} (" in line and " -c import sys " in line and "since 20" in line and "\n" not in line
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_a_wait_in_vain_ends_before_anything_is_measured(holder, tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "TELL_S", 0.05)
    monkeypatch.setattr(SaveResults, "patience_s", 0.1)
    holder.send_signal(signal.SIGSTOP)
    with pytest.raises(ResultsError, match=f"held by process {holder.pid} .*has not let go of it for 0 s: end that process, if it is stopped"):
        SaveResults("a.json", tmp_path, lambda line: None)
    holder.send_signal(signal.SIGCONT)


def test_a_killed_holder_keeps_nobody_waiting(holder, tmp_path):
    holder.kill()
    holder.wait()
    told = []
    SaveResults("a.json", tmp_path, told.append).add(POINT)
    assert not told and [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_a_run_says_in_a_line_what_stands_in_the_place_of_the_lock(tmp_path, cnn):
    measured = ("throughput", "--framework", "numpy", "--models", "MLP-64", "--threads", "1", "--batch-sizes", "1", "--results", tmp_path / "r")
    plans = []
    options.main(bench_cnn.parser(), [*map(str, measured), "--dry-run"], plans)
    path = plans[0].results.path
    path.parent.mkdir()
    os.mkfifo(path.with_name(f".{path.name}.lock"))
    done = cnn(*measured)
    assert done.returncode == 2 and done.stdout == "" and len(done.stderr.splitlines()) == 1 and "got a pipe" in done.stderr


def test_where_files_can_not_be_locked_a_run_goes_on_and_says_so(tmp_path, monkeypatch, capsys):
    def no_locks(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", no_locks)
    with lock.hold("cpu", "a command", folder=tmp_path):
        assert "knows no locks, so nobody keeps a second run from the same device" in capsys.readouterr().err
