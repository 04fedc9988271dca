"""make results on several devices: who measures what, and workers beside each other."""

import json
import os
import re
import signal
import sys
import time

import pytest

from bench import adapters
from bench import cnn as bench_cnn
from bench.run.budget import Until
from bench.whole import answers, machine
from bench.whole import run as whole
from bench.whole.order import Part
from bench.whole.run import command, shares
from dlmark.terminal.progress import progress

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


# ---- several devices ----


def test_gpus_of_one_name_stand_together():
    assert machine.alike({"gpu:0": "A", "gpu:1": "B", "gpu:2": "A"}) == [["gpu:0", "gpu:2"], ["gpu:1"]]


def test_networks_are_dealt_out_in_turn():
    assert machine.deal(list("abcde"), ["gpu:0", "gpu:1"]) == {"gpu:0": ["a", "c", "e"], "gpu:1": ["b", "d"]}
    assert machine.deal(["a"], ["gpu:0", "gpu:1"]) == {"gpu:0": ["a"]}


def question(**chosen):
    """A question to NumPy about the CPU."""
    return {"framework": "numpy", "device": "cpu", "benches": {"cnn": bench_cnn.PRESETS["full"]}, "quick": False, **chosen}


def part(devices, **chosen):
    """NumPy's throughput at batch size 1 on these devices, which have the plan of the CPU."""
    told = answers.answer(question(**{"batch_sizes": "1", "models": "*", "benches": {"cnn": {"throughput": ["--rounds", "1"]}}, **chosen}))
    return Part("numpy", sys.executable, devices, told["parts"][0])


def test_each_worker_gets_its_share_of_what_is_left_and_another_gpu_all(tmp_path):
    parts = [part(["gpu:0", "gpu:2"], results=str(tmp_path)), part(["gpu:1"], results=str(tmp_path))]
    lists = shares(parts)
    commands = {where: [command(step, where, None, "a") for step in steps] for where, steps in lists.items()}
    models = {
        where: [name for words in own for word in words if word.startswith("--models=") for name in word[9:].split(",")] for where, own in commands.items()
    }
    assert models == {"gpu:0": ["MLP-64", "MLP-1024x2"], "gpu:2": ["MLP-1024"], "gpu:1": ["MLP-64", "MLP-1024", "MLP-1024x2"]}
    assert all(f"--device={where}" in words and words[:3] == [sys.executable, "-m", "bench.cnn"] for where, own in commands.items() for words in own)


def test_all_rounds_of_a_point_come_from_one_board(tmp_path):
    before, after = part(["gpu:0", "gpu:1"], results=str(tmp_path)), part(["gpu:0", "gpu:1"], results=str(tmp_path))
    del after.plan["points"][0]  # the first network is held by now
    dealt = [{model: where for where, steps in shares([one]).items() for step in steps for model in step.models} for one in (before, after)]
    assert dealt[0] == {"MLP-64": "gpu:0", "MLP-1024": "gpu:1", "MLP-1024x2": "gpu:0"} and "MLP-64" not in dealt[1]
    assert len(dealt[1]) == 2 and all(dealt[0][model] == where for model, where in dealt[1].items())


def test_each_precision_and_mode_that_an_adapter_finds_worth_knowing_is_measured(monkeypatch, tmp_path):
    monkeypatch.setattr(adapters.get("numpy"), "combinations", lambda kind: [("float32", "eager"), ("float64", "eager")], raising=False)

    def planned(**chosen):
        return [str(Part("numpy", "python", ["cpu"], one)) for one in answers.answer(question(results=str(tmp_path), **chosen))["parts"]]

    assert planned() == ["numpy float32 eager throughput", "numpy float64 eager throughput", "numpy float32 eager largest-batch-size"]
    assert planned(precision="float64", quick=True, benches={"cnn": bench_cnn.PRESETS["quick"]}) == ["numpy float64 eager throughput"]


def test_beside_the_recommended_way_three_batch_sizes_are_enough_unless_some_are_named(monkeypatch, tmp_path):
    monkeypatch.setattr(adapters.get("numpy"), "combinations", lambda kind: [("float32", "eager"), ("float64", "eager")], raising=False)

    def sizes(**chosen):
        told = answers.answer(question(results=str(tmp_path), benches={"cnn": {"throughput": []}}, **chosen))
        return [one["jobs"][0][1] for one in told["parts"]]

    assert sizes() == [[1, 2, 4, 8, 16, 32, 64, 128, 256], [1, 16, 256]] and sizes(batch_sizes="2,4,8,16") == [[2, 4, 8, 16]] * 2


@pytest.mark.parametrize("framework", adapters.names())
def test_the_quick_preset_takes_a_few_networks_of_each_framework(framework):
    adapter = adapters.get(framework)
    known = list(adapters.models(adapter, "classification"))
    words = answers._arguments(question(framework=framework, quick=True), adapter, bench_cnn, "throughput", [], ("float32", adapter.modes[0]))
    chosen = [word.partition("=")[2].split(",") for word in words if word.startswith("--models=")]
    assert 2 <= len(chosen[0] if chosen else known) <= 5  # the few that a stand-in has are all measured


def test_two_devices_are_measured_at_once_and_told_in_one_place(monkeypatch, capsys, tmp_path, saved):
    def one(name):
        (tmp_path / name).mkdir()  # a lock of its own: the CPU stands in for two devices
        words = ("largest-batch-size", "--framework=numpy", "--models=MLP-1024", "--memory-limit=1", f"--results={tmp_path / name / 'results'}")
        return ["env", f"DLMARK_LOCKS={tmp_path / name}", sys.executable, "-m", "bench.cnn", *words, "--end-with-stdin"]

    monkeypatch.setattr(whole, "_commands", lambda where, *_: [one({"gpu:0": "a", "gpu:1": "b"}[where])])
    with progress(2) as show:
        assert whole.run({"gpu:0": [], "gpu:1": []}, Until(None), None, "s", show) == 0
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
    assert (
        command.startswith("python -m bench --framework numpy") and command == other_command and pid == other_pid
    )  # one run holds both, from its first step to its last
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
