"""Timing with a clock that only the work moves on: what is kept, when it stops, and what is flagged."""

import random
from contextlib import contextmanager
from itertools import chain, count, cycle, islice, repeat
from types import SimpleNamespace

import pytest

from dlmark.measure.statistics import MIN_BLOCKS, half_width
from dlmark.measure.timing import LEAST_BLOCKS, Device, Recompiled, Rules, as_fields, counted, measure
from dlmark.record import check

RULES = Rules(measure_s=6.0, latency_s=2.0)


class Work:
    """A network whose calls take the given seconds, and the clock that they move."""

    def __init__(self, call_s):
        self.now, self.calls, self.waits, self._call_s = 0.0, 0, 0, iter(call_s)

    def run(self):
        self.now += next(self._call_s)
        self.calls += 1

    def wait(self):
        self.waits += 1

    def timing(self, rules=RULES, **options):
        return measure(self.run, self.wait, rules, clock=lambda: self.now, **options)


class Host:
    """A host on which other programs disturb the blocks that `disturbed` says."""

    cause = "other programs"

    def __init__(self, disturbed):
        self._disturbed = iter(disturbed)

    def before(self):
        pass

    def disturbed(self):
        return next(self._disturbed)

    def fields(self):
        return {"other_cpu_share": 0.5}


def noisy(call_s, share, seed=0):
    """Calls that take `call_s` give or take `share`, block by block alike."""
    noise = random.Random(seed)
    while True:
        factor = noise.uniform(1 - share, 1 + share)
        yield from repeat(call_s * factor, max(1, round(0.1 / call_s)))


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
            call_s *= 0.98

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
    assert work.calls == 3 + LEAST_BLOCKS and len(timing.block_times_s) == LEAST_BLOCKS and timing.latencies_s == []


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


def test_the_time_cap_ends_it():
    timing = Work(noisy(0.01, 0.5)).timing(Rules(measure_s=2.0))
    assert 2.0 <= sum(timing.block_times_s) < 2.3


@pytest.mark.parametrize("measure_s", [0.6, 2.0, 8.0])
def test_noise_that_never_shrinks_takes_the_time_that_was_allowed_and_no_more(measure_s):
    timing = Work(cycle([0.1, 0.2])).timing(Rules(measure_s=measure_s, warmup_s=1))
    assert measure_s <= sum(timing.block_times_s) < measure_s + 0.3


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


def test_latency_is_left_out_where_no_time_is_given_for_it():
    assert Work(repeat(0.001)).timing(Rules(latency_s=0)).latencies_s == []


def test_the_fields_make_a_valid_record():
    check({"model": "A", **as_fields(Work(noisy(0.01, 0.1)).timing(), 4)})


# ---- disturbed blocks ----


def test_a_disturbed_block_is_measured_again_and_left_out():
    timing = Work(repeat(0.1)).timing(host=Host(chain([False, True, True], repeat(False))))
    assert timing.contended == [1, 2] and len(timing.block_times_s) == MIN_BLOCKS + 2
    assert len(counted(timing.block_times_s, timing.contended)) == MIN_BLOCKS
    assert timing.flags == ["other programs disturbed 2 of 8 blocks: measured again, not in the median"]


def test_measuring_again_has_a_bound_and_then_every_block_counts():
    timing = Work(repeat(0.1)).timing(Rules(measure_s=2.0), host=Host(repeat(True)))
    assert sum(timing.block_times_s) == pytest.approx(4.0, abs=0.11)
    assert counted(timing.block_times_s, timing.contended) == timing.block_times_s
    n = len(timing.block_times_s)
    assert timing.flags == [f"other programs disturbed {n} of {n} blocks, to the end: all are in the median"]


def test_the_record_tells_which_blocks_were_disturbed_and_what_the_host_did():
    fields = as_fields(Work(repeat(0.1)).timing(host=Host(chain([True], repeat(False)))), 1)
    assert fields["contended_blocks"] == [0] and fields["other_cpu_share"] == 0.5


# ---- the device ----


