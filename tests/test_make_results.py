"""`make results` through `python -m bench`: the plan, the run, the outcome, and what goes wrong on the way."""

import argparse
import io
import json
import multiprocessing
import os
import re
import resource
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress

import pytest
from rich.console import Console
from user_signals import hear_signals

from bench import __main__ as bench_main
from bench import adapters
from bench import cnn as bench_cnn
from bench.adapters import mxnet as mxnet_adapter
from bench.run import options
from dlmark.machine import device, lock
from dlmark.measure import process
from dlmark.terminal import summary
from dlmark.terminal.progress import lasting, progress

# `python -m bench`, but the quick preset takes a tenth of a second for a point.
QUICKER = """
import sys
from bench import __main__ as bench
from bench.run import options
bench.PRESETS["quick"] = {"throughput": ["--seconds", "0.1", "--time-cap", "20", "--rounds", "1"]}
sys.exit(options.main(bench.parser()))
"""
NUMPY = ("--framework", "numpy", "--models", "MLP-64", "--preset", "quick", "--device", "cpu")

# Workers as `python -m bench` runs them, of whatever commands.
WORKERS = """
import argparse, json, sys
from bench import adapters
from bench.run import options
from dlmark.measure import workers
parser = argparse.ArgumentParser(prog="python -m bench")
parser.add_argument("workers", type=json.loads)
parser.set_defaults(run=lambda opts: workers.run(opts.workers, lambda worker, line: print(worker, line, flush=True)))
sys.exit(options.main(parser))
"""
SLEEPS = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"


@pytest.fixture
def start(root, tmp_path):
    """Start Python in the project's folder as a user would, with locks of this test's own; what still runs at its end is killed."""
    started = []

    def run(*words, **options) -> subprocess.Popen:
        (tmp_path / "locks").mkdir(exist_ok=True)
        environment = {**os.environ, "PYTHONUNBUFFERED": "1", "TMPDIR": str(tmp_path / "locks"), **options.pop("environment", {})}
        options.setdefault("preexec_fn", hear_signals)
        started.append(subprocess.Popen([sys.executable, *map(str, words)], cwd=root, env=environment, text=True, start_new_session=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options))  # fmt: skip
        return started[-1]

    yield run
    for process_ in started:
        process_.kill()
        process_.communicate()


@pytest.fixture
def bench(start):
    """Run `python -m bench` to its end."""

    def run(*words, **options) -> subprocess.CompletedProcess:
        process_ = start("-c", QUICKER, *words, **options)
        out, err = process_.communicate(timeout=120)
        return subprocess.CompletedProcess(words, process_.returncode, out, err)

    return run


def until(process_, words):
    """The lines that a process says, up to the one with these words."""
    lines = []
    for line in process_.stdout:
        lines.append(line)
        if words in line:
            return lines
    raise AssertionError(f"ended without saying {words!r}: {''.join(lines)}{process_.stderr.read()}")


def gone(pid):
    """Whether a process ends, within a time that is long even on a busy machine."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    return False


# ---- the plan ----


def test_a_dry_run_says_the_plan_and_writes_nothing(bench, tmp_path):
    done = bench(*NUMPY, "--batch-sizes", "1,8", "--dry-run", "--results", tmp_path / "results")
    assert done.returncode == 0 and done.stderr == ""
    assert f"cpu: {device.cpu_name()}" in done.stdout and f"numpy {__import__('numpy').__version__}" in done.stdout
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
    (tmp_path / "images" / "class").mkdir(parents=True)
    (tmp_path / "images" / "class" / "1.png").write_bytes(b"")
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
    monkeypatch.setattr(bench_main.adapters, "names", lambda: every)
    monkeypatch.setattr(bench_main.adapters, "get", lambda name: name)
    monkeypatch.setattr(bench_main.adapters, "version", lambda name: "1.0" if name in every else None)
    assert bench_main.frameworks(None) == ["mxnet", "other"]
    every.remove("mxnet"), every.remove("other")
    assert bench_main.frameworks(None) == ["numpy"]
    assert bench_main.frameworks("mxnet") == ["mxnet"]


def plan(results, *words):
    """The plan of a throughput command on the CPU."""
    plans = []
    words = ["throughput", "--framework", "numpy", "--results", str(results), "--dry-run", *words]
    assert options.main(bench_cnn.parser(), words, plans) == 0
    return plans[0]


def hold(before, **spent):
    """Write records into a plan's file: spent_s by network and batch size, as in mlp64_1."""
    jobs = {job.model.replace("-", "").lower(): job for job in before.wanted}
    records = [jobs[name.partition("_")[0]].record(int(name.partition("_")[2]), spent_s=seconds, status="ok", throughput=float(name.partition("_")[2]), time_cap_s=60,
                                                   block_times_s=[1.0], calls_per_block=1) for name, seconds in spent.items()]  # fmt: skip
    before.results.path.write_text(json.dumps(records))


