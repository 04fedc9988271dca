"""What limits a network: arithmetic on counts, times and measured ceilings, and the plot of it."""

import math

import pandas as pd
import pytest
from bokeh.models import GlyphRenderer, HoverTool, Line, Scatter

from dlmark.analysis import roofline
from dlmark.analysis.roofline import Ceilings
from dlmark.plots import style
from dlmark.plots.roofline import roofline as roofline_plot
from dlmark.results.nothing import Nothing

# 1 TFLOP/s and 100 GB/s: the ridge is at 10 operations a byte.
HERE = Ceilings(tflops=1.0, bandwidth_gb_s=100.0, overhead_s=10e-6)


def record(batch_size=1, throughput=100.0, **fields):
    """1e9 multiply-adds and 1e6 parameters, 1e6 activations: 2e9 operations and 12e6 bytes for one image in float32."""
    return {"model": "N", "device": "D", "precision": "float32", "framework": "f", "mode": "eager", "batch_size": batch_size,
            "throughput": throughput, "parameters": 1_000_000, "multiply_adds": 1_000_000_000, "activations": 1_000_000,
            "source": "measured", "status": "ok", "workload": "inference", **fields}  # fmt: skip


def ceiling_records(**fields):
    base = {"device": "D", "precision": "float32", "framework": "f", "workload": "ceiling", **fields}
    return [{**base, "model": "matrix product 1024", "tflops": 0.8}, {**base, "model": "matrix product 4096", "tflops": 1.0},
            {**base, "model": "copy 256 MB", "bandwidth_gb_s": 100.0}, {**base, "model": "call", "overhead_s": 10e-6}]  # fmt: skip


CEILINGS = pd.DataFrame(ceiling_records())


# ---- one record ----


def test_operations_bytes_and_the_share_of_the_roof_are_what_the_counts_say():
    found = roofline.limit(record(), HERE)
    assert found.flop_per_byte == pytest.approx(2e9 / 12e6)
    assert found.achieved_tflops == pytest.approx(0.2)  # 2e9 operations in 10 ms
    assert found.attainable_tflops == pytest.approx(1.0)
    assert found.ceiling_percent == pytest.approx(20)
    assert found.limited_by == "compute"


def test_above_the_ridge_compute_limits_and_below_it_bandwidth():
    few = record(throughput=1_000.0, multiply_adds=10_000_000)  # 20e6 operations, 12e6 bytes: 1.7 a byte
    found = roofline.limit(few, HERE)
    assert found.limited_by == "bandwidth"
    assert found.attainable_tflops == pytest.approx(20 / 12 * 0.1)
    assert found.ceiling_percent == pytest.approx(100 * 12e6 / 100e9 / 1e-3)


def test_the_parameters_are_moved_once_a_batch():
    one, many = (roofline.limit(record(batch, activations=1_000), HERE).flop_per_byte for batch in (1, 100))
    assert many > 80 * one


def test_half_the_bytes_a_number_make_twice_the_intensity():
    assert roofline.limit(record(precision="bfloat16"), HERE).flop_per_byte == 2 * roofline.limit(record(), HERE).flop_per_byte


@pytest.mark.parametrize("growth, limited_by", [(0.0, "host"), (0.2, "host"), (0.3, "compute"), (1.0, "compute"), (None, "compute")])
def test_far_below_the_roof_the_host_limits_where_the_time_hardly_grows_with_the_batch(growth, limited_by):
    assert roofline.limit(record(), HERE, growth).limited_by == limited_by  # 5 times its ceiling's time


def test_near_the_roof_the_host_does_not_limit():
    assert roofline.limit(record(throughput=400.0), HERE, 0.0).limited_by == "compute"


def test_a_call_that_is_half_overhead_is_limited_by_the_host():
    tiny = record(throughput=60_000.0, multiply_adds=1_000, parameters=100, activations=100)  # 17 us a call
    assert roofline.limit(tiny, HERE).limited_by == "host"
    assert roofline.limit(tiny, HERE._replace(overhead_s=1e-6)).limited_by == "bandwidth"
    assert roofline.limit(tiny, HERE._replace(overhead_s=math.nan)).limited_by == "bandwidth"


