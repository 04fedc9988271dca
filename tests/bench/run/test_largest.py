"""The search for the largest batch of a network: what ends it, what does not, and what a stopped one leaves behind."""

import argparse
from contextlib import contextmanager

import numpy as np
import pytest

from bench import cnn
from bench.run import largest, options
from bench.run.budget import Until
from bench.run.held import Newest
from bench.run.largest import Search
from dlmark.machine import memory
from dlmark.measure import sweep
from dlmark.measure.process import ProcessEnded

FIELDS = sweep.common_fields(framework="test", memory_limit_mb=1_000, input_shape=[3, 32, 32])


class Results(list):
    """Where records are saved."""

    add = list.append


class Show:
    """A display that nobody looks at."""

    def at(self, what):
        """Nothing."""


@pytest.fixture
def search(monkeypatch):
    """Function: the record that a search ends with, and what was saved on its way; `trial(batch)` is the memory that a batch took, or raises."""

    def run(trial, *, where="cpu", until=None, held=()):
        plan = argparse.Namespace(where=where, framework="numpy", environment={}, until=until or Until(None), newest=Newest(held), results=Results())
        tried = []

        def in_process(function, job, *_, **__):
            tried.append(job.batch_sizes[0])
            mb = trial(job.batch_sizes[0])
            yield mb, [mb]

        monkeypatch.setattr(largest, "run_in_process", in_process)
        record = Search(sweep.Job("A", [1], FIELDS), plan, 1_000, cnn.TASK, {}, Show()).result()
        return record, plan.results, tried

    return run


def ended(status, reason="why"):
    raise ProcessEnded(status, reason)


def until(batch, status="out_of_memory"):
    """Memory that grows by 10 MB an item, and what happens beyond a batch."""
    return lambda size: 10.0 * size if size <= batch else ended(status)


@pytest.mark.parametrize("status", ["out_of_memory", "crashed", "timed_out", "unsupported"])
def test_whatever_ends_a_batch_above_one_that_fitted_does_not_end_the_search(status, search):
    record, _, _ = search(until(37, status))
    assert (record["status"], record["batch_size"]) == ("ok", 37)
    assert bool(record["flags"]) == (status != "out_of_memory") and ("batch 38 ended otherwise" in str(record["flags"])) == (status != "out_of_memory")


@pytest.mark.parametrize(
    "status, expected", [("out_of_memory", "out_of_memory"), ("crashed", "crashed"), ("unsupported", "unsupported"), ("timed_out", "timed_out")]
)
def test_where_not_even_one_item_goes_through_the_record_says_why(status, expected, search):
    record, saved, _ = search(until(0, status))
    assert (record["status"], record["batch_size"]) == (expected, 1) and not saved


def test_an_abort_of_one_item_is_for_want_of_memory(search):
    record, _, _ = search(lambda size: ended("crashed", "ended by signal SIGABRT"))
    assert record["reason"] == "not even one image fits into 1,000 MB"


def test_a_crash_that_takes_the_gpu_with_it_is_no_largest_batch(search):
    alive = [True]

    def trial(size):
        alive[0] = alive[0] and size <= 37
        return 10.0 * size if alive[0] else ended("crashed", "gpu:0 is lost")

    record, _, _ = search(trial, where="gpu:0")
    assert (record["status"], record["reason"]) == ("crashed", "gpu:0 is lost")


def test_each_trial_is_saved_and_a_search_goes_on_from_the_largest_that_fitted(search):
    _, saved, tried = search(until(37))
    assert len(saved) == len(tried) and all(record["status"] == "time_cap" for record in saved)
    assert saved[1]["batch_size"] == tried[1] and "the same command goes on" in saved[1]["reason"]
    _, _, again = search(until(37), held=[saved[1]])
    assert again[0] == tried[1]


def test_where_the_time_is_up_the_search_is_left_for_the_next_run(search):
    clock = iter([0.0] * 3 + [1e6] * 100)
    record, saved, tried = search(until(37), until=Until(1e5, lambda: next(clock)))
    assert record is None and saved and len(tried) < 5


def test_where_nothing_holds_a_process_to_a_limit_it_is_refused_in_a_sentence(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(memory, "can_limit", lambda: False)
    words = ["largest-batch-size", "--framework", "numpy", "--models", "MLP-64", "--results", str(tmp_path)]
    assert options.main(cnn.parser(), words) == 2
    said = capsys.readouterr().err
    assert "which only Linux holds a process to: seek it there, or on a GPU" in said and said.count("\n") == 1 and not list(tmp_path.iterdir())


def test_other_systems_than_linux_hold_nothing_to_a_limit(monkeypatch):
    assert memory.can_limit()
    monkeypatch.setattr("sys.platform", "darwin")
    assert not memory.can_limit()


# ---- items are repeated where the network computes ----


def test_a_few_items_are_made_and_the_network_repeats_them():
    fed = []

    class Repeating:
        def feed_repeated(self, batches, count):
            fed.extend([*(len(images) for (images,) in batches), count])

    largest._feed(Repeating(), cnn.TASK, (3, 8, 8), 5_000)
    assert fed == [64, 64, 5_000]


def test_a_network_that_can_not_is_fed_with_all():
    class Plain:
        def feed(self, batches):
            assert [len(images) for (images,) in batches] == [100, 100]

    largest._feed(Plain(), cnn.TASK, (3, 8, 8), 100)


def test_torch_repeats_as_the_task_does():
    torch = pytest.importorskip("torch")
    from bench.adapters.torch.network import Network

    network = Network(torch.nn.Conv2d(3, 4, 3), torch.device("cpu"), "float32", "eager")
    network.feed_repeated(cnn.TASK.different((3, 8, 8), 150), 150)
    repeated = [images for (images,) in network._batches]
    network.feed(cnn.TASK.batches((3, 8, 8), 150))
    for (images,), own in zip(network._batches, repeated):
        assert np.array_equal(images.numpy(), own.numpy()) and own.stride() == images.stride()


# ---- with the memory of a shell's limit ----


@contextmanager
def soft_limit(mb):
    import resource

    before = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (int(mb * 2**20), before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)


def test_a_limit_of_the_shell_is_what_is_granted():
    with soft_limit(50_000.0):
        assert memory.granted_mb() == pytest.approx(50_000, rel=0.01)