def test_the_estimate_is_what_the_points_took_before(tmp_path):
    once = ("--rounds", "1", "--models")
    hold(plan(tmp_path, *once, "MLP-64,MLP-1024", "--batch-sizes", "1,2"), mlp64_1=100.0, mlp64_2=300.0, mlp1024_1=7.0)
    assert plan(tmp_path, *once, "MLP-64", "--batch-sizes", "1,2", "--again").expected_s == 400  # its own
    assert plan(tmp_path, *once, "MLP-64", "--batch-sizes", "1,2,4").expected_s == 200  # the median of the network's others
    assert plan(tmp_path, *once, "MLP-64,MLP-1024x2", "--batch-sizes", "1,2").expected_s == 400  # the median of all
    assert plan(tmp_path, *once, "MLP-64", "--batch-sizes", "1,2").expected_s == 0
    formula_s = plan(tmp_path / "none", *once, "MLP-64", "--batch-sizes", "1,2", "--time-cap", "20").expected_s
    assert plan(tmp_path, *once, "MLP-64", "--batch-sizes", "1,2", "--time-cap", "20", "--again").expected_s == formula_s > 0


def test_a_point_that_lacks_a_round_is_still_work(tmp_path):
    hold(plan(tmp_path, "--models", "MLP-64", "--batch-sizes", "1,2"), mlp64_1=100.0)
    found = plan(tmp_path, "--models", "MLP-64", "--batch-sizes", "1,2", "--rounds", "3")
    assert found.still() == "1 of 2 points are held, 1 of them with a round to go, 1 to measure"
    assert (found.work, found.expected_s, found.networks) == (2 + 3, 500, ["MLP-64"])


@pytest.mark.parametrize("seconds, words", [(0, "no time"), (20, "under a minute"), (300, "about 5 min"), (7_800, "about 2 h 10 min")])
def test_a_time_is_told_as_people_say_it(seconds, words):
    assert lasting(seconds) == words


def test_a_mistake_is_told_in_a_line(bench, tmp_path):
    for words, expected in {("--device", "gpu:77"): "no device gpu:77", ("--bench", "rnn"): "unknown bench 'rnn'; there are: cnn",
                            ("--framework", "nunpy"): "did you mean numpy?"}.items():  # fmt: skip
        done = bench("--results", tmp_path / "results", *words)
        assert done.returncode == 2 and expected in done.stderr.splitlines()[-1] and "Traceback" not in done.stderr


# ---- the run ----


def test_a_kill_a_second_run_and_the_outcome(bench, start, tmp_path, saved):
    words = (*NUMPY, "--batch-sizes", "1,2", "--results", tmp_path / "results")
    process_ = start("-c", QUICKER, *words)
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


def test_ctrl_c_ends_it_and_says_how_to_go_on(start, tmp_path):
    sizes = ",".join(map(str, range(1, 201)))  # more than it gets done until the signal comes, however busy the machine is
    process_ = start("-c", QUICKER, *NUMPY, "--batch-sizes", sizes, "--results", tmp_path / "results")
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
    monkeypatch.setattr(process, "LONGEST_WAIT_S", 0.7)  # instead of the minutes that a network is given
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setitem(bench_main.PRESETS, "quick", {"throughput": ["--seconds", "0.1", "--time-cap", "20", "--rounds", "1"]})
    words = [*NUMPY, "--batch-sizes", "1", "--results", str(tmp_path / "results")]
    with all_children_stopped():
        assert options.main(bench_main.parser(), words) == 1
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
    refuses = [sys.executable, "-c", "import sys; sys.exit(print('NumPy runs on the CPU only') or 2)"]
    monkeypatch.setattr(bench_main, "devices", lambda chosen: {"gpu:0": "A", "gpu:1": "A"})
    monkeypatch.setattr(bench_main, "alike", lambda chosen: [["cpu", "cpu"]])
    monkeypatch.setattr(bench_main, "worker_commands", lambda opts, to_do: {"gpu:0": [refuses]})
    words = ["--framework", "numpy", "--preset", "quick", "--results", str(tmp_path / "results")]
    assert options.main(bench_main.parser(), words) == 2
    said = capsys.readouterr().out
    assert "gpu:0  NumPy runs on the CPU only" in said and said.endswith("Nothing was measured; the lines above say why.\n")