@pytest.mark.parametrize("fields", [
    {"throughput": None}, {"throughput": math.nan}, {"multiply_adds": None}, {"parameters": 0}, {"precision": "int3"}, {"precision": None},
])  # fmt: skip
def test_what_is_not_known_has_no_limit(fields):
    assert roofline.limit(record(**fields), HERE) is None


def test_without_both_rates_there_is_no_limit():
    assert roofline.limit(record(), Ceilings(math.nan, 100.0)) is None and roofline.limit(record(), Ceilings(1.0, math.nan)) is None


# ---- frames ----


def test_each_row_gets_the_columns_and_the_frame_stays_as_it_was():
    data = pd.DataFrame([record(), record(model="M", throughput=None)], index=[7, 9])
    before = data.copy()
    found = roofline.limits(data, CEILINGS)
    pd.testing.assert_frame_equal(data, before)
    assert list(found.index) == [7, 9] and set(roofline.Limit._fields) <= set(found)
    assert found.loc[7, "ceiling_percent"] == pytest.approx(20) and found.loc[7, "limited_by"] == "compute"
    assert math.isnan(found.loc[9, "ceiling_percent"]) and found.loc[9, "limited_by"] is None


def test_the_ceiling_is_the_highest_that_any_framework_reached():
    faster = pd.DataFrame(ceiling_records() + [{"device": "D", "precision": "float32", "framework": "g", "tflops": 2.0}])
    assert roofline.limits(pd.DataFrame([record()]), faster)["ceiling_percent"].tolist() == pytest.approx([10])


def test_another_precision_has_its_own_ceiling_and_another_device_none_of_this_one():
    data = pd.DataFrame([record(), record(precision="bfloat16"), record(device="E")])
    both = pd.concat([CEILINGS, pd.DataFrame([{"device": "D", "precision": "bfloat16", "framework": "f", "tflops": 4.0}])])
    percent = roofline.limits(data, both)["ceiling_percent"]
    assert percent[0] == pytest.approx(20) and percent[1] == pytest.approx(5) and math.isnan(percent[2])


def test_a_time_that_does_not_grow_with_the_batch_is_the_hosts():
    flat = [record(b, throughput=100.0 * b) for b in (1, 2)] + [record(8, throughput=400.0)]
    found = roofline.limits(pd.DataFrame(flat), CEILINGS)["limited_by"].tolist()
    assert found == ["host", "compute", "compute"]  # 10, 10 and 20 ms a call; at 8 images it is 80% of the roof


def test_growth_is_told_by_the_next_batch_of_the_same_conditions():
    data = pd.DataFrame([record(1, 100.0), record(4, 400.0), record(2, 100.0, mode="compiled"), record(16, 800.0), record(3, 1.0, model="M")])
    flat, half, alone, last, other = roofline.growths(data)
    assert flat == pytest.approx(0) and half == last == pytest.approx(0.5)
    assert math.isnan(alone) and math.isnan(other)


@pytest.mark.parametrize("workload", ["training", "ceiling"])
def test_training_has_no_limit_for_its_operations_are_others(workload):
    assert roofline.limits(pd.DataFrame([record(workload=workload)]), CEILINGS)["limited_by"].tolist() == [None]


def test_names_the_missing_columns():
    with pytest.raises(ValueError, match=r"limits needs column\(s\) \['parameters'\] in data"):
        roofline.limits(pd.DataFrame([record()]).drop(columns="parameters"), CEILINGS)
    with pytest.raises(ValueError, match=r"limits needs column\(s\) \['tflops'\] in ceilings"):
        roofline.limits(pd.DataFrame([record()]), CEILINGS.drop(columns="tflops"))
    with pytest.raises(TypeError, match="got list as data"):
        roofline.limits([record()], CEILINGS)


# ---- the plot ----


def glyphs(figure, kind):
    return [r for r in figure.select({"type": GlyphRenderer}) if isinstance(r.glyph, kind)]


