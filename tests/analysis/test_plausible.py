"""What is possible and unlikely: a warning each, and none for what is usual."""

from datetime import UTC, datetime

import pytest

from dlmark.analysis.plausible import Known, warnings
from dlmark.benchmark import load_results
from dlmark.record import check
from dlmark.results.files import read_records

NOW = datetime(2026, 11, 26, tzinfo=UTC)
V100 = "Tesla V100-SXM2-16GB"
POINT = {"model": "ResNet-v1-18", "workload": "inference", "batch_size": 8, "device": V100, "precision": "float32", "input_shape": [3, 224, 224],
         "throughput": 1_000.0, "throughput_half_width": 5.0, "measured_at": "2026-11-23T16:20:55Z", "multiply_adds": 1_800_000_000,
         "parameters": 11_000_000, "source": "measured"}  # fmt: skip
OTHERS = [
    {"model": "peak", "workload": "ceiling", "device": V100, "precision": "float32", "tflops": 15.7, "source": "published: a data sheet"},
    {"model": "matrix product", "workload": "ceiling", "device": V100, "precision": "float32", "tflops": 14.0, "source": "measured"},
    {"model": "matrix product", "workload": "ceiling", "device": "AMD EPYC, 2 threads", "precision": "float32", "tflops": 0.1, "source": "measured"},
    {**POINT, "device": "another"},
]
TIMED = {"batch_size": 10, "calls_per_block": 1, "block_times_s": [0.1, 0.2, 0.11], "round_blocks": [1, 1, 1], "round_spread": 1.0}


def said(**change):
    record = check({**POINT, **change})
    return [sentence for _, sentence in warnings([record], Known(OTHERS), NOW)]


def test_what_is_usual_gives_no_warning():
    assert said() == []


@pytest.mark.parametrize("change, sentence", [
    ({"throughput": 6_000.0}, "means 21.6 TFLOP/s, and Tesla V100-SXM2-16GB does at most 15.7 TFLOP/s in float32"),
    ({"throughput": 6_000.0, "multiply_adds": None}, "means 21.6 TFLOP/s"),
    ({"device": "AMD EPYC, 2 threads", "throughput": 31.0}, "does at most 0.100 TFLOP/s in float32"),
    ({"workload": "ceiling", "tflops": 20.0, "multiply_adds": None}, "20.0 TFLOP/s, and by its maker Tesla V100-SXM2-16GB does at most 15.7"),
    ({"parameters": 12}, "parameters 12, and other files have 11,000,000 for ResNet-v1-18"),
    ({"multiply_adds": 12}, "multiply_adds 12, and other files have 1,800,000,000"),
    ({"device_mem": 20_000}, "device_mem 20,000 MB, and the device has 16,384 MB"),
    ({"allocator_mem_mb": 20, "memory_total_mb": 10}, "allocator_mem_mb 20 MB, and the device has 10 MB"),
    ({"measured_at": "2026-11-28T00:00:00Z"}, "measured_at 2026-11-28T00:00:00Z lies in the future"),
    ({"published_date": "2027-01-01"}, "published_date 2027-01-01 lies in the future"),
    ({"batch_size": 7}, "batch_size 7 is odd"),
    ({"energy_j": 1.0, "energy_s": 2.0, "power_w": 100.0}, "energy_j x throughput is 1,000 W, and power_w is 100"),
    ({"power_w": 400.0, "power_limit_w": 300.0}, "power_w 400, and the limit is 300 W"),
    ({"throughput_half_width": 0}, "throughput_half_width of zero"),
    ({**TIMED, "throughput": 60.0}, "throughput 60.0000, and the median of its rounds gives 90.9091 images/s"),
    ({"latency_p50_s": 0.001, "latency_calls": 30}, "latency_p50_s 0.001, and by the throughput a call takes 0.008 s"),
    ({"spent_s": 0.1, **TIMED, "throughput": 90.9091}, "spent_s 0.1, and the blocks alone took 0.41 s"),
    ({"accuracy": 1.0}, "accuracy of exactly 1"), ({"accuracy": 0, "accuracy_top5": 0.5}, "accuracy of exactly 0"),
    ({"device": "GPU"}, "looks like no device's name"), ({"device": "x"}, "looks like no device's name"),
    ({"model": "Re\u0301sNet"}, "another text looks the same"),
])  # fmt: skip
def test_what_is_unlikely_is_told_in_a_sentence(change, sentence):
    (found,) = said(**change)
    assert sentence in found


@pytest.mark.parametrize("change", [
    {"batch_size": 1}, {"batch_size": 7, "memory_limit_mb": 2_048}, {"device": "AMD EPYC, 2 threads", "throughput": 29.0}, {"device_mem": 15_000},
    {"energy_j": 0.1, "energy_s": 2.0, "power_w": 110.0}, {"precision": "float16", "throughput": 20_000.0}, {"input_shape": [3, 299, 299], "multiply_adds": 12},
    {"measured_at": "2026-11-26T12:00:00Z"}, {**TIMED, "throughput": 90.9091}, {"device": None}, {"model": "R\u00e9sNet"}, {"throughput": None, "throughput_half_width": None},
])  # fmt: skip
def test_what_is_likely_is_not(change):
    assert said(**change) == []


def test_the_number_of_the_record_comes_along():
    assert [number for number, _ in warnings([POINT, {**POINT, "batch_size": 3}, POINT], Known([]), NOW)] == [1]


def test_what_was_measured_here_is_likely(root):
    """No record of our own gives a warning: what does, would be one to look at."""
    names = sorted(load_results("*", root / "results")["file"].unique())
    records = {name: read_records(root / "results" / name) for name in names}
    for name in names:
        known = Known(record for other in names if other != name for record in records[other])
        measured = [record for record in records[name] if record["source"] == "measured"]
        assert not list(warnings(measured, known)), name
