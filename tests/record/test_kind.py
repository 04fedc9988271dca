"""What a throughput is of, also where a record of older days does not say so."""

import pytest

from dlmark.record.kind import Kind, kind


@pytest.mark.parametrize("record, expected", [
    ({}, Kind("images/s", "classification", "inference")),
    ({"workload": "Inference"}, Kind("images/s", "classification", "inference")),
    ({"workload": "training"}, Kind("images/s", "classification", "training")),
    ({"workload": "ceiling"}, Kind("calls/s", None, "ceiling")),
    ({"unit": "boxes/s", "task": "boxes", "workload": "decode"}, Kind("boxes/s", "boxes", "decode")),
])  # fmt: skip
def test_a_record_is_of_a_kind_whether_it_states_it_or_not(record, expected):
    assert kind(record) == expected