# ---- several devices ----


def test_gpus_of_one_name_stand_together():
    assert bench_main.alike({"gpu:0": "A", "gpu:1": "B", "gpu:2": "A"}) == [["gpu:0", "gpu:2"], ["gpu:1"]]


def test_networks_are_dealt_out_in_turn():
    assert bench_main.deal(list("abcde"), ["gpu:0", "gpu:1"]) == {"gpu:0": ["a", "c", "e"], "gpu:1": ["b", "d"]}
    assert bench_main.deal(["a"], ["gpu:0", "gpu:1"]) == {"gpu:0": ["a"]}


def test_each_worker_gets_its_share_of_what_is_left_and_another_gpu_all(tmp_path):
    opts = bench_main.parser().parse_args(["--batch-sizes", "1", "--results", str(tmp_path)])
    opts.preset = "quick"
    found = plan(tmp_path, "--models", "*", "--batch-sizes", "1")
    one = bench_main.Command("throughput", "numpy")
    parts = [bench_main.Part(one, ["gpu:0", "gpu:2"], found), bench_main.Part(one, ["gpu:1"], found)]
    commands = bench_main.worker_commands(opts, parts)
    models = {where: [word for word in command if word.startswith("--models")] for where, (command,) in commands.items()}
    assert models == {"gpu:0": ["--models=MLP-64,MLP-1024x2"], "gpu:2": ["--models=MLP-1024"], "gpu:1": ["--models=MLP-64,MLP-1024,MLP-1024x2"]}
    assert all(f"--device={where}" in command and command[:3] == [sys.executable, "-m", "bench.cnn"] for where, (command,) in commands.items())
    assert parts[0].share_s == parts[1].share_s / 2


def test_each_precision_and_mode_that_an_adapter_finds_worth_knowing_is_measured(monkeypatch):
    monkeypatch.setattr(adapters.get("numpy"), "combinations", lambda kind: [("float32", "eager"), ("float64", "eager")], raising=False)
    opts = bench_main.parser().parse_args([])
    assert [str(one) for one in bench_main.commands(opts, "numpy", "cpu")] == [
        "numpy float32 eager throughput", "numpy float64 eager throughput", "numpy float32 eager largest-batch-size"]  # fmt: skip
    opts = bench_main.parser().parse_args(["--precision", "float64", "--preset", "quick"])
    assert [str(one) for one in bench_main.commands(opts, "numpy", "cpu")] == ["numpy float64 eager throughput"]


@pytest.mark.parametrize("framework", adapters.names())
def test_the_quick_preset_takes_a_few_networks_of_each_framework(framework):
    opts = bench_main.parser().parse_args(["--preset", "quick"])
    known = list(adapters.get(framework).models["classification"])
    chosen = [word.partition("=")[2].split(",") for word in bench_main._arguments(opts, bench_main.Command("throughput", framework), "cpu")
              if word.startswith("--models=")]  # fmt: skip
    assert 2 <= len(chosen[0] if chosen else known) <= 5  # the few that a stand-in has are all measured


def test_two_devices_are_measured_at_once_and_told_in_one_place(monkeypatch, capsys, tmp_path, saved):
    def command(name):
        (tmp_path / name).mkdir()  # a lock of its own: the CPU stands in for two devices
        words = ("largest-batch-size", "--framework=numpy", "--models=MLP-1024", "--memory-limit=1", f"--results={tmp_path / name / 'results'}")
        return ["env", f"TMPDIR={tmp_path / name}", sys.executable, "-m", "bench.cnn", *words, "--end-with-stdin"]

    monkeypatch.setattr(bench_main, "worker_commands", lambda opts, to_do: {"gpu:0": [command("a")], "gpu:1": [command("b")]})
    assert bench_main.side_by_side(argparse.Namespace(), []) == 0
    said = capsys.readouterr().out
    for where, name in {"gpu:0": "a", "gpu:1": "b"}.items():
        assert f"{where}  [1/1] MLP-1024 batch 1: " in said and f"{where}  1 out of memory; saved in" in said
        (record,) = saved(tmp_path / name / "results")
        assert record["status"] == "out_of_memory" and "stdin" not in record["command"]
    assert "make html" not in said  # that is for the end of all


