"""Plots: what they draw, what they tell, and what a wrong frame gets."""

import pandas as pd
import pytest
from bokeh.models import ColumnDataSource, GlyphRenderer, HoverTool, Legend, Scatter, Segment

from dlmark import plot, style

MEASURED = {"device": "CPU, 2 threads", "framework": "mxnet", "framework_version": "1.9.1", "precision": "float32", "mode": "hybridized",
            "source": "measured", "status": "ok"}  # fmt: skip
PUBLISHED = {**MEASURED, "device": "Tesla K80", "source": "published: apache/mxnet@dbc3b341:perf.md"}


def rows(model="VGG-16", base=MEASURED, sizes=(1, 2, 4), **fields):
    return [{**base, "model": model, "batch_size": b, "throughput": 10.0 * b, "throughput_half_width": 1.0 * b, "device_mem": 50.0 * b,
             **fields} for b in sizes]  # fmt: skip


def frame(*parts):
    return pd.DataFrame([row for part in parts for row in part])


def scatters(figure):
    return [r for r in figure.select({"type": GlyphRenderer}) if isinstance(r.glyph, Scatter)]


def every_plot(data):
    joined = data.assign(accuracy=0.7)
    return [plot.batch_size_vs_throughput(data), plot.batch_size_vs_throughput_grid(data, data["model"].unique()), plot.max_batch_size(data),
            plot.throughput_vs_device(data), plot.throughput_vs_accuracy(joined)]  # fmt: skip


FUNCTIONS = [plot.batch_size_vs_throughput, plot.max_batch_size, plot.throughput_vs_device, plot.throughput_vs_accuracy,
             lambda data: plot.batch_size_vs_throughput_grid(data, ["VGG-16"])]  # fmt: skip


@pytest.mark.parametrize("function", FUNCTIONS)
def test_names_the_missing_column(function):
    with pytest.raises(ValueError, match=r"plot needs column\(s\) \[.*\]; data has \['model'\]"):
        function(pd.DataFrame({"model": ["VGG-16"]}))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_says_that_an_empty_frame_has_nothing_to_draw(function):
    with pytest.raises(ValueError, match="nothing to draw"):
        function(frame(rows()).assign(accuracy=0.7).iloc[:0])


@pytest.mark.parametrize("function", FUNCTIONS)
def test_says_what_came_instead_of_a_frame(function):
    with pytest.raises(TypeError, match="DataFrame from load_results, got list"):
        function([1, 2])


def test_names_the_networks_where_the_data_have_none_of_them():
    with pytest.raises(ValueError, match="none of the networks .'VGG-17'.*VGG-16"):
        plot.batch_size_vs_throughput_grid(frame(rows()), ["VGG-17"])


def test_the_grid_passes_over_a_network_that_the_data_do_not_have():
    assert len(plot.batch_size_vs_throughput_grid(frame(rows()), ["VGG-17", "VGG-16"]).children) == 1


def test_changes_nothing_in_the_data():
    data = frame(rows(), rows("AlexNet", PUBLISHED))
    before = data.copy(deep=True)
    every_plot(data)
    pd.testing.assert_frame_equal(data, before)


@pytest.mark.parametrize("number", range(5))
def test_every_axis_with_numbers_is_labelled(number):
    figure = every_plot(frame(rows(), rows("AlexNet", PUBLISHED)))[number]
    for part in figure.select({"name": None, "type": plot.figure}):
        assert any(axis.axis_label for axis in part.axis)


def test_published_marks_are_hollow_and_measured_ones_filled():
    hollow = {r.data_source.data["device"][0]: r.glyph.fill_alpha for r in scatters(plot.throughput_vs_device(frame(rows(), rows(base=PUBLISHED))))}
    assert hollow == {"CPU, 2 threads": 1, "Tesla K80": 0}


def test_the_hover_tells_all_that_a_reader_wants():
    hovers = list(plot.batch_size_vs_throughput(frame(rows())).select({"type": HoverTool}))
    told = [label for label, _ in hovers[0].tooltips]
    assert told == ["network", "device", "framework", "precision", "batch", "images/s", "memory", "note", "source"]


