"""The format: each wrong value is refused with the place, the field, what was expected and what came."""

import math
from inspect import signature

import pytest

from dlmark.record import (
    FIELDS,
    MAX_ITEMS,
    MAX_NUMBER,
    MAX_TEXT,
    POINT,
    RULES,
    STATUSES,
    RecordError,
    check,
    is_ok,
    point,
)

OF_KIND = {
    "text": "ok", "number": 0.5, "integer": 1, "numbers": [0.5], "integers": [1], "texts": ["a"], "table": {"a": "b"}, "measures": {"a": 0.5},
}  # fmt: skip
WRONG_OF_KIND = {
    "text": [1, ["a"], {}, True, "x" * (MAX_TEXT + 1), "\udc80"],
    "number": ["1", [1.0], True, math.nan, math.inf, -math.inf, 10**400, -(10**400), 2 * MAX_NUMBER, "0x10"],
    "integer": [1.5, "1", True, 1.0, math.nan, 10**400],
    "numbers": [1.0, ["1"], [math.nan], [-1.0], [True], [[1.0]], {"a": 1.0}, [0.1] * (MAX_ITEMS + 1)],
    "integers": [1, [1.5], ["1"], [0], [[1]]],
    "texts": ["a", [1], ["x" * (MAX_TEXT + 1)], [["a"]], ["\ud800"]],
    "table": ["a", [], {"a": 1}, {"a": {"b": "c"}}, {str(i): "" for i in range(101)}],
    "measures": ["a", [], {"a": "b"}, {"a": None}, {"a": True}, {"": 1}, {"a": 1e16}, {str(i): 1 for i in range(10_001)}],
}
SPECIAL = {"status": "ok", "source": "measured", "accuracy": 0.5, "grade": "A", "workload": "training", "measured_at": "2026-11-23T16:20:55Z",
           "published_date": "2019-03-14", "unit": "images/s"}  # fmt: skip
SPEED = {"throughput": 100.0, "throughput_half_width": 0.5, "round_spread": 0.01}
COMPANY = {
    "round_blocks": {"block_times_s": [0.5]}, "contended_blocks": {"block_times_s": [0.5, 0.6]}, "status": SPEED, "grade": SPEED,
    "throughput_half_width": SPEED, "energy_j": {"energy_s": 2.0}, "reason": {"status": "crashed"},
    **{name: {"latency_calls": 1_000} for name in ("latency_p50_s", "latency_p90_s", "latency_p99_s")},
}  # fmt: skip


def refusal(record, where="results/a.json: record 3"):
    with pytest.raises(RecordError) as error:
        check(record, where)
    return str(error.value)


@pytest.mark.parametrize("name", FIELDS)
def test_a_right_value_of_each_field_passes(name):
    record = {"model": "AlexNet", **COMPANY.get(name, {}), name: SPECIAL.get(name, OF_KIND[FIELDS[name].kind])}
    assert check(record) is record


@pytest.mark.parametrize("name", [name for name in FIELDS if name != "model"])
def test_each_field_but_the_model_may_be_null(name):
    check({"model": "AlexNet", name: None})


@pytest.mark.parametrize("name", FIELDS)
def test_each_kind_of_wrong_value_is_told_with_place_field_expectation_and_value(name):
    for value in WRONG_OF_KIND[FIELDS[name].kind]:
        message = refusal({"model": "AlexNet", name: value})
        assert message.startswith(f"results/a.json: record 3: field {name}: expected ")
        got = message.rpartition(", got ")[2]
        assert got == repr(value) or got.endswith("…")
        assert len(message) < 400


@pytest.mark.parametrize("throughput", [math.nan, math.inf, -1.0, 0, 0.0, "600", True])
def test_a_throughput_that_is_no_speed_is_refused(throughput):
    assert "field throughput: expected" in refusal({"model": "A", "throughput": throughput})


@pytest.mark.parametrize("name, value, bound", [
    ("batch_size", 0, "at least 1"), ("batch_size", 10_000_001, "at most 1e+07"), ("accuracy", 1.01, "at most 1"),
    ("accuracy_top5", -0.1, "at least 0"), ("input_shape", [3, 0], "at least 1"), ("temperature_c", -300, "at least -273.15"),
    ("device_mem", -1, "at least 0"), ("block_times_s", [0.1, -0.1], "at least 0"), ("format_version", 0, "at least 1"),
])  # fmt: skip
def test_a_number_out_of_its_range_is_told_the_bound(name, value, bound):
    assert bound in refusal({"model": "A", name: value})