@pytest.mark.slow
def test_two_gpus_of_one_name_share_the_networks_and_none_is_measured_twice(bench, nvml, tmp_path, saved, root):
    """The whole run, with NumPy as the framework of two GPUs that the stand-in for NVML has."""
    (tmp_path / "sitecustomize.py").write_text("import bench.adapters.numpy\nbench.adapters.numpy.start = lambda device='cpu': None\n")
    environment = nvml.environment(NAMES="A,A") | {"PYTHONPATH": f"{tmp_path}:{root}"}
    words = ("--framework", "numpy", "--models", "MLP-64,MLP-1024", "--batch-sizes", "1", "--preset", "quick", "--results", tmp_path / "results")
    done = bench(*words, environment=environment)
    assert done.returncode == 0 and done.stderr == ""
    assert "gpu:0: A, 81,920 MB\n  gpu:1: A, 81,920 MB\n" in done.stdout
    assert "numpy throughput on gpu:0 and gpu:1: 2 networks x batch size 1; 0 of 2 points are held, 2 to measure" in done.stdout

    told = re.findall(r"^(gpu:\d)  \[(\d/\d)\] (.*?): .*images/s", done.stdout, re.MULTILINE)
    assert sorted(told) == [("gpu:0", "1/1", "MLP-64 batch 1"), ("gpu:1", "1/1", "MLP-1024 batch 1")]
    records = saved(tmp_path / "results")
    where = {r["model"]: (r["status"], r["device"], r["command"].partition("--device ")[2][:5]) for r in records}
    assert len(records) == 2 and where == {"MLP-64": ("ok", "A", "gpu:0"), "MLP-1024": ("ok", "A", "gpu:1")}

    locks = sorted((tmp_path / "locks").glob("dlmark-*-GPU-00000000-0000-0000-0000-00000000000?.lock"))  # by UUID, each with who held it
    (pid, _, command), (other_pid, _, other_command) = (path.read_text().splitlines() for path in locks)
    assert "--device gpu:0" in command and "--device gpu:1" in other_command and pid != other_pid
    assert "Nothing is left to measure" in bench(*words, environment=environment).stdout


def workers(start, **commands):
    """Start a run of workers, each with programs in Python."""
    return start("-c", WORKERS, json.dumps({name: [[sys.executable, "-c", program] for program in programs] for name, programs in commands.items()}))


def test_lines_of_workers_come_whole_and_the_worst_status_counts(start):
    many = "for i in range(500): print('line', i, flush=True)"
    process_ = workers(start, one=[many, "import sys; sys.exit(3)", "print('and on')"], two=[many, "import sys; sys.stderr.write('oh\\n')"])
    out, err = process_.communicate(timeout=60)
    assert process_.returncode == 3 and err == ""
    for name, last in {"one": "and on", "two": "oh"}.items():
        assert [line for line in out.splitlines() if line.startswith(name)] == [*(f"{name} line {i}" for i in range(500)), f"{name} {last}"]


def test_a_killed_worker_stops_no_other(start):
    process_ = workers(start, one=["import os; os.kill(os.getpid(), 9)", "print('not this')"], two=["print('done')"])
    out, _ = process_.communicate(timeout=60)
    assert process_.returncode == 128 + signal.SIGKILL and "two done" in out and "not this" not in out
    assert "one ended by SIGKILL; its finished points are saved" in out


def test_a_worker_that_can_not_be_started_is_told_and_waited_for_by_nobody(start):
    process_ = start("-c", WORKERS, json.dumps({"one": [["/no/such/program"]], "two": [[sys.executable, "-c", "print('done')"]]}))
    out, err = process_.communicate(timeout=60)
    assert process_.returncode == 1 and err == "" and "two done" in out
    assert "one can't go on: No such file or directory; its finished points are saved" in out


def test_ctrl_c_ends_all_workers_and_what_they_started(start):
    with_a_child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {SLEEPS!r}])"
    process_ = workers(start, one=[SLEEPS], two=[with_a_child])
    pids = [int(process_.stdout.readline().split()[1]) for _ in range(2)]
    process_.send_signal(signal.SIGINT)
    _, err = process_.communicate(timeout=60)
    assert process_.returncode == 130 and all(gone(pid) for pid in pids)
    assert err == "\nStopped. Every finished point is saved; the same command goes on from there.\n"


def test_a_worker_that_does_not_listen_is_killed(start):
    deaf = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n{SLEEPS}"
    process_ = start("-c", "from dlmark.measure import workers; workers.STOP_S = 0.2" + WORKERS, json.dumps({"one": [[sys.executable, "-c", deaf]]}))
    pid = int(process_.stdout.readline().split()[1])
    process_.send_signal(signal.SIGINT)
    process_.communicate(timeout=60)
    assert process_.returncode == 130 and gone(pid)


