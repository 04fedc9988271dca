"""Comparing two sets of records: verdicts that chance does not make, and that do not depend on order or unit."""

import math

import numpy as np
import pytest

from dlmark.analysis import compare as module
from dlmark.analysis.compare import FASTER, SAME, SLOWER, UNSURE, apart_by, compare, verdict

POINT = {"model": "VGG-16", "batch_size": 1, "framework": "mxnet", "framework_version": "1.9.0", "precision": "float32", "mode": "hybridized",
         "workload": "inference", "input_shape": [3, 224, 224], "device": "CPU, 2 threads", "source": "measured"}  # fmt: skip
SIZES = (1, 2, 4, 8, 16)


def record(throughput=100.0, share=0.01, **fields):
    half_width = None if share is None or throughput is None else throughput * share
    return {**POINT, "throughput": throughput, "throughput_half_width": half_width, **fields}


def lost(**fields):
    return record(None, status="out_of_memory", reason="needed 9 GB", **fields)


def only(a, b, **options):
    (row,) = compare([a], [b], **options).points
    return row


def measured_twice(rng, points, *, error=0.01, together=0.0, **fields):
    """Two measurements of every point by one protocol, in which `together` of the errors' variance is a network's own."""

    def once():
        own, shared = rng.normal(0, error, points), rng.normal(0, error)
        errors = math.sqrt(1 - together) * own + math.sqrt(together) * shared
        share = math.expm1(1.96 * math.sqrt(2) * error)
        return [record(100 * math.exp(e), share, batch_size=n + 1, **fields) for n, e in enumerate(errors)]

    return once(), once()


def share_of_differences(rows):
    return np.mean([row.verdict in (FASTER, SLOWER) for row in rows])


def test_one_in_twenty_measurements_of_the_same_thing_differs():
    rows = compare(*measured_twice(np.random.default_rng(1), 5_000)).points
    assert 0.043 < share_of_differences(rows) < 0.057
    assert {row.verdict for row in rows} == {SAME, FASTER, SLOWER}


@pytest.mark.parametrize("together", [0.0, 0.5, 1.0])
def test_no_more_than_one_in_twenty_unchanged_networks_differs_however_its_errors_go_together(together):
    rng = np.random.default_rng(2)
    pairs = (measured_twice(rng, len(SIZES), together=together, model=f"net {n}") for n in range(2_000))
    rows = [row for a, b in pairs for row in compare(a, b).networks]
    assert share_of_differences(rows) < 0.06


def test_a_network_whose_errors_go_together_differs_as_often_as_promised():
    rng = np.random.default_rng(3)
    pairs = (measured_twice(rng, len(SIZES), together=1.0) for _ in range(2_000))
    assert share_of_differences([row for a, b in pairs for row in compare(a, b).networks]) > 0.035


def test_five_percent_slower_is_found_where_the_intervals_are_narrow():
    rng = np.random.default_rng(4)
    a, b = measured_twice(rng, 1_000, error=0.005)
    rows = compare(a, [{**r, "throughput": 0.95 * r["throughput"]} for r in b]).points
    assert np.mean([row.verdict == SLOWER for row in rows]) > 0.99


@pytest.mark.parametrize("error", [0.002, 0.01, 0.05])
def test_b_against_a_mirrors_a_against_b(error):
    a, b = measured_twice(np.random.default_rng(5), 300, error=error)
    mirror = {FASTER: SLOWER, SLOWER: FASTER, SAME: SAME, UNSURE: UNSURE}
    there, back = compare(a, b), compare(b, a)
    for one, other in zip(there.points + there.networks, back.points + back.networks, strict=True):
        assert mirror[one.verdict] == other.verdict and one.bound == other.bound and one.change == pytest.approx(-other.change)


@pytest.mark.parametrize("factor", [2.0**-12, 8.0, 2.0**20])
def test_the_unit_does_not_matter(factor):
    a, b = measured_twice(np.random.default_rng(6), 300)
    scaled = [[{**r, **{n: factor * r[n] for n in ("throughput", "throughput_half_width")}} for r in part] for part in (a, b)]
    assert [row[1:4] for row in compare(*scaled).points] == [row[1:4] for row in compare(a, b).points]


@pytest.mark.parametrize("share, expected", [(0.01, SAME), (0.05, SAME), (0.051, UNSURE), (0.5, UNSURE)])
def test_equal_numbers_are_the_same_only_if_a_difference_would_have_shown(share, expected):
    assert only(record(share=share), record(share=share)).verdict == expected


def test_the_tolerance_is_the_readers():
    assert only(record(share=0.08), record(share=0.08), within=0.1).verdict == SAME


def test_a_clear_difference_is_told_however_small():
    assert only(record(100, 0.001), record(100.5, 0.001)).verdict == FASTER


def test_the_bound_is_that_of_two_intervals_together():
    assert only(record(share=0.03), record(share=0.0)).bound == pytest.approx(math.log1p(0.03) / math.sqrt(2))
    assert verdict(0.03, 0.03, 0.05) == SAME and verdict(-0.0301, 0.03, 0.05) == SLOWER


@pytest.mark.parametrize("a, b, reason", [
    (record(share=None), record(), "A: no interval"),
    (record(), record(share=None), "B: no interval"),
    (record(), lost(), "B: out of memory: needed 9 GB"),
    (record(share=None), lost(), "A: no interval; B: out of memory: needed 9 GB"),
    (lost(), lost(), "A and B: out of memory: needed 9 GB"),
])  # fmt: skip
def test_what_cannot_be_judged_says_why(a, b, reason):
    row = only(a, b)
    assert (row.verdict, row.reason, row.bound) == (UNSURE, reason, None)


