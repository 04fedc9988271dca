"""Numbers with their units, and statuses, as the terminal, the pages and the plots say them."""

import math

import pytest

from dlmark.record import words

TIMED = {"model": "A", "batch_size": 8, "throughput": 123.456, "throughput_half_width": 2.34}
PRODUCT = {"model": "matrix product 64", "batch_size": 1, "workload": "ceiling", "throughput": 2_000.0, "throughput_half_width": 20.0, "tflops": 1.2345}
COPY = {"model": "copy 256 MB", "batch_size": 1, "workload": "ceiling", "throughput": 10.0, "throughput_half_width": 0.1, "bandwidth_gb_s": 3_350.0}
CALL = {"model": "call", "batch_size": 1, "workload": "ceiling", "throughput": 200_000.0, "throughput_half_width": 2_000.0, "overhead_s": 5e-6}
LOST = {"model": "A", "batch_size": 8, "status": "out_of_memory", "reason": "std::bad_alloc"}


@pytest.mark.parametrize("value, digits, text", [(73.1669, 4, "73.17"), (2.03, 2, "2.0"), (12_345.6, 4, "12,346"), (0.00012345, 3, "0.000123"), (0, 2, "0"),
                                                 (None, 4, "—"), (math.nan, 4, "—"), (64, 1, "64"), (1e15, 4, "1,000,000,000,000,000")])  # fmt: skip
def test_a_number_has_as_many_digits_as_it_is_worth(value, digits, text):
    assert words.number(value, digits) == text


def test_a_quantity_has_its_unit_and_what_is_missing_has_none():
    assert (words.quantity(3_350.0, "GB/s", 3), words.memory(1_234.5), words.memory(512), words.memory(None)) == ("3,350 GB/s", "1,234 MB", "512 MB", "—")


@pytest.mark.parametrize("record, text", [
    (TIMED, "123.5 ± 2.3 images/s"), ({**TIMED, "unit": "boxes/s"}, "123.5 ± 2.3 boxes/s"), ({"model": "A", "throughput": 9_000.0}, "9,000 images/s"),
    (PRODUCT, "1.234 ± 0.012 TFLOP/s"), (COPY, "3,350 ± 34 GB/s"), (CALL, "5.000 ± 0.050 µs a call"), (LOST, "—"),
    ({"model": "peak", "workload": "ceiling", "tflops": 989.4}, "989.4 TFLOP/s"), ({"model": "call", "workload": "ceiling", "throughput": 10.0}, "10.00 calls/s"),
    ({"model": "A", "throughput": math.nan, "throughput_half_width": math.nan}, "—"),
])  # fmt: skip
def test_a_throughput_comes_with_its_interval_and_its_unit_and_a_ceiling_in_its_own(record, text):
    assert words.with_interval_and_unit(record) == text


def test_a_column_has_one_unit_where_all_its_numbers_do():
    boxes = {**TIMED, "unit": "boxes/s"}
    assert words.common_unit([boxes, LOST]) == "boxes/s" and words.common_unit([TIMED, boxes]) is None
    assert words.common_unit([PRODUCT, PRODUCT]) == "TFLOP/s" and words.common_unit([PRODUCT, COPY]) is None


def test_where_no_record_has_a_number_a_column_has_the_unit_that_they_would_have():
    assert words.common_unit([{**LOST, "unit": "boxes/s"}]) == "boxes/s" and words.common_unit([]) is None


def test_a_status_is_told_as_people_read_it():
    assert (words.status({}), words.status(LOST), words.failure(LOST)) == ("ok", "out of memory", "out of memory: std::bad_alloc")
    assert words.failure({"status": "crashed", "reason": None}) == "crashed: no reason given"


@pytest.mark.parametrize("record, line", [
    ({**TIMED, "throughput": 1234.5, "throughput_half_width": 12.345, "flags": ["noisy"]}, "A batch 8: 1,234 images/s ±1.0% (noisy)"),
    ({**TIMED, "unit": "boxes/s", "grade": "A"}, "A batch 8: 123.5 boxes/s ±1.9%, grade A"),
    (LOST, "A batch 8: out of memory: std::bad_alloc"),
    ({"model": "A", "batch_size": 8, "accuracy": 0.0, "accuracy_top5": 0.25, "images": 1_000}, "A batch 8: top-1 0.00%, top-5 25.00% of 1,000 images"),
    ({"model": "A", "batch_size": 8, "quality": {"mAP": 0.4213}, "images": 5_000}, "A batch 8: mAP 0.4213 of 5,000 images"),
    ({"model": "A", "batch_size": 8, "memory_limit_mb": 2048, "trials": 7}, "A batch 8: the largest within 2,048 MB, after 7 trials"),
    ({**PRODUCT, "grade": "B"}, "matrix product 64: 1.234 TFLOP/s ±1.0%, grade B"),
    (CALL, "call: 5.000 µs a call ±1.0%"),
])  # fmt: skip
def test_a_record_is_told_in_a_line(record, line):
    assert words.one_line(record) == line


def test_the_tally_counts_what_was_and_was_not_measured():
    assert words.tally([TIMED, LOST, TIMED]) == "2 measured, 1 out of memory" and words.tally([]) == "nothing to measure"