def test_a_bench_ends_with_the_run_that_started_it(start):
    idle = """if True:
        import argparse, os, time
        from bench.run import options
        parser = argparse.ArgumentParser()
        options.add_common(parser)
        parser.set_defaults(run=lambda opts: (print(os.getpid(), flush=True), time.sleep(60)))
        options.main(parser, ["--end-with-stdin"])
    """
    process_ = workers(start, one=[idle])
    pid = int(process_.stdout.readline().split()[1])
    process_.kill()
    assert gone(pid)


# ---- the outcome ----

RECORDS = [
    {"model": "A", "batch_size": 1, "status": "ok", "throughput": 100.0, "throughput_half_width": 1.0, "grade": "B"},
    {"model": "A", "batch_size": 8, "status": "ok", "throughput": 1_234.5, "throughput_half_width": 12.345, "grade": "A"},
    {"model": "A", "batch_size": 16, "status": "ok", "throughput": 900.0, "grade": "A"},
    {"model": "A", "batch_size": 32, "status": "time_cap", "reason": "would take 61.5 s"},
    {"model": "B", "batch_size": 1, "status": "time_cap", "reason": "would take 99 s"},
    {"model": "B", "batch_size": 8, "status": "crashed", "reason": "ended by signal SIGSEGV"},
    {"model": "B", "batch_size": 77, "status": "ok", "memory_limit_mb": 2048, "trials": 9},
]


def test_the_outcome_has_a_row_a_network():
    a, b = summary.rows(RECORDS)
    assert (a["network"], a["measured"], a["best images/s"], a["at batch"], a["grades"], a["not measured"]) == (
        "A", "3 of 4", "1,234.5 ±1.0%", "8", "2 A, 1 B", "1 time cap")  # fmt: skip
    assert (b["measured"], b["best images/s"], b["largest batch"], b["not measured"]) == ("1 of 3", "", "77 in 2,048 MB", "1 time cap, 1 crashed")


def test_reasons_that_differ_in_their_figures_are_told_once():
    assert summary.reasons(RECORDS) == ["2 time cap, such as: would take 61.5 s", "1 crashed: ended by signal SIGSEGV"]


def test_many_reasons_are_cut_and_counted():
    words = ["one", "two", "three", "four", "five", "six", "seven"]
    lines = summary.reasons({"model": "A", "batch_size": 1, "status": "crashed", "reason": word} for word in words)
    assert len(lines) == 6 and lines[-1] == "and 2 more reasons, in the file"


@pytest.mark.parametrize("terminal", [True, False])
def test_the_outcome_is_readable_with_and_without_a_terminal(terminal):
    console = Console(file=io.StringIO(), force_terminal=terminal, width=80, color_system=None)
    summary.show(RECORDS, "a device, a framework 1.0", console)
    said = console.file.getvalue()
    assert "a device, a framework 1.0" in said and "1,234.5 ±1.0%" in said and "77 in 2,048 MB" in said and "top-1" not in said


HOSTILE = "\x1b]0;gone\x07\x1b[2Jred\u202eder [bold]bold[/bold] :smile:\r"
HARMLESS = "\\x1b]0;gone\\x07\\x1b[2Jred\\u202eder [bold]bold[/bold] :smile:\\r"


def test_hostile_texts_of_an_outcome_are_shown_and_not_obeyed():
    console = Console(file=io.StringIO(), width=200, color_system=None)
    summary.show([{**RECORDS[0], "model": HOSTILE}, {**RECORDS[-2], "reason": HOSTILE}], HOSTILE, console)
    said = console.file.getvalue()
    assert said.count(HARMLESS) == 3 and said.replace("\n", "").isprintable()


def test_a_hostile_line_is_said_and_not_obeyed(capsys):
    with progress(1) as show:
        show.say(f"gpu:0\t{HOSTILE}")
    assert capsys.readouterr().out == f"gpu:0   {HARMLESS}\n"


def test_the_parts_of_a_run_share_one_display():
    with progress(3) as whole:
        with progress(1) as first:
            first.advance(1)
        with progress(2) as second:
            second.at("the second part")
        assert first is second is whole and whole._display.tasks[0].completed == 1 and len(whole._display.tasks) == 1
    with progress(1) as later:
        assert later is not whole


def test_no_record_is_no_table():
    console = Console(file=io.StringIO())
    summary.show([], "a device", console)
    assert console.file.getvalue() == ""
