"""Rounds of one point become one record, whose interval, spread and grade follow from all the raw times."""

import math
import random
from statistics import mean, median

import pytest

from dlmark.measure import rounds
from dlmark.record import MAX_NUMBER, check

BASE = {"model": "A", "batch_size": 8, "source": "measured", "status": "ok", "framework": "f", "calls_per_block": 2,
        "contended_blocks": [], "other_cpu_share": 0.01, "canary_drift": 0.001, "flags": [], "throttle_reasons": [],
        "foreign_processes": 0}  # fmt: skip
STEADY = [1.0, 1.001, 0.999, 1.0, 1.002, 0.998, 1.0, 1.001, 0.999]


def one(times, **fields):
    return {**BASE, "block_times_s": list(times), "round_blocks": [len(times)], **fields}


def scaled(times, factor):
    return [factor * seconds for seconds in times]


def two(factor=1.001, first=None, **fields):
    """A record of two rounds, the second `factor` times as slow, among eleven of the same kind."""
    others = [rounds.join(one(STEADY, model=f"B{k}"), one(scaled(STEADY, 1.001), model=f"B{k}")) for k in range(11)]
    return rounds.settle([rounds.join(one(STEADY, **(first or fields)), one(scaled(STEADY, factor), **fields)), *others])[0]


def test_no_round_is_left_out_for_being_far_from_the_others():
    third = rounds.join(rounds.join(one(STEADY), one(scaled(STEADY, 1.1))), one(scaled(STEADY, 1.001)))
    assert [len(times) for times in rounds.by_round(third)] == [9, 9, 9]
    (settled,) = rounds.settle([third])
    assert settled["throughput"] == pytest.approx(16 / 1.001, rel=1e-3) and settled["round_spread"] == pytest.approx(0.1)


def measured(draw, shift):
    """Twelve points in two rounds of six blocks, each process with a shift of its own."""

    def a_round():
        moved = math.exp(draw.gauss(0, shift))
        return [moved * (1 + 0.005 * draw.gauss(0, 1)) for _ in range(6)]

    return rounds.settle(rounds.join(one(a_round(), model=f"A{k}"), one(a_round(), model=f"A{k}")) for k in range(12))


@pytest.mark.parametrize("shift", [0.0, 0.01, 0.03, 0.05])
def test_a_second_measurement_falls_inside_as_often_as_the_interval_says(shift):
    draw = random.Random(5)
    pairs = [pair for _ in range(200) for pair in zip(measured(draw, shift), measured(draw, shift))]
    inside = mean(abs(b["throughput"] - a["throughput"]) <= a["throughput_half_width"] for a, b in pairs)
    assert 0.93 <= inside <= 0.97


# ---- putting rounds together ----


def test_a_second_round_is_added_to_the_raw_times():
    joined = rounds.join(one([1, 2, 3]), one([4, 5]))
    assert joined["block_times_s"] == [1, 2, 3, 4, 5] and joined["round_blocks"] == [3, 2]


def test_a_record_from_before_there_were_rounds_gets_a_second_one():
    old = {name: value for name, value in one([1.0, 2.0]).items() if name != "round_blocks"}
    assert rounds.count(old) == 1 and rounds.join(old, one([3.0]))["round_blocks"] == [2, 1]


def test_disturbed_blocks_keep_their_places():
    joined = rounds.join(one([1, 9, 1, 1], contended_blocks=[1]), one([9, 1, 1, 1], contended_blocks=[0]))
    assert joined["contended_blocks"] == [1, 4]
    assert rounds.blocks(joined) == [[1, 1, 1], [1, 1, 1]]


def test_where_too_few_quiet_blocks_are_left_all_of_the_round_count():
    assert rounds.blocks(one([1, 9, 9, 1], contended_blocks=[1, 2])) == [[1, 9, 9, 1]]