def test_the_plot_has_a_roof_a_precision_and_a_mark_a_row():
    data = pd.DataFrame([record(), record(8), record(precision="bfloat16"), record(model="M", throughput=None, status="crashed", reason="x")])
    both = pd.concat([CEILINGS, pd.DataFrame([{"device": "D", "precision": "bfloat16", "framework": "f", "tflops": 4.0}])])
    figure = roofline_plot(data, both)
    assert len(glyphs(figure, Line)) == 2
    assert sum(len(r.data_source.data["_x"]) for r in glyphs(figure, Scatter)) == 3
    labels = [item.label.value for item in figure.legend[0].items]
    assert labels == ["roof: float32, 1.00 TFLOP/s, 100 GB/s", "float32", "roof: bfloat16, 4.00 TFLOP/s, 100 GB/s", "bfloat16"]


def test_a_roof_rises_to_the_ridge_and_is_flat_from_there():
    (line,) = glyphs(roofline_plot(pd.DataFrame([record()]), CEILINGS), Line)
    x, y = line.data_source.data["x"], line.data_source.data["y"]
    assert x[1] == pytest.approx(10) and y[1] == y[2] == 1.0 and y[0] == pytest.approx(x[0] * 0.1)


def test_a_mark_tells_its_share_of_the_ceiling_and_its_limit():
    figure = roofline_plot(pd.DataFrame([record()]), CEILINGS)
    (mark,) = glyphs(figure, Scatter)
    assert mark.data_source.data["of the ceiling"] == ["20%"] and mark.data_source.data["limited by"] == ["compute"]
    (hover,) = figure.select({"type": HoverTool})
    assert {"network", "of the ceiling", "limited by"} <= {name for name, _ in hover.tooltips}


def test_the_title_names_the_one_device():
    assert roofline_plot(pd.DataFrame([record()]), CEILINGS, title="Roof").title.text == "Roof\nD"


def test_two_devices_are_told_apart():
    data = pd.DataFrame([record(), record(device="E")])
    figure = roofline_plot(data, pd.DataFrame(ceiling_records() + ceiling_records(device="E")))
    labels = [item.label.value for item in figure.legend[0].items]
    assert len(set(labels)) == 4 and "float32, E" in labels and any(label.startswith("roof: float32 on E") for label in labels)
    colours = {line.glyph.line_color for line in glyphs(figure, Line)}
    assert colours == set(style.COLOURS[:2])


def test_says_that_there_is_nothing_to_draw():
    with pytest.raises(ValueError, match="nothing to draw here: no result has"):
        roofline_plot(pd.DataFrame([record(device="E")]), CEILINGS)


# ---- the tables ----


def test_the_share_of_the_ceiling_stands_by_framework_with_what_limits_the_fastest():
    data = pd.DataFrame([record(), record(framework="g", throughput=400.0), record(model="M", multiply_adds=10_000_000, throughput=1_000.0)])
    table = roofline.by_framework(roofline.limits(data, CEILINGS))
    assert list(table.columns) == ["model", "f", "g", "limited by", "operations a byte"] and table["model"].tolist() == ["M", "N"]
    assert table.loc[1, ["f", "g"]].tolist() == pytest.approx([20, 80]) and table["limited by"].tolist() == ["bandwidth", "compute"]


def test_a_framework_named_as_a_column_of_ours_keeps_its_own():
    data = pd.DataFrame([record(framework=name) for name in ("model", "limited by", "f")])
    table = roofline.by_framework(roofline.limits(data, CEILINGS))
    assert table.columns.is_unique and {"model (in the results)", "limited by (in the results)", "f"} < set(table)


def test_data_sheets_stand_by_precision_with_their_source():
    table = roofline.data_sheets(CEILINGS.assign(source="published: maker@1"))
    assert table.to_dict("records") == [{"device": "D", "float32": pytest.approx(0.9), "bandwidth_gb_s": 100.0, "source": "maker@1"}]


@pytest.mark.parametrize("table", [lambda: roofline.by_framework(roofline.limits(pd.DataFrame([record(device="E")]), CEILINGS)),
                                   lambda: roofline.data_sheets(CEILINGS.assign(tflops=math.nan))])  # fmt: skip
def test_a_table_of_nothing_says_so(table):
    with pytest.raises(Nothing, match="nothing to show here: no result"):
        table()