def test_the_expectation_tells_the_unit():
    assert "a number (s)" in refusal({"model": "A", "latency_p50_s": "fast"})


def test_an_unknown_field_gets_a_suggestion():
    message = refusal({"model": "A", "troughput": 1.0})
    assert "unknown field 'troughput' (did you mean throughput?)" in message and "record 3" in message


def test_an_unknown_field_like_none_that_is_known_gets_no_suggestion():
    assert "unknown field 'qqqq';" in refusal({"model": "A", "qqqq": 1.0})


@pytest.mark.parametrize("thing", [None, 1, "text", ["model"]])
def test_what_is_no_object_is_refused(thing):
    assert "expected an object" in refusal(thing)


@pytest.mark.parametrize("record", [{}, {"model": None}, {"model": ""}])
def test_a_record_needs_its_network(record):
    assert "field model" in refusal(record)


def test_a_newer_format_says_to_update():
    message = refusal({"model": "A", "format_version": 3})
    assert "format_version" in message and "update dlmark" in message


@pytest.mark.parametrize("result", ["throughput", "accuracy", "accuracy_top5", "tflops", "bandwidth_gb_s", "overhead_s"])
def test_a_failure_has_no_result(result):
    assert f"field {result}: expected none where status is crashed" in refusal({"model": "A", "status": "crashed", "reason": "x", result: 0.5})


@pytest.mark.parametrize("status", [status for status in STATUSES if status != "ok"])
@pytest.mark.parametrize("reason", [{}, {"reason": None}, {"reason": ""}, {"reason": "  "}])
def test_a_failure_needs_a_reason(status, reason):
    assert "field reason" in refusal({"model": "A", "status": status, **reason})


@pytest.mark.parametrize("status", [status for status in STATUSES if status != "ok"])
def test_a_failure_with_a_reason_passes_and_is_not_ok(status):
    assert not is_ok(check({"model": "A", "status": status, "reason": "it fell"}))


def test_a_failure_has_no_throughput():
    assert "expected none" in refusal({"model": "A", "status": "crashed", "reason": "it fell", "throughput": 1.0})


def test_an_unknown_status_is_told_those_there_are():
    assert all(status in refusal({"model": "A", "status": "broken"}) for status in STATUSES)


@pytest.mark.parametrize("grade, reasons", [("A", None), ("A", []), ("B", ["x"]), ("C", ["x", "y"]), ("C", ["x", "y", "z"])])
def test_a_grade_goes_by_the_number_of_its_reasons(grade, reasons):
    check({"model": "A", "grade": grade, "grade_reasons": reasons, **SPEED})


@pytest.mark.parametrize("grade, reasons, right", [("A", ["x"], "B"), ("A", ["x", "y", "z"], "C"), ("B", [], "A"), ("B", ["x", "y"], "C"), ("C", ["x"], "B")])
def test_a_grade_beside_other_reasons_is_told_the_right_one(grade, reasons, right):
    assert f"field grade: expected {right} where there are" in refusal({"model": "A", "grade": grade, "grade_reasons": reasons, **SPEED})


@pytest.mark.parametrize("missed", [{"throughput_half_width": 1.1}, {"round_spread": 0.021}, {"round_spread": None}, {"throttle_reasons": ["it was hot"]},
                                    {"foreign_processes": 1}])  # fmt: skip
def test_each_condition_that_a_records_own_fields_miss_costs_a_grade(missed):
    assert "field grade: expected a reason" in refusal({"model": "A", "grade": "A", **SPEED, **missed})
    check({"model": "A", "grade": "B", "grade_reasons": ["x"], **SPEED, **missed})
    both = {"throughput_half_width": 1.1, "round_spread": 0.021}
    assert "field grade: expected a reason" in refusal({"model": "A", "grade": "B", "grade_reasons": ["x"], **SPEED, **both})


