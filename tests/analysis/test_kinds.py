"""Only throughputs of one unit, task and workload are compared, whoever compares them."""

import pandas as pd
import pytest

from dlmark.analysis import choice, kinds, ranks, roofline, ways

BASE = {"model": "Toy", "device": "D", "framework": "f", "precision": "float32", "mode": "eager", "batch_size": 1, "throughput_half_width": 1.0,
        "accuracy": 0.7, "percent": 70.0, "ceiling_percent": 10.0, "limited_by": "compute", "flop_per_byte": 9.0}  # fmt: skip
OLD = {**BASE, "throughput": 100.0}
BOXES = {**BASE, "throughput": 20.0, "unit": "boxes/s", "task": "boxes", "workload": "inference"}


def frame(*rows):
    return pd.DataFrame(list(rows))


def test_what_is_not_stated_is_filled_and_the_frame_stays_as_it_was():
    data = frame(OLD, {**BOXES, "workload": float("nan")}, {**OLD, "workload": "ceiling"})
    before = data.copy()
    found = kinds.stated(data)[kinds.KIND].to_numpy().tolist()
    assert found == [["images/s", "classification", "inference"], ["boxes/s", "boxes", "inference"], ["calls/s", None, "ceiling"]]
    pd.testing.assert_frame_equal(data, before)


def test_the_unit_of_rows_of_one_kind_is_told():
    assert kinds.one(frame(BOXES, BOXES), "a test") == "boxes/s" and kinds.one(frame(OLD, {**OLD, "unit": "images/s"}), "a test") == "images/s"
    assert kinds.one(frame(BOXES).iloc[:0], "a test") is None


def test_a_row_that_failed_does_not_say_the_unit():
    lost = {**BOXES, "throughput": None, "unit": None, "status": "crashed", "reason": "x"}
    assert kinds.one(frame(BOXES, lost), "a test") == "boxes/s"


def test_of_many_values_a_message_names_the_first():
    with pytest.raises(ValueError, match="data has a and b and c and d and e …: choose with"):
        kinds.one(frame(*({**BOXES, "task": name} for name in "gfedcba")), "a test")


@pytest.mark.parametrize("name, value", [("unit", "images/s"), ("task", "classification"), ("workload", "training")])
@pytest.mark.parametrize("compare", [ranks.ranks, ranks.unbeaten, ways.ways, ways.fastest, roofline.by_framework])
def test_rows_of_two_kinds_are_refused_with_what_to_choose(compare, name, value):
    with pytest.raises(ValueError) as mistake:
        compare(frame(BOXES, {**BOXES, "mode": "compiled", name: value}))
    assert f"rows of one {name}; data has " in str(mistake.value) and f"choose with choice.rows(data, {name}=" in str(mistake.value)


def test_none_ties_with_another_kind():
    texts = ranks.tie_texts(frame(BOXES, {**BOXES, "model": "Same"}, {**BOXES, "model": "Other", "workload": "training"}), "model", [])
    assert texts.tolist() == ["Same", "Toy", ""]


def test_rows_are_chosen_by_the_unit_that_they_had_before_it_was_stated():
    both = frame(OLD, BOXES)
    assert (
        choice.rows(both, unit="images/s")["throughput"].tolist()
        == [100.0]
        == choice.rows(frame(OLD), unit="images/s", task="classification")["throughput"].tolist()
    )
    assert choice.rows(both, unit=["boxes/s"], workload="inference")["throughput"].tolist() == [20.0]


def test_a_way_is_told_with_its_unit():
    data = frame(BOXES, {**BOXES, "mode": "compiled", "throughput": 30.0})
    assert ways.ways(data)["unit"].tolist() == ["boxes/s"] * 2 and ways.fastest(data)[["throughput", "unit"]].to_numpy().tolist() == [[30.0, "boxes/s"]]


def test_training_stands_beside_inference_of_the_same_task_only():
    training, other = {**BOXES, "workload": "training", "device_mem": 1.0}, {**BOXES, "device_mem": 1.0}
    table = ways.beside_inference(frame(training), frame(other, {**other, "task": "masks", "throughput": 90.0}))
    assert table[["throughput_inference", "unit"]].to_numpy().tolist() == [[20.0, "boxes/s"]]
    with pytest.raises(ValueError, match="beside_inference needs rows of one workload"):
        ways.beside_inference(frame(training), frame(other, training))


def test_the_growth_of_a_calls_time_is_told_by_rows_of_its_kind():
    rows = [{**BOXES, "batch_size": size, "throughput": 10.0, "workload": workload} for size, workload in ((1, "inference"), (2, "training"))]
    assert all(growth != growth for growth in roofline.growths(frame(*rows)))
