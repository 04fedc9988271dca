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


def test_a_point_that_lacks_a_round_begins_anew_under_another_driver(tmp_path):
    results = SaveResults("r.json", tmp_path)
    held = {"block_times_s": [1.0] * 3, "round_blocks": [3], "calls_per_block": 1, "throughput": 1.0, "status": "ok", "source": "measured"}
    results.add({**FIELDS, "model": "A", "batch_size": 1, "driver_version": "550", **held})
    now = {driver: sweep.Job("A", [1], {**FIELDS, "driver_version": driver}) for driver in ("550", "560")}
    assert sweep.missing(now["550"], results, number=2).batch_sizes == [] and sweep.missing(now["560"], results, number=2).batch_sizes == [1]
    assert sweep.missing(now["560"], results, number=1).batch_sizes == []


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


def test_the_tally_counts_what_was_and_was_not_measured():
    assert sweep.tally(run({"2": "memory"}, job(1, 2, 4))) == "1 measured, 2 out of memory"
    assert sweep.tally([]) == "nothing to measure"


@pytest.mark.parametrize("fields, line", [
    ({"throughput": 1234.5, "throughput_half_width": 12.345, "flags": ["noisy"]}, "A batch 1: 1,234.5 images/s ±1.0% (noisy)"),
    ({"status": "out_of_memory", "reason": "std::bad_alloc"}, "A batch 1: out of memory: std::bad_alloc"),
    ({"accuracy": 0.0, "accuracy_top5": 0.25, "images": 1_000}, "A batch 1: top-1 0.00%, top-5 25.00% of 1,000 images"),
    ({"memory_limit_mb": 2048, "trials": 7}, "A batch 1 is the largest within 2,048 MB, after 7 trials"),
])  # fmt: skip
def test_a_record_is_told_in_a_line(fields, line):
    assert sweep.one_line(job(1).record(1, **fields)) == line


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
    assert second.calls_per_block == {1: 7} and second.image_s == 1 / 70


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
