"""What a record says is true of itself: its numbers fit each other."""

import pytest

from dlmark.record import (
    LEAST_CALLS,
    MAX_AXES,
    WORKLOADS,
    RecordError,
    check,
)

ROUNDS = {  # 100, 102 and 98 images/s
    "model": "A", "batch_size": 5, "calls_per_block": 2, "block_times_s": [0.1, 0.5, 0.099, 0.0980392, 0.102041, 0.102041],
    "round_blocks": [3, 1, 2], "throughput": 100.0, "throughput_half_width": 0.9, "round_spread": 0.04082, "contended_blocks": [],
}  # fmt: skip


def refusal(record, where="results/a.json: record 3"):
    with pytest.raises(RecordError) as error:
        check(record, where)
    return str(error.value)


@pytest.mark.parametrize("change", [
    {}, {"throughput": 98.1}, {"throughput": 101.9}, {"throughput": None, "throughput_half_width": None}, {"round_spread": None},
    {"contended_blocks": [1]}, {"contended_blocks": [1], "round_spread": 0.01}, {"contended_blocks": [4], "throughput": 98.001},
    {"batch_size": None, "block_times_s": None, "round_blocks": None},
])  # fmt: skip
def test_a_throughput_between_those_of_its_rounds_passes(change):
    check({**ROUNDS, **change})


@pytest.mark.parametrize("factor", [1_000, 2, 1.1, 1.03, 0.97, 0.5, 1e-6])
def test_a_throughput_that_its_block_times_do_not_give_is_told_what_they_give(factor):
    assert "field throughput: expected 97.9998 to 102, as 5 items x 2 calls over its block_times_s give" in refusal({**ROUNDS, "throughput": 100 * factor})


def test_the_throughput_of_one_round_is_that_of_its_median():
    one = {**ROUNDS, "round_blocks": None, "round_spread": None}
    check({**one, "throughput": 98.9898})
    assert "field throughput: expected 98.9898, as" in refusal({**one, "throughput": 100.0})


@pytest.mark.parametrize("name", ["batch_size", "calls_per_block"])
def test_a_throughput_of_blocks_needs_what_it_is_worked_out_from(name):
    assert f"field {name}: expected a whole number beside throughput and block_times_s" in refusal({**ROUNDS, name: None})


@pytest.mark.parametrize("spread, blocks", [(0.03, []), (0.05, []), (0.05, [1]), (1.0, [1])])
def test_a_spread_that_the_rounds_do_not_have_is_refused(spread, blocks):
    assert "field round_spread: expected" in refusal({**ROUNDS, "round_spread": spread, "contended_blocks": blocks})


def test_one_round_has_no_spread():
    one = {"model": "A", "batch_size": 1, "calls_per_block": 1, "throughput": 10.0, "block_times_s": [0.1]}
    assert "field round_spread: expected none of one round" in refusal({**one, "round_spread": 0.0})


def test_blocks_that_took_no_time_give_no_throughput():
    assert "field throughput: expected" in refusal({**ROUNDS, "block_times_s": [0] * 6})


@pytest.mark.parametrize("places", [[0, 0, 0], [1, 0]])
def test_contended_blocks_come_once_and_in_order(places):
    assert "field contended_blocks: expected each place once" in refusal({"model": "A", "block_times_s": [0.1, 0.2], "contended_blocks": places})


@pytest.mark.parametrize("moment", ["zzz", "", "2026-11-23", "2026-11-23 16:20:55Z", "2026-11-23T16:20:55", "2026-11-23T16:20:55+00:00", "2026-02-30T00:00:00Z",
                                    "2026-11-23T24:00:00Z", "2026-11-23T16:60:55Z", "1999-11-23T16:20:55Z", "2026-11-23T16:20:55.5Z", "２０２６-11-23T16:20:55Z",
                                    "9999-11-23T16:20:55Z"])  # fmt: skip
def test_a_moment_is_one_in_utc(moment):
    assert "field measured_at: expected a time in UTC" in refusal({"model": "A", "measured_at": moment})


@pytest.mark.parametrize("day", ["soon", "", "2019", "2019-13-01", "2019-02-29", "2009-01-01", "2019-3-4", "20190304", "2019-03-14T00:00:00Z"])
def test_a_day_is_a_real_one(day):
    assert "field published_date: expected a day" in refusal({"model": "A", "published_date": day})


@pytest.mark.parametrize("workload", ["xx", "", "INFER"])
def test_an_unknown_workload_is_told_those_there_are(workload):
    assert f"field workload: expected one of {', '.join(WORKLOADS)}" in refusal({"model": "A", "workload": workload})


@pytest.mark.parametrize("values", [(2.0, 1.0, 3.0), (1.0, 3.0, 2.0), (2.0, None, 1.0), (2.0, 1.0, None)])
def test_percentiles_rise(values):
    assert "expected at most the latency_p" in refusal({"model": "A", "latency_calls": 1_000, **dict(zip(LEAST_CALLS, values))})


@pytest.mark.parametrize("name, least", LEAST_CALLS.items())
def test_a_percentile_has_enough_calls_behind_it(name, least):
    check({"model": "A", name: 0.1, "latency_calls": least})
    for calls in (least - 1, 0, None):
        assert f"field {name}: expected one only from {least:,} latency_calls on" in refusal({"model": "A", name: 0.1, "latency_calls": calls})


def test_top_5_is_at_least_top_1():
    check({"model": "A", "accuracy": 0.5, "accuracy_top5": 0.5})
    assert "field accuracy: expected at most the accuracy_top5 of 0.1, got 0.9" in refusal({"model": "A", "accuracy": 0.9, "accuracy_top5": 0.1})


def test_the_lowest_clock_is_not_above_the_usual_one():
    assert "field clock_min_mhz" in refusal({"model": "A", "clock_min_mhz": 2, "clock_mhz": 1})


def test_a_half_width_is_that_of_a_throughput():
    assert "field throughput_half_width: expected none without a throughput" in refusal({"model": "A", "throughput_half_width": 1.0})


def test_an_energy_has_seconds_behind_it():
    assert "field energy_s" in refusal({"model": "A", "energy_j": 1.0})


def test_an_input_has_few_axes():
    check({"model": "A", "input_shape": [1] * MAX_AXES})
    assert "field input_shape: expected at most 8 numbers, got 9" in refusal({"model": "A", "input_shape": [1] * 9})


def test_what_is_ok_has_a_number_and_no_reason():
    assert "field status: expected ok only beside" in refusal({"model": "A", "status": "ok"})
    assert "field reason: expected none where the status is ok, got 'x'" in refusal({"model": "A", "status": "ok", "throughput": 1.0, "reason": "x"})