def events(work, speed=1.0):
    """Device events whose clock runs `speed` times as fast as the wall's."""
    return (lambda: work.now), lambda first, last: (last - first) * speed


def test_blocks_are_timed_by_device_events_where_there_are_any():
    work = Work(repeat(0.02))
    timing = work.timing(device=Device(events=events(work, 0.98)))
    assert timing.block_times_s == pytest.approx([0.098] * MIN_BLOCKS) and timing.wall_times_s == pytest.approx([0.1] * MIN_BLOCKS)
    assert as_fields(timing, 1)["event_gap"] == pytest.approx(0.02) and timing.flags == []


def test_events_that_disagree_with_the_wall_clock_are_flagged():
    work = Work(repeat(0.02))
    assert work.timing(device=Device(events=events(work, 0.96))).flags == ["device events and wall clock differ by 4.0%"]


def test_without_events_there_is_no_gap():
    assert "event_gap" not in as_fields(Work(repeat(0.02)).timing(), 1)


def test_compiling_inside_the_timed_part_fails_the_point():
    with pytest.raises(Recompiled, match="compiled 1 times inside the timed part"):
        Work(repeat(0.02)).timing(device=Device(compilations=count(3).__next__))


def test_compiling_before_the_timed_part_is_all_right():
    assert Work(repeat(0.02)).timing(device=Device(compilations=lambda: 7)).flags == []


def test_energy_has_two_seconds_of_load_behind_it_and_is_per_image():
    work = Work(repeat(0.01))
    timing = work.timing(device=Device(energy_j=lambda: 300 * work.now))
    fields = as_fields(timing, 4)
    assert fields["energy_j"] == pytest.approx(300 * 0.01 / 4) and fields["energy_s"] >= 2.0
    assert len(timing.block_times_s) == MIN_BLOCKS


class Queue(Work):
    """The same on a device that works by itself, with an energy counter that moves every `tick_s`: asking takes time, too."""

    def __init__(self, call_s, power_w, tick_s):
        super().__init__(repeat(call_s))
        self.busy_until, self.call_s, self.power_w, self.tick_s = 0.0, call_s, power_w, tick_s

    def run(self):
        self.busy_until = max(self.busy_until, self.now) + self.call_s

    def wait(self):
        self.now = max(self.now, self.busy_until)

    def energy_j(self):
        self.now += 1e-4
        return self.power_w * (self.now // self.tick_s) * self.tick_s


@pytest.mark.parametrize("call_s", [0.003, 0.07, 0.4])
@pytest.mark.parametrize("tick_s", [0.02, 0.1])
def test_energy_is_taken_from_tick_to_tick_of_a_counter(call_s, tick_s):
    work = Queue(call_s, power_w=300, tick_s=tick_s)
    fields = as_fields(work.timing(device=Device(energy_j=work.energy_j)), 4)
    assert fields["energy_j"] == pytest.approx(300 * call_s / 4, rel=0.002) and 2.0 <= fields["energy_s"] < 3.0


def test_a_counter_that_no_longer_moves_keeps_nobody_waiting_and_has_no_energy():
    work = Queue(0.01, power_w=0, tick_s=0.1)
    fields = as_fields(work.timing(device=Device(energy_j=work.energy_j)), 4)
    assert fields["energy_j"] is None and work.now < 7


def test_energy_is_null_where_the_device_has_no_counter():
    assert as_fields(Work(repeat(0.01)).timing(), 4)["energy_j"] is None


def test_the_device_is_watched_during_the_timed_blocks_alone():
    work, times = Work(repeat(0.02)), []

    @contextmanager
    def watched():
        times.append(work.now)
        yield SimpleNamespace(fields=lambda: {"power_w": 300.0}, flags=["the device was watched only in part: lost"])
        times.append(work.now)

    timing = work.timing(device=Device(watch=watched))
    assert times[1] - times[0] == pytest.approx(sum(timing.block_times_s))
    fields = as_fields(timing, 1)
    assert fields["power_w"] == 300.0 and fields["flags"] == ["the device was watched only in part: lost"]
