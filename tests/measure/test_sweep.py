"""A sweep: a record for every point whatever happens, nothing measured twice, nothing dropped in silence."""

import json
import os

import pytest

from dlmark.benchmark import SaveResults
from dlmark.measure import sweep
from dlmark.record import check

FIELDS = sweep.common_fields(framework="test")


def measure(job, fails):
    """A measurement that at some batch sizes does what `fails` says."""
    for batch_size in job.batch_sizes:
        yield {"starting": batch_size}
        match fails.get(str(batch_size)):
            case "memory":
                raise MemoryError
            case "unsupported":
                raise NotImplementedError("no such precision here")
            case "crash":
                os._exit(9)
        yield job.record(batch_size, throughput=1.0 * batch_size, threads=os.getpid() % 100_000, status="ok")


def run(fails, *jobs):
    records = list(sweep.run(jobs, measure, fails, silence_s=60, environment={}))
    return [check(record) for record in records if "starting" not in record]


def job(*sizes, model="A"):
    return sweep.Job(model, list(sizes), FIELDS)


def summary(records):
    return [(record["batch_size"], record["status"]) for record in records]


def test_every_point_gets_a_record():
    assert summary(run({}, job(1, 2, 3))) == [(1, "ok"), (2, "ok"), (3, "ok")]


def test_a_network_has_one_process_for_all_its_points():
    records = run({}, job(1, 2), job(1, 2, model="B"))
    a1, a2, b1, b2 = (record["threads"] for record in records)
    assert a1 == a2 and b1 == b2 and a1 != b1


ROUND = {"block_times_s": [1.0] * 3, "round_blocks": [3], "calls_per_block": 1, "throughput": 1.0, "status": "ok", "source": "measured"}


@pytest.mark.parametrize("of, driver, rounds, why", [
    ("a", "550", 1, None), ("a", "550", 2, None), ("b", "550", 1, None), ("b", "550", 2, "1 of 2 rounds in an earlier session"),
    ("b", "560", 1, "driver 560 instead of 550"), ("b", "560", 2, "driver 560 instead of 550"), (None, "560", 1, "driver 560 instead of 550"),
])  # fmt: skip
def test_what_another_session_measured_holds_where_its_conditions_and_rounds_are_those_of_today(of, driver, rounds, why):
    held = {**FIELDS, "model": "A", "batch_size": 1, "driver_version": "550", "session": "a", **ROUND}
    now = sweep.Job("A", [1], {**FIELDS, "driver_version": driver, "session": of})
    assert sweep.why_missing(now, held, False, 0, rounds) == why


def test_after_out_of_memory_larger_batches_are_not_tried():
    records = run({"2": "memory"}, job(1, 2, 4, 8), job(1, model="B"))
    assert summary(records) == [(1, "ok"), (2, "out_of_memory"), (4, "out_of_memory"), (8, "out_of_memory"), (1, "ok")]
    assert [record.get("reason") for record in records[1:4]] == ["MemoryError", *["not tried: batch 2 already ran out of memory"] * 2]


def test_smaller_batches_are_tried_after_out_of_memory_where_the_order_is_reversed():
    assert summary(run({"4": "memory"}, job(4, 2, 1))) == [(4, "out_of_memory"), (2, "ok"), (1, "ok")]


def test_after_a_crash_the_next_points_get_a_new_process():
    records = run({"2": "crash"}, job(1, 2, 4))
    assert summary(records) == [(1, "ok"), (2, "crashed"), (4, "ok")]
    assert records[0]["threads"] != records[2]["threads"] and records[1]["reason"] == "ended with exit status 9"


def test_what_is_unsupported_is_so_for_the_whole_network():
    records = run({"1": "unsupported"}, job(1, 2), job(2, model="B"))
    assert summary(records) == [(1, "unsupported"), (2, "unsupported"), (2, "ok")]
    assert records[1]["reason"] == "no such precision here"


def test_a_failed_point_is_told_like_any_other():
    records = run({"1": "crash"}, job(1))
    assert records[0]["model"] == "A" and records[0]["framework"] == "test" and records[0]["measured_at"].endswith("Z")


@pytest.mark.parametrize("held, again, missing", [
    ({"status": "ok", "throughput": 1.0}, False, False), ({}, False, False), ({"status": "ok", "throughput": 1.0}, True, True),
    ({"status": "out_of_memory", "reason": "x"}, False, False), ({"status": "unsupported", "reason": "x"}, False, False),
    ({"status": "crashed", "reason": "x"}, False, True), ({"status": "timed_out", "reason": "x"}, False, True),
    ({"status": "time_cap", "reason": "x", "time_cap_s": 60}, False, False),
    ({"status": "time_cap", "reason": "x", "time_cap_s": 59}, False, True),
    ({"status": "time_cap", "reason": "x"}, False, True), ({"status": "time_cap", "reason": "x", "time_cap_s": None}, False, True),
])  # fmt: skip
def test_what_is_held_is_measured_again_only_with_a_reason(held, again, missing, tmp_path):
    results = SaveResults("a.json", tmp_path)
    results.add(job(1).record(1, **held))
    assert bool(sweep.missing(job(1), results, again, time_cap_s=60).batch_sizes) is missing


