"""The format: each wrong value is refused with the place, the field, what was expected and what came."""

import math
from inspect import signature

import hostile
import pytest

from dlmark.record import (
    FIELDS,
    LEAST_CALLS,
    MAX_AXES,
    MAX_ITEMS,
    MAX_MARKS,
    MAX_NUMBER,
    MAX_TEXT,
    POINT,
    RULES,
    STATUSES,
    WORKLOADS,
    RecordError,
    check,
    is_name,
    is_ok,
    is_text,
    plain,
    point,
)

OF_KIND = {
    "text": "ok", "number": 0.5, "integer": 1, "numbers": [0.5], "integers": [1], "texts": ["a"], "table": {"a": "b"},
}  # fmt: skip
WRONG_OF_KIND = {
    "text": [1, ["a"], {}, True, "x" * (MAX_TEXT + 1), "\udc80"],
    "number": ["1", [1.0], True, math.nan, math.inf, -math.inf, 10**400, -(10**400), 2 * MAX_NUMBER, "0x10"],
    "integer": [1.5, "1", True, 1.0, math.nan, 10**400],
    "numbers": [1.0, ["1"], [math.nan], [-1.0], [True], [[1.0]], {"a": 1.0}, [0.1] * (MAX_ITEMS + 1)],
    "integers": [1, [1.5], ["1"], [0], [[1]]],
    "texts": ["a", [1], ["x" * (MAX_TEXT + 1)], [["a"]], ["\ud800"]],
    "table": ["a", [], {"a": 1}, {"a": {"b": "c"}}, {str(i): "" for i in range(101)}],
}
SPECIAL = {"status": "ok", "source": "measured", "accuracy": 0.5, "grade": "A", "workload": "training", "measured_at": "2026-11-23T16:20:55Z",
           "published_date": "2019-03-14"}  # fmt: skip
