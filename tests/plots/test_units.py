"""Other things than images: each plot tells the unit of its data, and never draws two together."""

import pandas as pd
import pytest
from bokeh.models import Axis, HoverTool
from plot_frames import frame, largest, rows, scatters

from dlmark import plot
from dlmark.analysis import choice

BOXES = {"unit": "boxes/s", "task": "boxes"}
CEILINGS = pd.DataFrame([{"device": "CPU, 2 threads", "precision": "float32", "framework": "mxnet", "workload": "ceiling", **one}
                         for one in ({"tflops": 1.0}, {"bandwidth_gb_s": 100.0})])  # fmt: skip
COUNTS = {"parameters": 1_000_000, "multiply_adds": 1_000_000_000, "activations": 1_000_000}


def boxes(**fields):
    """Throughputs in boxes/s, with all that any plot asks for."""
    return frame([{**row, **BOXES, **COUNTS, "accuracy": 0.7, "gate_images": 8} for row in rows(**fields)])


def one_batch(data):
    return data[data["batch_size"] == 2]


# Each plot of throughputs in the toy unit.
PLOTS = {
    "batch_size_vs_throughput": plot.batch_size_vs_throughput,
    "batch_size_vs_throughput_grid": lambda data: plot.batch_size_vs_throughput_grid(data, data["model"].unique()),
    "throughput_vs_device": plot.throughput_vs_device,
    "throughput_vs_accuracy": plot.throughput_vs_accuracy,
    "ranking": lambda data: plot.ranking(data, batch_size=2),
    "speed_and_fidelity": lambda data: plot.speed_and_fidelity(one_batch(data)),
}


def axis_labels(drawn):
    return {part.axis_label for part in drawn.select({"type": Axis})}


@pytest.mark.parametrize("name", PLOTS)
def test_an_axis_and_a_hover_tell_the_unit_of_the_data(name):
    drawn = PLOTS[name](boxes())
    assert "boxes/s" in axis_labels(drawn) and "images/s" not in axis_labels(drawn)
    told = [text for mark in scatters(drawn) for text in mark.data_source.data["throughput"]]
    assert told and all(" boxes/s (95%)" in text for text in told)


@pytest.mark.parametrize("name", PLOTS)
@pytest.mark.parametrize("other, message", [
    ({}, "of one unit; data has boxes/s and images/s: choose with choice.rows(data, unit='boxes/s')"),
    ({"workload": "ceiling"}, "of one unit; data has boxes/s and calls/s: choose with choice.rows(data, unit='boxes/s')"),
    ({**BOXES, "task": "masks"}, "of one task; data has boxes and masks: choose with choice.rows(data, task='boxes')"),
    ({**BOXES, "workload": "training"}, "of one workload; data has inference and training: choose with choice.rows(data, workload='inference')"),
])  # fmt: skip
def test_throughputs_of_two_kinds_are_never_drawn_together(name, other, message):
    strange = boxes().drop(columns=["unit", "task"]).assign(model="AlexNet" if "grid" in name else "VGG-16", mode="eager", **other)
    with pytest.raises(ValueError) as mistake:
        PLOTS[name](pd.concat([boxes(), strange]))
    assert message in str(mistake.value)


def test_what_a_message_says_to_choose_can_be_drawn():
    both = pd.concat([boxes(), frame(rows("AlexNet"))])
    for unit, network in (("boxes/s", "VGG-16"), ("images/s", "AlexNet")):
        drawn = plot.batch_size_vs_throughput(choice.rows(both, unit=unit))
        assert {text for mark in scatters(drawn) for text in mark.data_source.data["network"]} == {network}


def test_what_older_records_do_not_state_is_what_it_was_then():
    older, newer = frame(rows()), frame(rows(sizes=(8,), unit="images/s", task="classification", workload="Inference"))
    drawn = plot.batch_size_vs_throughput(pd.concat([older, newer.assign(workload="inference")]))
    assert len(drawn.legend[0].items) == 1 and not drawn.legend[0].visible
    plot.batch_size_vs_throughput(pd.concat([older, newer]))


def test_a_point_that_failed_needs_no_unit():
    lost = rows(sizes=(8,), task="boxes", throughput=None, throughput_half_width=None, status="crashed", reason="exit 9")
    drawn = plot.batch_size_vs_throughput(pd.concat([boxes(), frame(lost)]))
    assert "boxes/s" in axis_labels(drawn)


def test_the_largest_batch_counts_what_the_task_counts():
    clips = [{**row, "unit": "clips/s"} for row in largest()]
    assert "clips in the largest batch" in axis_labels(plot.max_batch_size(frame(clips)))
    with pytest.raises(ValueError, match="of one unit; data has clips/s and images/s"):
        plot.max_batch_size(frame(clips, largest("AlexNet")))


def test_networks_of_several_tasks_stand_under_one_roof_each_with_its_own_unit():
    data = pd.concat([boxes(), boxes().assign(unit="masks/s", task="masks")])
    drawn = plot.roofline(data, CEILINGS)
    told = {text.split(" ", 3)[3] for mark in scatters(drawn) for text in mark.data_source.data["throughput"]}
    assert told == {"boxes/s (95%)", "masks/s (95%)"} and "TFLOP/s" in axis_labels(drawn)
    assert {"float32, boxes", "float32, masks"} < {item.label.value for item in drawn.legend[0].items}


def test_a_mark_under_the_roof_is_drawn_as_on_any_plot_and_tells_no_nan():
    data = pd.concat([boxes(grade="A"), boxes(source="published: a/b@1:x.md", accuracy=float("nan"))])
    drawn = plot.roofline(data, CEILINGS)
    assert {mark.glyph.size for mark in scatters(drawn)} == {9, 6}
    texts = [str(value) for mark in scatters(drawn) for values in mark.data_source.data.values() for value in values]
    assert len(texts) > 50 and not [text for text in texts if "nan" in text.lower()]
    labels = [name for tool in drawn.select({"type": HoverTool}) for name, _ in tool.tooltips]
    assert {"throughput", "FLOP/byte", "of the ceiling", "limited by"} < set(labels)
