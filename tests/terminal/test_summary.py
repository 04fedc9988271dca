"""What came of a run, in a table: a row a network, and why points are missing."""

import pytest

from dlmark.terminal import summary

RECORDS = [
    {"model": "A", "batch_size": 1, "status": "ok", "throughput": 100.0, "throughput_half_width": 1.0, "grade": "B"},
    {"model": "A", "batch_size": 8, "status": "ok", "throughput": 1_234.5, "throughput_half_width": 12.345, "grade": "A"},
    {"model": "A", "batch_size": 16, "status": "ok", "throughput": 900.0, "grade": "A"},
    {"model": "A", "batch_size": 32, "status": "time_cap", "reason": "would take 61.5 s"},
    {"model": "B", "batch_size": 1, "status": "time_cap", "reason": "would take 99 s"},
    {"model": "B", "batch_size": 8, "status": "crashed", "reason": "ended by signal SIGSEGV"},
    {"model": "B", "batch_size": 77, "status": "ok", "memory_limit_mb": 2048, "trials": 9},
]


def test_the_outcome_has_a_row_a_network():
    a, b = summary.rows(RECORDS)
    assert (a["network"], a["measured"], a["best"], a["at batch"], a["grades"], a["not measured"]) == (
        "A", "3 of 4", "1,234 images/s ±1.0%", "8", "2 A, 1 B", "1 time cap")  # fmt: skip
    assert (b["measured"], b["best"], b["largest batch"], b["not measured"]) == ("1 of 3", "", "77 in 2,048 MB", "1 time cap, 1 crashed")


def test_reasons_that_differ_in_their_figures_are_told_once():
    assert summary.reasons(RECORDS) == ["2 time cap, such as: would take 61.5 s", "1 crashed: ended by signal SIGSEGV"]


def test_many_reasons_are_cut_and_counted():
    words = ["one", "two", "three", "four", "five", "six", "seven"]
    lines = summary.reasons({"model": "A", "batch_size": 1, "status": "crashed", "reason": word} for word in words)
    assert len(lines) == 6 and lines[-1] == "and 2 more reasons, in the file"


@pytest.mark.parametrize("terminal", [True, False])
def test_the_outcome_is_readable_with_and_without_a_terminal(terminal, monkeypatch, capsys):
    if terminal:
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("COLUMNS", "80")
    summary.show(RECORDS, "a device, a framework 1.0")
    said = capsys.readouterr().out
    assert "a device, a framework 1.0" in said and "1,234 images/s ±1.0%" in said and "77 in 2,048 MB" in said and "quality" not in said


HOSTILE = "\x1b]0;gone\x07\x1b[2Jred\u202eder [bold]bold[/bold] :smile:\r"
HARMLESS = "\\x1b]0;gone\\x07\\x1b[2Jred\\u202eder [bold]bold[/bold] :smile:\\r"


def test_hostile_texts_of_an_outcome_are_shown_and_not_obeyed(capsys):
    summary.show([{**RECORDS[0], "model": HOSTILE}, {**RECORDS[-2], "reason": HOSTILE}], HOSTILE)
    said = capsys.readouterr().out
    assert said.count(HARMLESS) == 3 and said.replace("\n", "").isprintable()


def test_no_record_is_no_table(capsys):
    summary.show([], "a device")
    assert capsys.readouterr().out == ""


def test_the_best_is_told_in_its_own_unit_and_a_workload_has_a_row_of_its_own():
    boxes = {**RECORDS[0], "unit": "boxes/s", "task": "boxes", "workload": "inference"}
    one, other = summary.rows([boxes, {**boxes, "workload": "training", "throughput": 900.0}])
    assert (one["network"], one["best"]) == ("A, boxes, inference", "100.0 boxes/s ±1.0%")
    assert (other["network"], other["best"]) == ("A, boxes, training", "900.0 boxes/s ±0.1%")
    (row,) = summary.rows([boxes, {**boxes, "unit": "crops/s", "batch_size": 4, "throughput": 10.0}])
    assert row["best"] == "10.00 crops/s ±10.0%; 100.0 boxes/s ±1.0%" and row["at batch"] == "4; 1"


def test_a_ceiling_is_told_in_its_own_unit(capsys):
    product = {"model": "matrix product 64", "batch_size": 1, "workload": "ceiling", "throughput": 2_000.0, "throughput_half_width": 20.0, "tflops": 1.25}
    summary.show([product, {**product, "model": "call", "tflops": None, "overhead_s": 5e-6}], "a device")
    said = capsys.readouterr().out
    assert "1.250 TFLOP/s ±1.0%" in said and "5.000 µs a call ±1.0%" in said and "/s " in said and "images" not in said and "at batch" not in said