def test_the_interval_is_told_and_drawn():
    figure = plot.batch_size_vs_throughput(frame(rows()))
    segments = [r for r in figure.select({"type": GlyphRenderer}) if isinstance(r.glyph, Segment)]
    assert segments[0].data_source.data["_low"] == [9, 18, 36] and segments[0].data_source.data["_high"] == [11, 22, 44]
    assert segments[0].data_source.data["images/s"][0] == "10 ± 1 (95%)"


def test_a_figure_without_an_interval_says_so():
    source = scatters(plot.batch_size_vs_throughput(frame(rows(throughput_half_width=None))))[0].data_source
    assert source.data["images/s"][0] == "10 (no interval given)"


def test_a_point_without_a_number_is_a_cross_that_says_why():
    lost = rows(sizes=(8,), throughput=None, status="out_of_memory", reason="needed 9 GB")
    crosses = [r for r in scatters(plot.batch_size_vs_throughput(frame(rows(), lost))) if r.glyph.marker == "x"]
    assert crosses[0].data_source.data["note"] == ["out of memory; needed 9 GB"]
    assert crosses[0].data_source.data["_y"] == [40]  # at the height of the last number


def test_a_series_without_any_number_still_draws_its_crosses():
    lost = rows(throughput=None, device_mem=None, status="unsupported", reason="no")
    figure = plot.batch_size_vs_throughput(frame(lost))
    assert [r.glyph.marker for r in scatters(figure)] == ["x"]


def test_a_click_on_the_legend_hides_marks_line_and_interval_together():
    figure = plot.batch_size_vs_throughput(frame(rows(), rows("AlexNet")))
    legend = next(iter(figure.select({"type": Legend})))
    assert legend.click_policy == "hide"
    assert {item.label.value: len(item.renderers) for item in legend.items} == {"VGG-16": 3, "AlexNet": 3}


def test_the_legend_lies_outside_the_plot():
    for figure in (plot.batch_size_vs_throughput(frame(rows(), rows("AlexNet"))), plot.throughput_vs_device(frame(rows()))):
        assert any(isinstance(part, Legend) for part in figure.below)


@pytest.mark.parametrize("model, family", [("ResNet-v1-50", "ResNet-v1"), ("SE-ResNet-v1-50", "ResNet-v1"), ("ResNet-v1d-50_0.48", "ResNet-v1"),
                                           ("ResNet-v2-50", "ResNet-v2"), ("mobilenetv2_1.0", "MobileNet"), ("Xception", "other")])  # fmt: skip
def test_knows_the_family_of_a_network(model, family):
    assert style.family(model) == family


def test_families_have_colours_and_marks_of_their_own():
    assert len({colour for colour, _ in style.FAMILIES.values()}) == len({mark for _, mark in style.FAMILIES.values()}) == len(style.FAMILIES)


def test_series_of_one_device_are_told_apart_by_what_differs():
    old, new = rows(framework_version="1.8.0"), rows(framework_version="1.9.1")
    legend = next(iter(plot.batch_size_vs_throughput(frame(old, new)).select({"type": Legend})))
    assert [item.label.value for item in legend.items] == ["VGG-16, 1.8.0", "VGG-16, 1.9.1"]


def test_no_mark_is_drawn_for_a_missing_number():
    figure = plot.throughput_vs_accuracy(frame(rows(), rows("AlexNet", throughput=None)).assign(accuracy=0.7))
    assert {name for r in scatters(figure) for name in r.data_source.data["network"]} == {"VGG-16"}


def test_the_best_of_both_holds_only_what_nothing_beats():
    data = pd.DataFrame({"model": ["AlexNet", "VGG-16", "VGG-11"], "throughput": [100.0, 10.0, 5.0], "accuracy": [0.5, 0.7, 0.6]})
    line = next(r for r in plot.throughput_vs_accuracy(data).renderers if r.glyph.__class__.__name__ == "Line")
    assert sorted(line.data_source.data["x"]) == [10, 100]


def test_plots_a_frame_in_the_old_bare_format():
    data = pd.DataFrame([{"device": "Tesla K80", "model": "VGG-16", "batch_size": b, "throughput": 5.0 * b} for b in (1, 2)])
    for figure in every_plot(data):
        assert all(r.data_source.data["source"][0] == "not stated" for r in scatters(figure))


def test_only_what_is_told_or_drawn_goes_into_the_page():
    for source in plot.throughput_vs_device(frame(rows())).select({"type": ColumnDataSource}):
        assert all(name.startswith("_") or name in style.TOLD for name in source.data)