def test_a_round_that_was_disturbed_to_the_end_is_left_out_where_two_others_are_not():
    disturbed = one([9, 9, 9], contended_blocks=[0, 1, 2])
    joined = rounds.join(rounds.join(disturbed, one([1, 1, 1])), one([2, 2, 2]))
    assert rounds.blocks(joined) == [[1, 1, 1], [2, 2, 2]]
    assert rounds.blocks(rounds.join(disturbed, one([1, 1, 1]))) == [[9, 9, 9], [1, 1, 1]]


@pytest.mark.parametrize("disturbed, lacks", [([True], True), ([False], True), ([False, False], False), ([True, False], True), ([True, False, False], False)])
def test_a_disturbed_round_is_made_up_for_once(disturbed, lacks):
    record = {}
    for is_disturbed in disturbed:
        new = one([1, 1, 1], contended_blocks=[0, 1, 2] if is_disturbed else [])
        record = rounds.join(record, new) if record else new
    assert rounds.lacks(record, 2) is lacks


def test_what_was_not_timed_lacks_nothing():
    assert not rounds.lacks({"status": "out_of_memory"}, 2)


@pytest.mark.parametrize("name, first, second, both", [
    ("temperature_c", 60, 65, 65), ("clock_min_mhz", 1_900, 1_800, 1_800), ("canary_drift", 0.03, 0.01, 0.03), ("spent_s", 2.0, 3.0, 5.0),
    ("throttle_reasons", ["a"], ["a", "b"], ["a", "b"]), ("first_call_s", 1.0, 2.0, 1.0), ("measured_at", "2026-01-01", "2026-01-02", "2026-01-02"),
    ("latency_p50_s", 0.1, None, 0.1), ("energy_j", None, 3.0, 3.0),
])  # fmt: skip
def test_each_field_of_both_rounds_becomes_one(name, first, second, both):
    assert rounds.join(one([1.0], **{name: first}), one([1.0], **{name: second}))[name] == both


def test_a_second_round_that_failed_changes_no_number_and_is_told():
    failed = {"model": "A", "batch_size": 8, "status": "crashed", "reason": "ended by signal SIGSEGV"}
    joined = rounds.join(one(STEADY), failed)
    assert joined["block_times_s"] == STEADY and joined["status"] == "ok"
    assert joined["flags"] == ["round 2 failed: crashed: ended by signal SIGSEGV"]


# ---- interval and spread ----


def test_throughput_is_the_geometric_mean_of_the_rounds():
    record = two(1.21)
    assert record["throughput"] == pytest.approx(8 * 2 / math.sqrt(median(STEADY) * 1.21 * median(STEADY)), rel=1e-5)
    assert record["round_spread"] == pytest.approx(0.21, rel=1e-5)


def test_the_interval_holds_both_rounds():
    record = two(1.21)
    assert record["throughput"] + record["throughput_half_width"] >= 16 / median(STEADY)


def test_other_points_of_the_run_say_how_much_processes_differ():
    alone = rounds.settle([rounds.join(one(STEADY), one(scaled(STEADY, 1.01)))])[0]
    assert alone["throughput_half_width"] > 3 * two(1.01)["throughput_half_width"]


def test_points_of_another_device_say_nothing():
    pair = rounds.join(one(STEADY), one(scaled(STEADY, 1.01)))
    alone, _ = rounds.settle([pair, {**pair, "device": "other"}])
    assert alone["throughput_half_width"] == rounds.settle([pair])[0]["throughput_half_width"]


def test_what_was_published_or_failed_stays_as_it_is_and_in_its_place():
    records = [{"model": "A", "throughput": 5.0, "source": "published: a/b@c:d"}, one(STEADY), {"model": "B", "status": "crashed", "reason": "x"}]
    settled = rounds.settle(records)
    assert settled[0] == records[0] and settled[2] == records[2] and settled[1]["grade"]


def test_settling_twice_changes_nothing():
    once = rounds.settle([rounds.join(one(STEADY), one(scaled(STEADY, 1.02))), one(STEADY, model="B")])
    assert rounds.settle(once) == once


