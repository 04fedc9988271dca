"""Timing with a clock that only the work moves on: what is kept, when it stops, and what is flagged."""

import math
import random
from fractions import Fraction
from itertools import chain, cycle, islice, repeat

import pytest

from dlmark.record import check
from dlmark.timing import MIN_BLOCKS, Rules, as_fields, half_width, measure, median_interval, outliers, percentile

RULES = Rules()


class Work:
    """A network whose calls take the given seconds, and the clock that they move."""

    def __init__(self, call_s):
        self.now, self.calls, self.waits, self._call_s = 0.0, 0, 0, iter(call_s)

    def run(self):
        self.now += next(self._call_s)
        self.calls += 1

    def wait(self):
        self.waits += 1

    def timing(self, rules=RULES):
        return measure(self.run, self.wait, rules, clock=lambda: self.now)


def noisy(call_s, share, seed=0):
    """Calls that take `call_s` give or take `share`, block by block alike."""
    noise = random.Random(seed)
    while True:
        factor = noise.uniform(1 - share, 1 + share)
        yield from repeat(call_s * factor, max(1, round(0.1 / call_s)))


# ---- the interval ----


@pytest.mark.parametrize("n", range(1, 201))
def test_the_interval_is_the_narrowest_that_covers_the_median(n):
    low, high = median_interval(list(range(1, n + 1)))

    def coverage(first):  # of the interval from the first-th smallest value to the first-th largest
        return 1 - 2 * sum(Fraction(math.comb(n, k), 2**n) for k in range(first))

    if n < MIN_BLOCKS:
        assert (low, high) == (-math.inf, math.inf) and coverage(1) < Fraction(95, 100)
    else:
        assert low + high == n + 1
        assert coverage(low) >= Fraction(95, 100) > coverage(low + 1)


def test_the_interval_does_not_depend_on_the_order():
    values = [random.Random(1).random() for _ in range(50)]
    assert median_interval(values) == median_interval(sorted(values, reverse=True))


def test_the_interval_covers_the_true_median_as_often_as_it_says():
    draw = random.Random(3)
    samples = [[draw.lognormvariate(0, 1) for _ in range(25)] for _ in range(4_000)]
    held = sum(low <= 1 <= high for low, high in map(median_interval, samples)) / len(samples)
    assert 0.95 <= held < 0.97  # 25 values cover 95.7%


def test_the_half_width_is_the_larger_distance_as_a_share():
    assert half_width([1.0, 2.0, 2.0, 2.0, 2.0, 4.0]) == 1.0  # 6 values: the interval is from 1 to 4


@pytest.mark.parametrize("share, expected", [(0.5, 5), (0.9, 9), (0.99, 10), (0.0, 1), (1.0, 10)])
def test_a_percentile_is_a_value_that_was_measured(share, expected):
    assert percentile([10, 9, 8, 7, 6, 5, 4, 3, 2, 1], share) == expected


@pytest.mark.parametrize("values, found", [([1.0, 1.01, 0.99, 1.0, 1.02, 30.0], 1), ([1.0, 1.01, 0.99, 1.02], 0), ([1.0] * 5, 0)])
def test_outliers_are_far_beyond_the_usual_spread(values, found):
    assert outliers(values) == found


# ---- warm-up ----


def test_the_first_call_is_apart():
    timing = Work(chain([5.0], repeat(0.01))).timing()
    assert timing.first_call_s == 5.0
    assert max(timing.block_times_s) < 0.2


def test_a_steady_network_warms_up_for_the_floor_only():
    timing = Work(repeat(0.01)).timing()
    assert RULES.warmup_floor_s <= timing.warmup_s < RULES.warmup_floor_s + 0.2
    assert timing.flags == []


def test_a_network_that_grows_faster_for_long_is_flagged_at_the_cap():
    def quicker():
        call_s = 0.1
        while True:
            yield call_s
            call_s *= 0.97

    timing = Work(quicker()).timing(Rules(warmup_s=2.0))
    assert any(flag.startswith("warm-up not steady") for flag in timing.flags)
    assert 2.0 <= timing.warmup_s < 2.3


