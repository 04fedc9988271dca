"""Plots: what they draw, and what a wrong frame gets."""

import pandas as pd
import pytest
from bokeh.models import Legend
from bokeh.plotting import figure as Figure
from plot_frames import FAILED, FUNCTIONS, PUBLISHED, crosses, every_plot, frame, largest, rows, scatters

from dlmark import plot
from dlmark.plots import style
from dlmark.results.nothing import Nothing, NothingToDraw


@pytest.mark.parametrize("function", FUNCTIONS)
def test_names_the_missing_column(function):
    with pytest.raises(ValueError, match=r"plot needs column\(s\) \[.*\]; data has \['model'\]"):
        function(pd.DataFrame({"model": ["VGG-16"]}))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_says_that_an_empty_frame_has_nothing_to_draw(function):
    with pytest.raises(ValueError, match="nothing to draw"):
        function(frame(rows()).assign(accuracy=0.7).iloc[:0])


@pytest.mark.parametrize("function", FUNCTIONS)
def test_nothing_to_draw_is_no_mistake_and_a_missing_column_is(function):
    with pytest.raises(NothingToDraw):
        function(frame(rows()).assign(accuracy=0.7).iloc[:0])
    with pytest.raises(ValueError) as mistake:
        function(pd.DataFrame({"model": ["VGG-16"]}))
    assert not isinstance(mistake.value, Nothing)


def test_a_row_with_neither_number_nor_failure_is_nothing_to_draw_over_batch_size():
    with pytest.raises(NothingToDraw, match="no result has a throughput"):
        plot.batch_size_vs_throughput(frame(rows(throughput=None)))


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


@pytest.mark.parametrize("number", range(6))
def test_every_axis_with_numbers_is_labelled(number):
    figure = every_plot(frame(rows(), rows("AlexNet", PUBLISHED)))[number]
    for part in figure.select({"name": None, "type": Figure}):
        assert any(axis.axis_label for axis in part.axis)


def test_a_point_without_a_number_is_a_cross_that_says_why():
    (cross,) = crosses(plot.batch_size_vs_throughput(frame(rows(), rows(sizes=(8,), **FAILED))))
    assert cross.data_source.data["note"] == ["out of memory; needed 9 GB"]
    assert cross.data_source.data["_y"] == [40]  # at the height of the last number


def test_a_click_on_the_legend_hides_the_crosses_too():
    figure = plot.batch_size_vs_throughput(frame(rows(), rows(sizes=(8,), **FAILED), rows("AlexNet")))
    legend = next(iter(figure.select({"type": Legend})))
    assert {item.label.value: len(item.renderers) for item in legend.items} == {"VGG-16": 4, "AlexNet": 3}


def test_a_failed_search_is_a_cross_at_the_left_edge():
    data = frame(largest(), largest("AlexNet", batch_size=512), largest("VGG-19", batch_size=None, status="crashed", reason="exit 9"))
    (cross,) = crosses(plot.max_batch_size(data))
    assert (cross.data_source.data["_x"], cross.data_source.data["_y"]) == ([64], ["VGG-19"])
    assert cross.data_source.data["note"] == ["crashed; exit 9"] and cross.glyph.line_color == style.NO_NUMBER


def test_a_device_where_it_failed_is_a_cross_at_the_left_edge():
    (cross,) = crosses(plot.throughput_vs_device(frame(rows(), rows(base=PUBLISHED, sizes=(64,), **FAILED))))
    assert (cross.data_source.data["_x"], cross.data_source.data["_y"]) == ([10], ["Tesla K80"])
    assert cross.data_source.data["note"] == ["out of memory; needed 9 GB"]


@pytest.mark.parametrize("function", [plot.max_batch_size, plot.throughput_vs_device])
def test_the_left_edge_is_1_where_nothing_is_known(function):
    (cross,) = crosses(function(frame(rows(sizes=(8,), **FAILED))))
    assert cross.data_source.data["_x"] == [1]


def test_a_row_with_neither_number_nor_failure_is_left_out():
    assert list(plot.max_batch_size(frame(largest(), largest("AlexNet", batch_size=None))).y_range.factors) == ["VGG-16"]
    data = frame(rows(), rows(base=PUBLISHED, throughput=None))
    assert list(plot.throughput_vs_device(data).y_range.factors) == ["CPU, 2 threads"]


NEED_BATCH = [function for function in FUNCTIONS if function is not plot.throughput_vs_accuracy]


@pytest.mark.parametrize("function", [function for function in NEED_BATCH if function is not plot.ranking])
@pytest.mark.parametrize("missing", [None, float("nan"), pd.NA])
def test_a_row_without_a_batch_size_is_left_out(function, missing):
    figure = function(frame(rows(), rows(sizes=(1,), batch_size=missing)))
    assert {text for r in scatters(figure) for text in r.data_source.data["batch"]} == {"1", "2", "4"}


@pytest.mark.parametrize("function", NEED_BATCH)
def test_says_that_no_row_has_a_batch_size(function):
    with pytest.raises(ValueError, match="nothing to draw here: no result has a batch size"):
        function(frame(rows(sizes=(1,), batch_size=None)))


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


def test_no_mark_is_drawn_for_a_missing_number():
    figure = plot.throughput_vs_accuracy(frame(rows(), rows("AlexNet", throughput=None)).assign(accuracy=0.7))
    assert {name for r in scatters(figure) for name in r.data_source.data["network"]} == {"VGG-16"}


def test_the_best_of_both_holds_only_what_nothing_beats():
    data = pd.DataFrame({"model": ["AlexNet", "VGG-16", "VGG-11"], "throughput": [100.0, 10.0, 5.0], "accuracy": [0.5, 0.7, 0.6]})
    line = next(r for r in plot.throughput_vs_accuracy(data).renderers if r.glyph.__class__.__name__ == "Line")
    assert sorted(line.data_source.data["x"]) == [10, 100]


def test_fields_that_no_record_has_change_no_plot():
    data = frame(rows(), rows("AlexNet", PUBLISHED))
    told = [sorted(str(r.data_source.data) for r in scatters(figure)) for figure in every_plot(data)]
    bare = data.assign(memory_limit_mb=float("nan"), accuracy_top5=float("nan"), flags=None, reason=None, host=None, published_date=None)
    assert [sorted(str(r.data_source.data) for r in scatters(figure)) for figure in every_plot(bare)] == told


def test_ticks_of_a_wide_range_have_room_beside_each_other():
    figure = plot.throughput_vs_device(frame(rows(throughput=1e-9, sizes=(1,)), rows(throughput=1e15, sizes=(2,))))
    assert 2 <= len(figure.xaxis[0].ticker.ticks) <= 3


def test_plots_a_frame_in_the_old_bare_format():
    data = pd.DataFrame([{"device": "Tesla K80", "model": "VGG-16", "batch_size": b, "throughput": 5.0 * b} for b in (1, 2)])
    for figure in every_plot(data):
        assert all(r.data_source.data["source"][0] == "not stated" for r in scatters(figure))