SPEED = {"throughput": 100.0, "throughput_half_width": 0.5, "round_spread": 0.01}
COMPANY = {
    "round_blocks": {"block_times_s": [0.5]}, "contended_blocks": {"block_times_s": [0.5, 0.6]}, "status": SPEED, "grade": SPEED,
    "throughput_half_width": SPEED, "energy_j": {"energy_s": 2.0}, "reason": {"status": "crashed"},
    **{name: {"latency_calls": 1_000} for name in ("latency_p50_s", "latency_p90_s", "latency_p99_s")},
}  # fmt: skip
ROUNDS = {  # 100, 102 and 98 images/s
    "model": "A", "batch_size": 5, "calls_per_block": 2, "block_times_s": [0.1, 0.5, 0.099, 0.0980392, 0.102041, 0.102041],
    "round_blocks": [3, 1, 2], "throughput": 100.0, "throughput_half_width": 0.9, "round_spread": 0.04082, "contended_blocks": [],
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
    assert "a number (images/s)" in refusal({"model": "A", "throughput": "fast"})


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
    message = refusal({"model": "A", "format_version": 2})
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


# ---- texts ----


@pytest.mark.parametrize("character", [
    "\x00", "\t", "\n", "\r", "\x1b", "\x1c", "\x1f", "\x7f", "\x85", "\x9f",  # control
    "\xad", "\u061c", "\u200b", "\u200d", "\u200e", "\u202e", "\u2060", "\u2066", "\ufeff", "\U000e0041",  # format
    "\u2028", "\u2029", "\ud800", "\udfff", "\ue000", "\U0010fffd", "\u0378", "\uffff", "\xa0", "\u2003", "\u3000", "\u1680",
    "\u115f", "\u1160", "\u3164", "\uffa0", "\u2800", "\u034f", "\u17b4", "\u180b", "\ufe0f", "\U000e0100",  # blank all the same
])  # fmt: skip
@pytest.mark.parametrize("record", [{"mode": "a{}b"}, {"reason": "a{}b", "status": "crashed"}, {"command": "{}"}, {"flags": ["x", "a{}b"]},
                                    {"library_versions": {"a{}b": "1"}}, {"library_versions": {"a": "1{}"}}])  # fmt: skip
def test_what_can_not_be_seen_is_refused_in_every_text_and_shown_escaped(record, character):
    def filled(value):
        if isinstance(value, dict):
            return {filled(key): filled(item) for key, item in value.items()}
        return [filled(item) for item in value] if isinstance(value, list) else value.replace("{}", character)

    message = refusal({"model": "A", **{name: filled(value) for name, value in record.items()}})
    assert "can be seen" in message and is_text(message)


@pytest.mark.parametrize("text", hostile.STRINGS["scripts and symbols"])
def test_letters_marks_and_symbols_of_all_scripts_pass(text):
    check({"model": text, "reason": text, "status": "crashed", "flags": [text], "library_versions": {text: text}})


@pytest.mark.parametrize("kind", ["line ends", "directives", "controls", "bidirectional", "invisible", "no character", "stacked marks"])
@pytest.mark.parametrize("field", ["model", "mode", "command"])
def test_hostile_texts_of_these_kinds_are_refused(kind, field):
    assert not hostile.accepted(field)[kind]


@pytest.mark.parametrize("kind", ["tags", "attributes", "handlers", "addresses", "templates", "bokeh", "mathematics", "Markdown"])
def test_hostile_texts_of_plain_characters_are_texts(kind):
    assert not hostile.refused("command")[kind]


@pytest.mark.parametrize("name", ["", " ", "   ", " A", "A ", "\u3000"])
@pytest.mark.parametrize("field", ["model", "framework", "device", "precision", "source"])
def test_a_name_is_not_empty_and_not_padded(field, name):
    assert f"field {field}: expected" in refusal({"model": "A", field: name})


@pytest.mark.parametrize("field", ["flags", "grade_reasons", "throttle_reasons"])
def test_an_item_of_a_list_is_not_empty(field):
    assert f"field {field}: expected" in refusal({"model": "A", field: ["a", ""]})


def test_marks_follow_a_letter_and_are_few():
    check({"model": "Res" + "\u0301" * MAX_MARKS + "Net"})
    for text in ("\u0301ResNet", "\u20ddResNet", "\u0903ResNet", "Res" + "\u0301" * (MAX_MARKS + 1) + "Net"):
        assert "field model: expected" in refusal({"model": text})


@pytest.mark.parametrize("name", ["\x1b[2J", "a\u202eb", "\u3164", "\ud800", "x" * 10_000])
def test_an_unknown_field_is_shown_safely(name):
    message = refusal({"model": "A", name: 1})
    assert "unknown field" in message and is_text(message) and len(message) < 400


@pytest.mark.parametrize("text", [text for texts in hostile.STRINGS.values() for text in texts])
def test_whatever_an_error_says_becomes_a_text(text):
    made = plain(text)
    assert is_text(made) and made == made.strip() and (made == text or not is_name(text))


def test_what_is_a_text_already_stays():
    assert plain("Intel(R) Xeon(R) CPU           E5-2670 0 @ 2.60GHz") == "Intel(R) Xeon(R) CPU           E5-2670 0 @ 2.60GHz"
    assert plain("one\n\ttwo \x1b[31mred") == "one two \\x1b[31mred"


# ---- what a record says is true of itself ----


@pytest.mark.parametrize("change", [
    {}, {"throughput": 98.1}, {"throughput": 101.9}, {"throughput": None, "throughput_half_width": None}, {"round_spread": None},
    {"contended_blocks": [1]}, {"contended_blocks": [1], "round_spread": 0.01}, {"contended_blocks": [4], "throughput": 98.001},
    {"batch_size": None, "block_times_s": None, "round_blocks": None},
])  # fmt: skip
def test_a_throughput_between_those_of_its_rounds_passes(change):
    check({**ROUNDS, **change})


@pytest.mark.parametrize("factor", [1_000, 2, 1.1, 1.03, 0.97, 0.5, 1e-6])
def test_a_throughput_that_its_block_times_do_not_give_is_told_what_they_give(factor):
    assert "field throughput: expected 97.9998 to 102, as 5 images x 2 calls over its block_times_s give" in refusal({**ROUNDS, "throughput": 100 * factor})


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
