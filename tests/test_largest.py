"""The search for the largest batch: exact whatever the memory's line is like, and short where it is good."""

import random

import pytest

from dlmark.largest import MOST, largest_batch


def search(memory_mb, limit_mb):
    """The answer, the trials it names, and the batches that were really tried."""
    tried = []

    def trial(batch):
        tried.append(batch)
        used = memory_mb(batch)
        return used if used <= limit_mb else None

    return *largest_batch(trial, limit_mb), tried


def line(slope, start, noise=0.0, seed=0):
    """Memory that grows by about `slope` an image, off the line by up to `noise` of it, and never shrinks."""
    wobble = random.Random(seed).uniform(-noise, noise)
    return lambda batch: start + slope * batch * (1 + wobble * min(1, batch / 8))


def truth(memory_mb, limit_mb):
    """The answer by plain bisection over everything."""
    low, high = 0, MOST
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if memory_mb(middle) <= limit_mb else (low, middle)
    return low


@pytest.mark.parametrize("seed", range(200))
def test_exact_for_any_line_and_error(seed):
    draw = random.Random(seed)
    slope, start, limit = 10 ** draw.uniform(-2, 2.5), 10 ** draw.uniform(0, 3), 10 ** draw.uniform(1, 4.5)
    memory = line(slope, start, noise=draw.choice([0, 0.01, 0.1, 0.9]), seed=seed)
    answer, _, _ = search(memory, limit)
    assert answer == truth(memory, limit)


@pytest.mark.parametrize("seed", range(200))
def test_at_most_8_trials_where_the_line_is_within_2_percent(seed):
    draw = random.Random(seed)
    memory, largest = line(slope := 10 ** draw.uniform(-1, 2), start := draw.uniform(1, 500), 0.02, seed), draw.randint(1, 400)
    _, trials, _ = search(memory, start + slope * largest)
    assert trials <= 8


@pytest.mark.parametrize("largest", [1, 2, 3, 4, 5, 10, 100, 1_000, 100_000])
def test_no_batch_is_tried_twice_and_all_are_counted(largest):
    answer, trials, tried = search(lambda batch: batch, largest)
    assert answer == largest and trials == len(tried) == len(set(tried))


def test_none_fits():
    assert search(lambda batch: 10 + batch, 5)[:2] == (0, 1)


def test_only_one_fits():
    assert search(lambda batch: batch, 1)[0] == 1


@pytest.mark.parametrize("step", [8, 32, 100, 1_000])
@pytest.mark.parametrize("limit", [500, 1_024, 3_333])
def test_exact_where_memory_grows_in_steps(step, limit):
    def memory(batch):
        return 2.0 * -(-batch // step) * step

    assert search(memory, limit)[0] == truth(memory, limit)


@pytest.mark.parametrize("power", [0.5, 0.8, 1.5, 2.0])
def test_exact_where_memory_is_no_line(power):
    def memory(batch):
        return 3 + batch**power

    assert search(memory, 400)[0] == truth(memory, 400)


def test_exact_where_small_batches_take_the_same():
    def memory(batch):
        return max(100, batch)

    assert search(memory, 777)[0] == 777


def test_exact_where_resident_memory_misleads():
    # what is reported has nothing to do with what fits
    answer, _ = largest_batch(lambda batch: 1_000 / batch if batch <= 300 else None, 2_000)
    assert answer == 300


def test_a_network_without_an_end_stops_at_the_most():
    answer, trials, _ = search(lambda batch: 0.0, 1)
    assert answer == MOST - 1 and trials < 50
