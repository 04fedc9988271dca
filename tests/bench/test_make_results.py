"""`make results` through `python -m bench`: the plan, the run, the outcome, and what goes wrong on the way."""

import json
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress

import pytest

from bench import __main__ as bench_main
from bench import cnn as bench_cnn
from bench.adapters import mxnet as mxnet_adapter
from bench.run import options, probe
from bench.whole import machine
from dlmark.machine import cpu, lock
from dlmark.measure import process, sweep
from dlmark.terminal.progress import lasting

NUMPY = ("--framework", "numpy", "--models", "MLP-64", "--preset", "quick", "--device", "cpu")


def until(process_, words):
    """The lines that a process says, up to the one with these words."""
    lines = []
    for line in process_.stdout:
        lines.append(line)
        if words in line:
            return lines
    raise AssertionError(f"ended without saying {words!r}: {''.join(lines)}{process_.stderr.read()}")


# ---- the plan ----


def test_a_dry_run_says_the_plan_and_writes_nothing(bench, tmp_path):
    done = bench(*NUMPY, "--batch-sizes", "1,8", "--dry-run", "--results", tmp_path / "results")
    assert done.returncode == 0 and done.stderr == ""
    assert f"cpu: {cpu.name()}" in done.stdout and f"numpy {__import__('numpy').__version__}" in done.stdout
    assert "numpy throughput on cpu: 1 network x batch sizes 1, 8; 0 of 2 points are held, 2 to measure, under a minute" in done.stdout
    assert "In all: 2 to measure, under a minute" in done.stdout
    assert not (tmp_path / "results").exists() and not list((tmp_path / "locks").iterdir())


def test_make_passes_the_dry_run_on(root, tmp_path):
    words = ["make", f"PYTHON={sys.executable}", "results", "DRY_RUN=1", "FRAMEWORK=numpy", "DEVICE=cpu"]
    done = subprocess.run(words, cwd=root, env={**os.environ, "DLMARK_RESULTS": str(tmp_path / "none")}, capture_output=True, text=True)
    assert done.returncode == 0 and "numpy throughput on cpu: 3 networks x batch sizes 1, 2, 4" in done.stdout
    assert "numpy largest-batch-size on cpu: 3 networks within 2,048 MB" in done.stdout and not (tmp_path / "none").exists()


@pytest.mark.parametrize("words", [("throughput", "--batch-sizes", "1,8"), ("largest-batch-size", "--memory-limit", "60")])
def test_each_command_has_a_dry_run(words, cnn, tmp_path):
    done = cnn(*words, "--framework", "numpy", "--models", "MLP-64", "--dry-run", "--results", tmp_path / "results")
    assert done.returncode == 0 and "1 network " in done.stdout and "MLP-64" in done.stdout and " to measure, under a minute" in done.stdout
    assert not (tmp_path / "results").exists()


def test_a_dry_run_of_the_accuracy_says_its_plan(cnn, tmp_path):
    (tmp_path / "images" / "0").mkdir(parents=True)
    (tmp_path / "images" / "0" / "1.png").write_bytes(b"")
    words = ("accuracy", "--framework", "numpy", "--models", "MLP-64", "--weights", "random", "--images", tmp_path / "images")
    done = cnn(*words, "--dry-run", "--results", tmp_path / "results")
    assert done.returncode == 0 and "1 to measure" in done.stdout and not (tmp_path / "results").exists()