def test_an_interval_wider_than_a_record_can_hold_loses_no_point():
    (settled,) = rounds.settle([rounds.join(one([1e-9], batch_size=10_000), one([1.0], batch_size=10_000))])
    assert check(settled)["throughput_half_width"] == MAX_NUMBER


def test_a_settled_record_is_a_valid_one():
    check(two(1.5))
    check(two(1e6))


# ---- grades ----


@pytest.mark.parametrize("fields, missed", [
    ({}, []),
    ({"throttle_reasons": ["software power cap"]}, ["the device lowered its clocks: software power cap"]),
    ({"foreign_processes": 2}, ["others' processes on the device: 2"]),
    ({"canary_drift": 0.03}, ["canary drifted by 3.0%, more than 2%"]),
    ({"canary_drift": None}, ["no canary"]),
    ({"other_cpu_share": None}, ["nobody watched the host"]),
    ({"throttle_reasons": None}, ["nobody could tell whether the device lowered its clocks"]),
    ({"foreign_processes": None}, ["nobody could tell whether others used the device"]),
    ({"event_gap": 0.09}, ["device events and wall clock differ by 9.0%"]),
    ({"other_cpu_share": 0.6}, ["other programs used 0.60 of 1 cores"]),
    ({"other_cpu_share": 0.6, "logical_cores": 4}, ["other programs used 0.60 of 4 cores"]),
    ({"other_cpu_share": 0.6, "logical_cores": 64}, []),
    ({"other_cpu_share": 0.6, "device_kind": "gpu"}, []),
    ({"quota_wait_s": 0.5, "contended_blocks": list(range(9))}, ["the quota of CPU time (cgroup) held it back for 1.00 s"]),
    ({"contended_blocks": [1]}, []),
    ({"contended_blocks": list(range(9))}, ["other programs took the CPU"]),
])  # fmt: skip
def test_the_grade_says_what_is_missed(fields, missed):
    record = two(**fields)
    assert record["grade_reasons"] == missed and record["grade"] == "AB"[len(missed)]


def test_rounds_that_differ_by_over_two_percent_cost_a_grade():
    assert "rounds differ by 3.0%, more than 2%" in two(1.03)["grade_reasons"]


def test_one_round_is_not_enough_for_an_a():
    assert rounds.settle([one(STEADY)])[0]["grade_reasons"] == ["one round only"]


def test_two_things_missed_are_a_c():
    assert two(throttle_reasons=["hardware slowdown"], canary_drift=0.5)["grade"] == "C"


@pytest.mark.parametrize("drift, held, kept", [(0.01, None, 0.01), (0.01, 0.03, 0.03), (None, 0.03, None), (None, None, None)])
def test_the_larger_drift_of_the_rounds_is_kept(drift, held, kept):
    assert rounds.drifted([{"canary_drift": held}], drift)[0]["canary_drift"] == kept


def test_a_round_that_no_canary_watched_leaves_the_point_unwatched():
    pair = rounds.join(one(STEADY, canary_drift=None), one(STEADY))
    (drifted,) = rounds.drifted([{**pair, "canary_drift": None}], 0.001)
    assert drifted["canary_drift"] is None and "no canary" in rounds.settle([drifted])[0]["grade_reasons"]


# ---- rounds that do not belong together ----


def test_memory_is_that_of_the_round_from_the_smallest_batch_up():
    assert rounds.join(one(STEADY, device_mem=100.0), one(STEADY, device_mem=900.0))["device_mem"] == 100


@pytest.mark.parametrize("first, second, both", [(0, None, None), (None, 0, None), (0, 1, 1)])
def test_what_one_round_could_not_tell_is_not_known_of_both(first, second, both):
    assert rounds.join(one(STEADY, foreign_processes=first), one(STEADY, foreign_processes=second))["foreign_processes"] == both