@pytest.mark.parametrize("lacking", ["throughput", "throughput_half_width"])
def test_a_grade_is_of_a_throughput_with_an_interval(lacking):
    assert "expected" in refusal({"model": "A", "grade": "A", **SPEED, lacking: None})


@pytest.mark.parametrize("grade", ["", "a", "D", "AB"])
def test_any_other_grade_is_told_those_there_are(grade):
    assert f"field grade: expected one of A, B, C, got {grade!r}" in refusal({"model": "A", "grade": grade})


@pytest.mark.parametrize("rounds", [[3], [1, 2, 1], [4]])
def test_rounds_that_do_not_add_up_to_the_blocks_are_refused(rounds):
    record = {"model": "A", "block_times_s": [0.1, 0.2], "round_blocks": rounds}
    assert "field round_blocks: expected numbers that add up to the 2 block_times_s" in refusal(record)


def test_rounds_without_blocks_are_refused():
    assert "add up to the 0 block_times_s, got [2]" in refusal({"model": "A", "round_blocks": [2]})


@pytest.mark.parametrize("places", [[2], [0, 5]])
def test_a_contended_block_beyond_the_last_is_refused(places):
    record = {"model": "A", "block_times_s": [0.1, 0.2], "contended_blocks": places}
    assert "field contended_blocks: expected places below 2" in refusal(record)


def test_a_contended_block_before_the_first_is_refused():
    assert "at least 0" in refusal({"model": "A", "block_times_s": [0.1, 0.2], "contended_blocks": [-1]})


@pytest.mark.parametrize("rounds, places", [([1, 1], [0, 1]), ([2], []), ([], None)])
def test_rounds_and_contended_blocks_that_fit_the_blocks_pass(rounds, places):
    check({"model": "A", "block_times_s": [0.1, 0.2], "round_blocks": rounds, "contended_blocks": places})


@pytest.mark.parametrize("source", ["measured", "published: owner/repo@0a1b2c:docs/table.csv"])
def test_these_sources_pass(source):
    check({"model": "A", "source": source})


@pytest.mark.parametrize("source", ["published", "Measured", "from memory", "https://example.org"])
def test_any_other_source_is_refused(source):
    assert "field source: expected 'measured' or 'published: '" in refusal({"model": "A", "source": source})


@pytest.mark.parametrize("nothing", ["published: -", "published: …", "published: ()"])
def test_published_nowhere_is_refused(nothing):
    assert "field source: expected" in refusal({"model": "A", "source": nothing})


@pytest.mark.parametrize("workload", ["Inference", "inference"])
def test_the_old_bare_form_passes(workload):
    old = {"device": "Tesla V100", "model": "AlexNet", "batch_size": 1, "throughput": 600.5, "workload": workload, "device_mem": 512}
    assert is_ok(check(old))


@pytest.mark.parametrize("name", ["device", "model"])
def test_the_old_bare_form_is_held_to_the_same(name):
    old = {"device": "Tesla V100", "model": "AlexNet", "batch_size": 1, "throughput": 600.5, "workload": "Inference", "accuracy": 0.5}
    assert f"field {name}: expected" in refusal({**old, name: "x\u2028.. raw:: html"})


def test_null_and_missing_are_the_same_point():
    assert point({"model": "A"}) == point({"model": "A", "threads": None})


def test_outcomes_do_not_tell_points_apart():
    assert point({"model": "A", "throughput": 1.0, "command": "x"}) == point({"model": "A", "throughput": 2.0})


def test_a_point_is_made_of_fields_that_there_are():
    assert set(POINT) <= set(FIELDS)


def test_a_rule_is_given_fields_of_the_names_that_it_uses():
    for rule, names in RULES:
        assert set(names) <= set(FIELDS) and list(signature(rule).parameters) == list(names)


def test_each_field_says_what_it_means():
    assert all(field.meaning for field in FIELDS.values())


def test_a_fields_name_ends_in_its_unit_where_one_is_added():
    units = {"_s": "s", "_mb": "MB", "_w": "W", "_j": "J", "_mhz": "MHz", "_c": "°C"}
    per_second = {name for name, field in FIELDS.items() if field.unit == "GB/s" and name.endswith("_gb_s")}
    wrong = {name for name, field in FIELDS.items() for end, unit in units.items() if name.endswith(end) and field.unit != unit} - per_second
    assert not wrong
