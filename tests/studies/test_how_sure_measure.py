"""The study through its real command line, with NumPy as the framework."""

import json
import subprocess
import sys

import pytest

from dlmark.record import check
from studies.how_sure import measure as how_sure

QUICK = ("--framework", "numpy", "--models", "MLP-64,MLP-1024", "--batch-sizes", "1,2", "--repetitions", "1", "--threads", "1")


def study(root, folder, command):
    return subprocess.run(
        [sys.executable, "-m", "studies.how_sure", command, *QUICK, "--results", folder], cwd=root, capture_output=True, text=True, timeout=300
    )


@pytest.mark.slow
def test_each_way_times_each_point_and_a_second_run_goes_on_from_there(root, tmp_path):
    done = study(root, tmp_path, "methods")
    assert done.returncode == 0, done.stderr
    (path,) = tmp_path.glob("*.json")
    records = json.loads(path.read_text(encoding="utf-8"))
    assert {record["method"] for record in records} == {"dlmark", "timm's loop", "original loop"} and len(records) == 12
    assert all(check(record)["throughput"] > 0 and record["spent_s"] > 0 and record["condition"] == "nothing else" for record in records)
    ours = [record for record in records if record["method"] == "dlmark"]
    assert all(len(record["round_blocks"]) >= 2 for record in ours)
    assert all(record["spent_s"] == round(record["spent_s"], 3) for record in ours)  # with its share of the last round, too
    assert study(root, tmp_path, "methods").returncode == 0
    assert json.loads(path.read_text(encoding="utf-8")) == records


@pytest.mark.thorough
@pytest.mark.parametrize("command, conditions", [
    ("loaded", {"one core busy for 1 s of every 2 s"}),
    ("slower", {"before ResNet-v1-18 is made 5% slower", "ResNet-v1-18 made 5% slower", "after ResNet-v1-18 was made 5% slower"}),
])  # fmt: skip
def test_a_condition_is_told_in_the_records(command, conditions, root, tmp_path):
    assert study(root, tmp_path, command).returncode == 0
    (path,) = tmp_path.glob("*.json")
    assert {record["condition"] for record in json.loads(path.read_text(encoding="utf-8"))} == conditions


@pytest.mark.parametrize("loop, calls, waits", [(how_sure.timm_loop, 50, 50), (how_sure.original_loop, 1 + 125, 2)])
def test_a_loop_makes_the_calls_that_it_says(loop, calls, waits):
    made, waited = [], []
    assert loop(lambda: made.append(1), lambda: waited.append(1), 8) >= 0
    assert (len(made), len(waited)) == (calls, waits)


def test_the_network_made_slower_takes_five_percent_longer(monkeypatch):
    """Each call waits 5% of its own time more, by a clock that goes on by a microsecond at each look."""
    taken, clock = [], [0.0]

    def perf_counter():
        clock[0] += 1e-6
        return clock[0]

    class Network:
        def run(self):
            clock[0] += 0.02

        def wait(self):
            pass

    def measure(job, *args, task, around):
        network = around(Network())
        start = perf_counter()
        network.run()
        taken.append(perf_counter() - start)
        yield {}

    monkeypatch.setattr(how_sure.throughput, "measure", measure)
    monkeypatch.setattr(how_sure, "perf_counter", perf_counter)
    for model in (how_sure.SLOWED, "another"):
        list(how_sure.measure_one_slower(how_sure.sweep.Job(model, [1]), "any"))
    assert taken == pytest.approx([0.02 * 1.05, 0.02], rel=0.001)
