"""A budget: nothing is begun that would end after it, what does not end is ended, and the same command goes on."""

import argparse
import json
import time

import pytest

from bench.run import budget, in_rounds, options
from bench.run.budget import END_S, Until
from dlmark.measure import sweep


def test_without_a_budget_there_is_time_for_everything():
    until = Until(budget.end_of(argparse.Namespace(budget=None)))
    assert until.allows(1e9) and not until.is_over() and until.at_most(600) == 600


@pytest.mark.parametrize("seconds, allowed", [(50, True), (100 - END_S - 1, True), (100, False)])
def test_what_would_end_too_late_is_not_begun(seconds, allowed):
    assert Until(budget.end_of(argparse.Namespace(budget=100.0), lambda: 0.0), lambda: 0.0).allows(seconds) is allowed


def test_a_part_of_a_run_ends_when_the_run_does():
    assert budget.end_of(argparse.Namespace(budget=100.0, until=7.0)) == 7.0


def test_when_the_time_is_up_nothing_is_waited_for():
    until = Until(0.0, lambda: 10.0)
    assert until.is_over() and 0 < until.at_most(600) < 0.1


# ---- in a command ----


class Plan:
    """As much of a plan as _in_time looks at."""

    framework, where, environment = "numpy", "cpu", {}

    def __init__(self, until, seconds):
        self.until, self.left_out = until, set()
        self.costs = argparse.Namespace(process_s=lambda job, gated: 1.0)
        self.to_do = argparse.Namespace(seconds=seconds)


def point(job, *_):
    """Each point of a network: the one of batch 4 takes for ever."""
    for batch_size in job.batch_sizes:
        yield {"starting": batch_size, "model": job.model}
        time.sleep(60 if batch_size == 4 else 0)
        yield job.record(batch_size, status="ok", throughput=1.0)


def measured(until, seconds, sizes):
    plan = Plan(until, {("A", b): seconds for b in sizes})
    job = sweep.Job("A", sizes, {})
    records = [record for record in in_rounds._in_time(plan, job, point, False, silence_s=100) if "starting" not in record]
    return [record["batch_size"] for record in records], plan.left_out


def test_a_point_that_would_end_after_the_budget_is_left_out_and_not_recorded():
    assert measured(Until(None), 5, [1, 2]) == ([1, 2], set())
    assert measured(Until(time.time() + 5), 10, [1, 2]) == ([], {("A", 1), ("A", 2)})


@pytest.mark.slow
def test_a_point_that_takes_longer_than_foretold_is_ended_with_the_budget_and_is_no_failure():
    began = time.monotonic()
    found, left = measured(Until(time.time() + END_S + 12), 1, [1, 4, 2])
    assert found == [1] and left == {("A", 4), ("A", 2)} and time.monotonic() - began < 30


def test_a_command_within_a_budget_is_gone_on_with_by_the_same_command(tmp_path, saved):
    from bench import cnn

    words = [*"throughput --framework numpy --models MLP-64 --batch-sizes 1,2 --rounds 1 --seconds 0.1 --results".split(), str(tmp_path)]
    assert options.main(cnn.parser(), [*words, "--budget", "1"]) == 0
    assert not list(tmp_path.glob("*.json"))
    assert options.main(cnn.parser(), [*words, "--budget", "5m"]) == 0
    records = saved(tmp_path)
    assert [record["batch_size"] for record in records] == [1, 2] and "budget" not in json.dumps(records)