def test_the_smallest_batch_comes_first(tmp_path):
    assert sweep.missing(job(8, 1, 4), SaveResults("a.json", tmp_path)).batch_sizes == [1, 4, 8]


def test_numbers_are_saved_with_six_digits():
    assert json.dumps(job(1).record(1, throughput=1234.56789)["throughput"]) == "1234.57"


@pytest.mark.parametrize("text", ["one\n\x1b[31mtwo\x1b[0m", "a\u2028b", "\udce9", "\u0301", "x" * 3_000, " padded ", "\t"])
def test_whatever_an_error_or_a_device_says_the_record_can_be_saved(text):
    measured = sweep.Job("A", [1], {"device": f"AMD{text}EPYC", "library_versions": {f"a{text}": text}})
    check(measured.record(1, status="crashed", reason=f"Error: {text}", flags=[f"flag {text}"], command=text))


# ---- rounds ----


def held(tmp_path, *records):
    results = SaveResults("a.json", tmp_path)
    for record in records:
        results.add(record)
    return results


def timed(batch_size, rounds=1, model="A", **fields):
    return job(batch_size, model=model).record(batch_size, **{"status": "ok", "throughput": 70.0 * batch_size, "block_times_s": [0.1] * rounds,
                                                              "round_blocks": [1] * rounds, "calls_per_block": 7, **fields})  # fmt: skip


def test_the_second_round_goes_backwards(tmp_path):
    results = held(tmp_path, *(timed(size, model=model) for model in "AB" for size in (1, 2)))
    second = sweep.next_round([job(1, 2), job(1, 2, model="B")], results, 2)
    assert [(part.model, part.batch_sizes) for part in second] == [("B", [2, 1]), ("A", [2, 1])]


def test_the_third_goes_forwards_again(tmp_path):
    results = held(tmp_path, timed(1, 2), timed(2, 2))
    assert [part.batch_sizes for part in sweep.next_round([job(1, 2)], results, 3)] == [[1, 2]]


def test_a_round_leaves_out_what_has_it_already_and_what_has_no_times(tmp_path):
    failed = job(4).record(4, status="out_of_memory", reason="x")
    results = held(tmp_path, timed(1, 2), timed(2, 1), failed)
    assert [part.batch_sizes for part in sweep.next_round([job(1, 2, 4, 8)], results, 2)] == [[2]]


def test_a_later_round_has_the_blocks_of_the_first(tmp_path):
    (second,) = sweep.next_round([job(1)], held(tmp_path, timed(1)), 2)
    assert second.calls_per_block == {1: 7} and second.item_s == 1 / 70


@pytest.mark.parametrize("rounds, visits", [(1, 1), (2, 4), (3, 7)])
def test_the_visits_still_to_come_are_counted(rounds, visits, tmp_path):
    results = held(tmp_path, timed(1, 1), timed(2, 1), job(4).record(4, status="out_of_memory", reason="x"))
    wanted = [job(1, 2, 4, 8)]
    assert sweep.visits(wanted, [sweep.missing(job(1, 2, 4, 8), results)], results, rounds) == visits


def test_each_point_has_the_seconds_that_it_took():
    assert all(record["spent_s"] > 0 for record in run({}, job(1, 2)))


def test_a_point_in_which_the_framework_compiled_is_tried_again(tmp_path):
    results = held(tmp_path, job(1).record(1, status="recompiled", reason="x"))
    assert sweep.missing(job(1), results).batch_sizes == [1]


# ---- two boards of one name ----


def of_board(uuid, session="one"):
    return sweep.Job("A", [1], {**FIELDS, "session": session, "device_uuid": uuid})


def timed_by(uuid, rounds):
    blocks = [0.1] * 3 * rounds
    return {**of_board(uuid).record(1), "calls_per_block": 1, "block_times_s": blocks, "round_blocks": [3] * rounds, "status": "ok"}


@pytest.mark.parametrize("uuid, rounds, missing", [("a", 1, []), ("b", 1, [1]), ("b", 2, []), (None, 1, [])])
def test_what_one_board_began_another_of_its_name_measures_anew_and_does_not_go_on_with(uuid, rounds, missing):
    held = {1: timed_by(uuid, rounds)}
    newest = type("Newest", (), {"get": lambda self, record: held.get(record["batch_size"])})()
    assert sweep.missing(of_board("a"), newest, number=2).batch_sizes == missing
    goes_on = bool(sweep.next_round([of_board("a")], newest, 2))
    assert goes_on == (rounds == 1 and uuid != "b")
    if missing:
        assert sweep.why_missing(of_board("a"), held[1], False, 0, 2) == "1 of 2 rounds on another board of this name"