def test_warm_up_goes_on_until_two_blocks_agree():
    slow_start = chain(chain.from_iterable([0.04 * 0.9**k] * 4 for k in range(10)), repeat(0.01))
    timing = Work(slow_start).timing()
    assert not timing.flags and timing.warmup_s > RULES.warmup_floor_s
    assert max(timing.block_times_s) == pytest.approx(min(timing.block_times_s))


def test_a_slow_network_gets_three_calls_before_the_timed_ones():
    work = Work(repeat(20.0))
    timing = work.timing()
    assert work.calls == 3 + MIN_BLOCKS and len(timing.block_times_s) == MIN_BLOCKS and timing.latencies_s == []


# ---- blocks ----


@pytest.mark.parametrize("call_s, calls", [(1e-5, 10_000), (0.001, 100), (0.045, 2), (0.3, 1)])
def test_a_block_holds_the_calls_of_a_tenth_of_a_second(call_s, calls):
    timing = Work(repeat(call_s)).timing()
    assert timing.calls_per_block == calls
    assert timing.block_times_s == pytest.approx([calls * call_s] * MIN_BLOCKS)


def test_a_block_has_one_wait():
    work = Work(repeat(0.001))
    timing = work.timing(Rules(latency_s=0.001))
    assert timing.calls_per_block == 100 and work.waits < work.calls / 50


def test_a_quiet_network_stops_after_the_fewest_blocks():
    assert len(Work(repeat(0.01)).timing().block_times_s) == MIN_BLOCKS


def test_noise_gets_blocks_until_the_interval_is_narrow_enough():
    timing = Work(noisy(0.01, 0.02)).timing(Rules(measure_s=1_000, warmup_s=1))
    assert len(timing.block_times_s) > MIN_BLOCKS and half_width(timing.block_times_s) <= 0.01
    assert half_width(timing.block_times_s[:-1]) > 0.01


def test_the_time_cap_ends_it_with_a_flag():
    timing = Work(noisy(0.01, 0.5)).timing(Rules(measure_s=2.0))
    assert any("when the time was up" in flag for flag in timing.flags)
    assert 2.0 <= sum(timing.block_times_s) < 2.3


def test_noise_that_no_longer_shrinks_ends_it_with_a_flag():
    timing = Work(cycle([0.1, 0.2])).timing(Rules(measure_s=10_000, warmup_s=1))
    assert any(flag.startswith("noise no longer shrinks") for flag in timing.flags)
    assert len(timing.block_times_s) == 40


def test_outliers_are_flagged_and_kept():
    # about 12 calls warm up; two of the blocks after them, of one call each, take ten times as long
    usual = (0.1 + 0.0001 * k for k in cycle(range(3)))
    calls = chain(islice(usual, 20), [1.0], islice(usual, 3), [1.0], usual)
    timing = Work(calls).timing(Rules(target=0.0001, measure_s=5.0))
    assert sum(block_s > 0.9 for block_s in timing.block_times_s) == 2
    assert f"outliers among the blocks: 2 of {len(timing.block_times_s)}, kept" in timing.flags


# ---- latency and fields ----


@pytest.mark.parametrize("call_s, percentiles", [
    (0.1, set()), (0.06, {"latency_p50_s"}), (0.015, {"latency_p50_s", "latency_p90_s"}),
    (0.001, {"latency_p50_s", "latency_p90_s", "latency_p99_s"}),
])  # fmt: skip
def test_a_percentile_appears_only_with_enough_calls_behind_it(call_s, percentiles):
    fields = as_fields(Work(repeat(call_s)).timing(), 1)
    assert {name for name in fields if name.startswith("latency_p")} == percentiles
    assert ("latency_calls" in fields) == bool(percentiles)


def test_latency_has_a_wait_for_each_call():
    work = Work(repeat(0.001))
    timing = work.timing()
    assert len(timing.latencies_s) == 1_000 and work.waits > 1_000


def test_throughput_is_batch_over_the_median_call():
    fields = as_fields(Work(repeat(0.02)).timing(), 8)
    assert fields["throughput"] == pytest.approx(400) and fields["throughput_half_width"] == pytest.approx(0)


def test_the_fields_make_a_valid_record():
    check({"model": "A", **as_fields(Work(noisy(0.01, 0.1)).timing(), 4)})