def test_a_framework_that_is_not_installed_says_what_to_do(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(mxnet_adapter, "packages", ("no-such-package",))
    words = ["--dry-run", "--preset", "quick", "--device", "cpu", "--results", str(tmp_path / "none")]
    options.main(bench_main.parser(), words)
    assert f"  mxnet is not installed. {mxnet_adapter.install}\n" in capsys.readouterr().out
    assert options.main(bench_main.parser(), [*words, "--framework", "mxnet"]) == 2
    assert f"mxnet is not installed here. {mxnet_adapter.install}" in capsys.readouterr().err


def test_numpy_is_measured_only_where_there_is_nothing_else(monkeypatch):
    every = ["mxnet", "numpy", "other"]
    monkeypatch.setattr(machine.adapters, "names", lambda: every)
    monkeypatch.setattr(machine.adapters, "get", lambda name: name)
    monkeypatch.setattr(machine.adapters, "version", lambda name: "1.0" if name in every else None)
    assert list(machine.frameworks(None)) == ["mxnet", "other"]
    every.remove("mxnet"), every.remove("other")
    assert list(machine.frameworks(None)) == ["numpy"]
    assert list(machine.frameworks("mxnet")) == ["mxnet"]


def plan(results, *words):
    """The plan of a throughput command on the CPU."""
    plans = []
    words = ["throughput", "--framework", "numpy", "--results", str(results), "--dry-run", *words]
    assert options.main(bench_cnn.parser(), words, plans) == 0
    return plans[0]


def hold(before, **spent):
    """Write records into a plan's file: spent_s by network and batch size, as in mlp64_1."""
    jobs = {job.model.replace("-", "").lower(): job for job in before.to_do.wanted}
    records = [jobs[name.partition("_")[0]].record(int(name.partition("_")[2]), spent_s=seconds, status="ok", throughput=float(name.partition("_")[2]), time_cap_s=60,
                                                   block_times_s=[1.0], calls_per_block=1, measured_at=sweep.now()) for name, seconds in spent.items()]  # fmt: skip
    before.results.path.write_text(json.dumps(records))


def test_the_estimate_is_what_the_points_took_before(tmp_path):
    once = ("--rounds", "1", "--models")
    hold(plan(tmp_path, *once, "MLP-64,MLP-1024", "--batch-sizes", "1,2"), mlp64_1=100.0, mlp64_2=300.0, mlp1024_1=7.0)
    assert plan(tmp_path, *once, "MLP-64", "--batch-sizes", "1,2", "--again").to_do.expected_s == 400  # its own
    assert plan(tmp_path, *once, "MLP-64", "--batch-sizes", "1,2,4").to_do.expected_s == 200  # the median of the network's others
    assert plan(tmp_path, *once, "MLP-64,MLP-1024x2", "--batch-sizes", "1,2").to_do.expected_s == 400  # the median of all
    assert plan(tmp_path, *once, "MLP-64", "--batch-sizes", "1,2").to_do.expected_s == 0
    assert 0 < plan(tmp_path, *once, "MLP-64", "--batch-sizes", "1,2", "--time-cap", "20", "--again").to_do.expected_s < 100  # by the pieces, under another cap


def test_a_point_that_lacks_a_round_is_still_work(tmp_path):
    hold(plan(tmp_path, "--models", "MLP-64", "--batch-sizes", "1,2"), mlp64_1=100.0)
    found = plan(tmp_path, "--models", "MLP-64", "--batch-sizes", "1,2", "--rounds", "3")
    assert found.to_do.still() == "1 of 2 points are held, 1 of them with a round to go, 1 to measure"
    networks = list(dict.fromkeys(model for (model, _), visits in found.to_do.visits.items() if visits))
    assert (found.to_do.work, found.to_do.expected_s, networks) == (2 + 3, 500, ["MLP-64"])


@pytest.mark.parametrize("seconds, words", [(0, "no time"), (20, "under a minute"), (300, "about 5 min"), (7_800, "about 2 h 10 min")])
def test_a_time_is_told_as_people_say_it(seconds, words):
    assert lasting(seconds) == words


def test_a_mistake_is_told_in_a_line(bench, tmp_path):
    for words, expected in {("--device", "gpu:77"): "no device gpu:77", ("--bench", "rnn"): "unknown bench 'rnn'; there are: cnn",
                            ("--framework", "nunpy"): "did you mean numpy?"}.items():  # fmt: skip
        done = bench("--results", tmp_path / "results", *words)
        assert done.returncode == 2 and expected in done.stderr.splitlines()[-1] and "Traceback" not in done.stderr


# ---- the run ----


def test_a_kill_a_second_run_and_the_outcome(bench, start_bench, tmp_path, saved):
    words = (*NUMPY, "--batch-sizes", "1,2", "--results", tmp_path / "results")
    process_ = start_bench(*words)
    until(process_, "] MLP-64 batch ")
    process_.kill()
    process_.communicate()
    first = [record for record in saved(tmp_path / "results") if record["status"] == "ok"]
    assert first
    done = bench(*words)
    after = saved(tmp_path / "results")
    assert done.returncode == 0 and len(after) == 2 and all(record["status"] == "ok" for record in after)
    said = done.stdout.splitlines()
    assert any(line.split()[:4] == ["MLP-64", "2", "of", "2"] and "±" in line for line in said)
    assert said[-1] == "Next: make html" and said[-2].strip() == str(next((tmp_path / "results").glob("*.json")))
    again = bench(*words)
    assert again.returncode == 0 and "Nothing is left to measure" in again.stdout and "Next: make html" in again.stdout
    assert saved(tmp_path / "results") == after


def test_a_busy_device_is_told_before_anything_is_measured(bench, tmp_path):
    (tmp_path / "locks").mkdir()
    with lock.hold("cpu", "python -m bench", folder=tmp_path / "locks"):
        done = bench(*NUMPY, "--batch-sizes", "1", "--results", tmp_path / "results")
    assert done.returncode == 2 and f"by process {os.getpid()} (python -m bench)" in done.stderr and not (tmp_path / "results").exists()
    assert len(done.stderr.splitlines()) == 1


def test_ctrl_c_ends_it_and_says_how_to_go_on(start_bench, tmp_path):
    sizes = ",".join(map(str, range(1, 201)))  # more than it gets done until the signal comes, however busy the machine is
    process_ = start_bench(*NUMPY, "--batch-sizes", sizes, "--results", tmp_path / "results")
    until(process_, "In all: 200 to measure")
    os.killpg(process_.pid, signal.SIGINT)
    out, err = process_.communicate(timeout=60)
    assert process_.returncode == 130 and "make html" not in out
    assert err == "\nStopped. Every finished point is saved; the same command goes on from there.\n"


def test_out_of_memory_is_a_row_of_the_outcome(bench, tmp_path, saved):
    def a_small_machine():
        resource.setrlimit(resource.RLIMIT_DATA, (2 * 2**30, 2 * 2**30))

    done = bench(*NUMPY, "--batch-sizes", "1000000,2000000", "--results", tmp_path / "results", preexec_fn=a_small_machine)
    assert [record["status"] for record in saved(tmp_path / "results")] == ["out_of_memory"] * 2
    assert done.returncode == 0 and "0 of 2" in done.stdout and "2 out of memory" in done.stdout and "Unable to allocate" in done.stdout


def test_a_hung_network_is_ended_and_tried_again_by_the_next_run(monkeypatch, capsys, tmp_path, saved):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setitem(bench_cnn.PRESETS, "quick", {"throughput": ["--seconds", "0.1", "--time-cap", "20", "--rounds", "1"]})
    words = [*NUMPY, "--batch-sizes", "1", "--results", str(tmp_path / "results")]
    with all_children_stopped(), monkeypatch.context() as patch:
        patch.setattr(process, "LONGEST_WAIT_S", 0.7)  # instead of the minutes that a network is given
        assert options.main(bench_cnn.parser(), ["throughput", *NUMPY[:4], "--rounds", "1", *words[6:]]) == 1
    (record,) = saved(tmp_path / "results")
    assert record["status"] == "timed_out" and "gave no sign of life" in record["reason"]
    assert "1 timed out" in capsys.readouterr().out
    assert options.main(bench_main.parser(), [*words, "--dry-run"]) == 0
    assert "0 of 1 points are held, 1 to measure" in capsys.readouterr().out


@contextmanager
def all_children_stopped():
    """Stand in for a network that hangs: in the block, measuring processes get no further."""
    over = threading.Event()

    def stop():
        while not over.wait(0.01):
            for child in multiprocessing.active_children():
                with suppress(ProcessLookupError):  # it was ended in between
                    os.kill(child.pid, signal.SIGSTOP)

    thread = threading.Thread(target=stop, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_a_device_that_the_framework_cannot_use_leaves_nothing_and_says_so(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(machine, "devices", lambda chosen: {"gpu:0": "A", "gpu:1": "A"})
    monkeypatch.setattr(probe, "ask", lambda *_, **__: probe.Answer("NumPy runs on the CPU only", 0.0, {}))
    words = ["--framework", "numpy", "--preset", "quick", "--results", str(tmp_path / "results")]
    assert options.main(bench_main.parser(), words) == 2
    said = capsys.readouterr().out
    assert "numpy throughput on gpu:0 and gpu:1: left out: NumPy runs on the CPU only" in said
    assert said.endswith("Nothing was measured; the lines above say why.\n")
