"""The ways of one network: which is fastest, how sure that is, and what it costs."""

import math

import pandas as pd
import pytest

from dlmark.analysis import ways as frameworks
from dlmark.plots.ways import EXACT, speed_and_fidelity
from dlmark.results.nothing import NothingToDraw

BASE = {"gate_images": 8, "model": "ResNet-v1b-50", "batch_size": 1, "device": "CPU, 2 threads", "workload": "inference", "source": "measured", "status": "ok"}


def way(framework, precision, mode, throughput, share, **more):
    return {**BASE, "framework": framework, "precision": precision, "mode": mode, "throughput": throughput,
            "throughput_half_width": share * throughput, "first_call_s": 1.0, **more}  # fmt: skip


DATA = pd.DataFrame([
    way("torch", "float32", "eager", 30.0, 0.02), way("torch", "float32", "compiled", 40.0, 0.02, first_call_s=26.0, gate_error=1e-5),
    way("openvino", "int8", "graph", 100.0, 0.05, gate_error=0.04, gate_agreement=0.875), way("onnxruntime", "float32", "graph", 40.5, 0.02),
    {**BASE, "framework": "mxnet", "precision": "float32", "mode": "hybridized", "status": "crashed", "reason": "x"},
])  # fmt: skip


def test_the_fastest_comes_first_and_ties_share_a_rank():
    table = frameworks.ways(DATA)
    assert table["framework"].tolist() == ["openvino", "onnxruntime", "torch", "torch"] and table["rank"].tolist() == ["1", "2=", "2=", "4"]


def test_how_far_a_way_is_behind_comes_with_its_interval():
    table = frameworks.ways(DATA).set_index(frameworks.WAY)
    first, last = table.loc[("openvino", "int8", "graph")], table.loc[("torch", "float32", "eager")]
    assert (first["behind"], first["behind_low"], first["behind_high"]) == (1, 1, 1)
    assert last["behind"] == pytest.approx(100 / 30) and last["behind_low"] < last["behind"] < last["behind_high"]
    chance = math.sqrt((math.log(1.05) ** 2 + math.log(1.02) ** 2) / 2)
    assert last["behind_high"] == pytest.approx(100 / 30 * math.exp(chance))


def test_a_slow_first_call_is_repaid_after_so_many_images():
    table = frameworks.ways(DATA).set_index(frameworks.WAY)["repaid_by"]
    assert table[("torch", "float32", "compiled")] == pytest.approx(25 / (1 / 30 - 1 / 40)) and table[("torch", "float32", "eager")] == 0
    slower = DATA.assign(throughput=DATA["throughput"].where(DATA["mode"] != "compiled", 20.0))
    assert frameworks.ways(slower).set_index(frameworks.WAY)["repaid_by"][("torch", "float32", "compiled")] == math.inf


def test_without_intervals_nothing_is_clearly_behind():
    table = frameworks.ways(DATA.drop(columns="throughput_half_width"))
    assert (table["behind_low"].iloc[1:] == 0).all() and (table["rank"] == "–").all()


@pytest.mark.parametrize("name, other", [("model", "VGG-16"), ("batch_size", 8), ("device", "H100")])
def test_rows_of_two_things_are_refused_with_what_there_is(name, other):
    with pytest.raises(ValueError, match=f"expected rows of one {name}, got .*{other}"):
        frameworks.ways(pd.concat([DATA, DATA.assign(**{name: other})]))


def test_the_fastest_way_is_told_with_what_it_ties_with_and_what_it_beats():
    without_int8 = DATA[DATA["precision"] != "int8"]
    (row,) = frameworks.fastest(without_int8).to_dict("records")
    assert row["way"] == "onnxruntime float32 graph" and row["ties"] == "torch float32 compiled" and row["next"] == "torch float32 eager"
    assert row["times_low"] > 1 and row["times"] == pytest.approx(40.5 / 30)
    (row,) = frameworks.fastest(DATA).to_dict("records")
    assert row["ties"] == "" and row["next"] == "onnxruntime float32 graph"


def test_a_network_that_one_way_alone_has_is_left_out():
    assert frameworks.fastest(DATA.iloc[:1]).empty


def test_speed_and_fidelity_has_a_mark_a_way_and_float32s_own_answers_at_the_bottom():
    plot = speed_and_fidelity(DATA)
    errors = sorted({float(value) for renderer in plot.renderers for value in renderer.data_source.data["_y"]})
    assert errors == [EXACT, 1e-5, 0.04]


def test_what_limits_the_fastest_is_told_where_it_is_known():
    assert "limited_by" not in frameworks.fastest(DATA) and "limited_by" not in frameworks.ways(DATA)
    limited = DATA.assign(ceiling_percent=range(len(DATA)), limited_by=["host", "compute", "bandwidth", "compute", None])
    (row,) = frameworks.fastest(limited).to_dict("records")
    assert (row["way"], row["ceiling_percent"], row["limited_by"]) == ("openvino int8 graph", 2, "bandwidth") and row["half_width"] == pytest.approx(0.05)
    assert frameworks.ways(limited)["limited_by"].tolist() == ["bandwidth", "compute", "compute", "host"]


def test_of_two_measurements_of_one_way_the_newest_counts():
    old = pd.DataFrame([way("torch", "float32", "eager", 10.0, 0.02, measured_at="2026-11-01T00:00:00Z", host="another")])
    both = pd.concat([old, DATA.assign(measured_at="2026-11-02T00:00:00Z")])
    assert frameworks.ways(both).equals(frameworks.ways(DATA)) and len(frameworks.ways(both)) == 4


def test_a_way_whose_answers_nobody_looked_at_is_not_drawn_as_exact():
    figure = speed_and_fidelity(DATA.assign(gate_images=[8, 8, 8, None, None]))
    drawn = [name for glyph in figure.renderers for name in glyph.data_source.data.get("framework", [])]
    assert "onnxruntime" not in drawn and "torch" in drawn


def test_no_throughput_is_nothing_to_draw_and_two_networks_are_a_mistake():
    with pytest.raises(NothingToDraw, match="no result has a throughput and a model"):
        frameworks.ways(DATA[DATA["status"] == "crashed"])
    with pytest.raises(ValueError) as mistake:
        frameworks.ways(pd.concat([DATA, DATA.assign(model="VGG-16")]))
    assert not isinstance(mistake.value, NothingToDraw)


def test_ways_that_do_not_say_their_mode_are_told_and_repaid():
    bare = DATA.assign(mode=float("nan")).drop_duplicates(["framework", "precision"])
    assert set(frameworks.ways(bare)["repaid_by"]) == {0.0}
    (row,) = frameworks.fastest(bare).to_dict("records")
    assert row["way"] == "openvino int8" and row["next"] == "onnxruntime float32"


def test_a_step_of_training_stands_beside_the_same_ways_answer():
    bare = DATA.assign(device_mem=100.0)
    table = frameworks.beside_inference(bare.assign(throughput=DATA["throughput"] / 4), bare)
    assert table["times"].tolist() == [4.0] * 4 and table["by_chance"].tolist()[0] == pytest.approx(0.02 * math.sqrt(1 + 4**2))
    both = pd.concat([bare.assign(host="a"), bare.assign(host="b")])
    assert len(frameworks.beside_inference(both, both)) == 4
    assert frameworks.beside_inference(bare, bare.assign(precision="float16")).empty