def test_a_wide_interval_says_how_wide_and_what_narrows_it():
    reason = only(record(share=0.2), record(share=0.2)).reason
    assert reason == "the intervals tell no less than 20.0% apart; more rounds (--rounds N) narrow them"


@pytest.mark.parametrize("name, value", [("model", "VGG-19"), ("batch_size", 2), ("framework", "torch"), ("precision", "float16"),
                                         ("mode", "eager"), ("workload", "training"), ("input_shape", [3, 299, 299]), ("device", "H100")])  # fmt: skip
def test_different_points_are_not_compared(name, value):
    found = compare([record()], [record(**{name: value})])
    assert not found.points and not found.networks and len(found.only_a) == len(found.only_b) == 1


def test_two_devices_are_compared_when_asked_for():
    found = compare([record()], [record(device="H100")], any_device=True)
    assert [row.verdict for row in found.points] == [SAME] and found.differences == ["device CPU, 2 threads -> H100"]


def test_says_what_differs_beside_the_numbers():
    a = [record(batch_size=b, library_versions={"numpy": "1.26.4"}) for b in SIZES]
    b = [record(batch_size=b, framework_version="1.9.1", host="no. 7" if b == 1 else None, library_versions={"numpy": "2.1"}) for b in SIZES]
    assert compare(a, b).differences == ["host not stated -> no. 7 (1 point)", "framework_version 1.9.0 -> 1.9.1", "library numpy 1.26.4 -> 2.1"]


@pytest.mark.parametrize("name, old, new", [
    ("layout", "NCHW", "NHWC"), ("autotune", "off", "on"), ("compile_mode", "default", "max-autotune"), ("power_limit_w", 700.0, 350.0),
    ("driver_version", "550.54", "570.86"), ("condition", "alone", "one core busy"),
])  # fmt: skip
def test_says_what_else_makes_a_network_faster_or_slower(name, old, new):
    assert compare([record(**{name: old})], [record(**{name: new})]).differences == [f"{name} {old} -> {new}"]


def test_names_three_changes_of_a_field_and_counts_the_rest():
    b = [record(batch_size=n, host=f"no. {n}") for n in SIZES]
    (text,) = compare([record(batch_size=n) for n in SIZES], b).differences
    assert text.endswith("not stated -> no. 4 (1 point), and 2 more")


def test_a_network_is_judged_by_the_mean_over_its_batch_sizes():
    (row,) = compare([record(batch_size=b) for b in SIZES], [record(110, batch_size=b) for b in SIZES]).networks
    assert (row.verdict, row.reason) == (FASTER, "5 batch sizes") and math.exp(row.change) == pytest.approx(1.1)
    assert row.what["model"] == "VGG-16" and "batch_size" not in row.what


def test_a_network_says_how_many_batch_sizes_it_is_judged_by():
    (row,) = compare([record(), record(batch_size=2)], [record(), lost(batch_size=2)]).networks
    assert (row.verdict, row.reason) == (SAME, "1 of 2 batch sizes")


def test_a_network_without_any_interval_is_unsure():
    (row,) = compare([record(share=None)], [record()]).networks
    assert (row.verdict, row.change) == (UNSURE, None) and row.reason == "no batch size has two numbers with intervals, of 1"


def test_of_a_point_measured_twice_the_newest_counts():
    old, new = record(50, measured_at="2025-01-01T00:00:00Z"), record(100, measured_at="2026-01-01T00:00:00Z")
    found = compare([new, old], [record()])
    assert (found.points[0].verdict, found.repeated_a, found.repeated_b) == (SAME, 1, 0)


def test_records_of_something_else_than_throughput_are_left_out():
    other = [{"model": "VGG-16", "batch_size": 64, "memory_limit_mb": 2_048}, {"model": "VGG-16", "accuracy": 0.7},
             {"model": "VGG-16", "memory_limit_mb": 9, "status": "crashed", "reason": "exit 9"}]  # fmt: skip
    assert compare(other, other) == module.Comparison([], [], [], [], [], 0, 0)


def test_counts_what_chance_is_expected_to_do():
    a = [record(batch_size=b) for b in range(1, 41)]
    assert compare(a, a + [record(share=None, batch_size=99)]).expected_by_chance() == 2


def test_points_of_two_units_tasks_or_workloads_are_never_compared():
    boxes = record(unit="boxes/s", task="boxes")
    for other in (record(), record(unit="boxes/s", task="masks"), record(unit="boxes/s", task="boxes", workload="training")):
        assert compare([boxes], [other]).points == []
    assert only(boxes, boxes).verdict == SAME and only(boxes, boxes).what["unit"] == "boxes/s"


def test_a_record_of_older_days_is_compared_with_one_that_states_its_unit():
    assert only(record(workload="Inference"), record(unit="images/s", task="classification")).verdict == SAME


# ---- nothing in common ----


def test_what_two_sets_differ_in_is_named_with_what_each_has():
    assert apart_by([record()], [record(framework="torch")]) == {"framework": ("mxnet", "torch")}
    assert apart_by([record(), record(batch_size=2)], [record(device="H100", batch_size=2)]).keys() == {"device"}
    assert apart_by([record(input_shape=[3, 1, 1])], [record(input_shape=[3, 2, 2])]) == {"input_shape": ("(3, 1, 1)", "(3, 2, 2)")}


def test_of_many_values_three_are_named_and_what_one_set_lacks_is_no_difference():
    many = [record(model=name) for name in "ABCDE"]
    assert apart_by(many, [record(model="F")]) == {"model": ("A, B, C and 2 others", "F")} and apart_by(many, []) == {}
