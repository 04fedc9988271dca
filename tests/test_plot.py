"""Plots: what they draw, what they tell, and what a wrong frame gets."""

import pandas as pd
import pytest
from bokeh.models import ColumnDataSource, GlyphRenderer, HoverTool, Legend, Scatter, Segment
from bokeh.plotting import figure as Figure

from dlmark import plot
from dlmark.plots import marks, style
from dlmark.results.nothing import Nothing, NothingToDraw

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


def crosses(figure):
    return [r for r in scatters(figure) if r.glyph.marker == "x"]


def legend_labels(figure):
    return [item.label.value for item in next(iter(figure.select({"type": Legend}))).items]


def largest(model="VGG-16", base=MEASURED, **fields):
    return [{**base, "model": model, "batch_size": 64, **fields}]


FAILED = {"throughput": None, "throughput_half_width": None, "device_mem": None, "status": "out_of_memory", "reason": "needed 9 GB"}
HOST = "2-core virtual machine, 24 GB, Linux 6.18.44, no. 70cb47"


def every_plot(data):
    joined = data.assign(accuracy=0.7)
    return [plot.batch_size_vs_throughput(data), plot.batch_size_vs_throughput_grid(data, data["model"].unique()), plot.max_batch_size(data),
            plot.throughput_vs_device(data), plot.throughput_vs_accuracy(joined),
            plot.ranking(data, batch_size=2, device=data.device[0])]  # fmt: skip


FUNCTIONS = [plot.batch_size_vs_throughput, plot.max_batch_size, plot.throughput_vs_device, plot.throughput_vs_accuracy,
             plot.ranking, lambda data: plot.batch_size_vs_throughput_grid(data, ["VGG-16"])]  # fmt: skip


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


A, B = {"grade": "A", "grade_reasons": []}, {"grade": "B", "grade_reasons": ["interval over 1%", "throttled"]}


def looks_by_device(data):
    return {device: (r.glyph.size, r.glyph.fill_alpha) for r in scatters(plot.throughput_vs_device(data)) for device in r.data_source.data["device"]}


LARGE_FILLED, LARGE_HOLLOW, SMALL = (9, 1), (9, 0), (6, 1)


@pytest.mark.parametrize("fields, look", [(A, LARGE_FILLED), (B, LARGE_HOLLOW), ({"grade": "C"}, LARGE_HOLLOW), ({}, LARGE_HOLLOW),
                                          ({**A, **PUBLISHED}, SMALL), ({"source": None}, SMALL)])  # fmt: skip
def test_a_mark_shows_how_far_to_trust_it(fields, look):
    assert set(looks_by_device(frame(rows(**fields))).values()) == {look}


def test_marks_of_one_series_differ_in_trust():
    data = frame(rows(device="A", **A), rows(device="B", **B), rows(base=PUBLISHED))
    assert looks_by_device(data) == {"A": LARGE_FILLED, "B": LARGE_HOLLOW, "Tesla K80": SMALL}


def test_a_largest_batch_has_no_grade_and_is_filled():
    assert {r.glyph.fill_alpha for r in scatters(plot.max_batch_size(frame(largest())))} == {1}


def test_the_hover_tells_all_that_a_reader_wants():
    hovers = list(plot.batch_size_vs_throughput(frame(rows(round_spread=0.01))).select({"type": HoverTool}))
    told = [label for label, _ in hovers[0].tooltips]
    assert told == ["network", "device", "framework", "precision", "batch", "images/s", "rounds", "grade", "memory", "note", "source"]


@pytest.mark.parametrize("fields, text", [(A, "A"), (B, "B: interval over 1%; throttled"), ({}, "none given")])
def test_the_hover_tells_the_grade_and_what_it_misses(fields, text):
    assert scatters(plot.batch_size_vs_throughput(frame(rows(**fields))))[0].data_source.data["grade"] == [text] * 3


def test_the_hover_tells_how_far_the_rounds_are_apart():
    (source,) = (r.data_source for r in scatters(plot.batch_size_vs_throughput(frame(rows(round_spread=0.0123), rows(sizes=(8,))))))
    assert source.data["rounds"] == ["1.2% apart"] * 3 + ["—"]


def test_a_published_mark_has_no_grade_to_tell():
    assert "grade" not in scatters(plot.batch_size_vs_throughput(frame(rows(base=PUBLISHED))))[0].data_source.data


def test_the_interval_is_told_and_drawn():
    figure = plot.batch_size_vs_throughput(frame(rows()))
    segments = [r for r in figure.select({"type": GlyphRenderer}) if isinstance(r.glyph, Segment)]
    assert segments[0].data_source.data["_low"] == [9, 18, 36] and segments[0].data_source.data["_high"] == [11, 22, 44]
    assert segments[0].data_source.data["images/s"][0] == "10 ± 1 (95%)"


def test_a_figure_without_an_interval_says_so():
    source = scatters(plot.batch_size_vs_throughput(frame(rows(throughput_half_width=None))))[0].data_source
    assert source.data["images/s"][0] == "10 (no interval given)"


def test_a_point_without_a_number_is_a_cross_that_says_why():
    (cross,) = crosses(plot.batch_size_vs_throughput(frame(rows(), rows(sizes=(8,), **FAILED))))
    assert cross.data_source.data["note"] == ["out of memory; needed 9 GB"]
    assert cross.data_source.data["_y"] == [40]  # at the height of the last number


def test_a_cross_tells_no_number_of_its_neighbours():
    (cross,) = crosses(plot.batch_size_vs_throughput(frame(rows(), rows(sizes=(8,), **FAILED))))
    assert cross.data_source.data["images/s"] == ["—"]


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


def test_an_axis_of_batch_sizes_passes_over_a_missing_one():
    figure = plot.batch_size_vs_throughput(frame(rows()))
    style.batch_axis(figure.xaxis[0], [4, None, float("nan"), 1])
    assert figure.xaxis[0].ticker.ticks == [1, 4]


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


@pytest.mark.parametrize("fields, labels", [
    ({"threads": [1, 8]}, ["1", "8"]),
    ({"workload": ["inference", "training"]}, ["inference", "training"]),
    ({"input_shape": [[3, 224, 224], [3, 299, 299]]}, ["3x224x224", "3x299x299"]),
    ({"published_date": ["2018-04-30", "2019-03-14"]}, ["2018-04-30", "2019-03-14"]),
    ({"source": ["published: a/b@1:x.md", "published: a/b@2:x.md"]}, ["a/b@1", "a/b@2"]),
    ({"source": ["published: a/b@1:x.md", "published: a/b@1:y.md"]}, ["published: a/b@1:x.md", "published: a/b@1:y.md"]),
    ({"source": ["measured", None]}, ["measured", "not stated"]),
    ({"source": ["measured", "published: a/b@1:x.md"], "published_date": [None, "2018-04-30"]}, ["measured", "2018-04-30"]),
    ({"host": [HOST, HOST.replace("70cb47", "11aa22")]}, ["no. 70cb47", "no. 11aa22"]),
    ({"host": ["a, 8 GB", "b, 8 GB"]}, ["a, 8 GB", "b, 8 GB"]),
])  # fmt: skip
def test_no_line_joins_what_differs_and_its_label_says_in_what(fields, labels):
    first, second = ({name: values[place] for name, values in fields.items()} for place in (0, 1))
    data = pd.concat([frame(rows()).assign(**{name: [value] * 3 for name, value in part.items()}) for part in (first, second)])
    assert legend_labels(plot.batch_size_vs_throughput(data)) == [f"VGG-16, {label}" for label in labels]


def test_whole_numbers_are_told_apart_whatever_their_column_holds():
    data = frame(rows(threads=1), rows(threads=8))
    for column in (data["threads"].astype("int64"), data["threads"].astype("float64"), data["threads"].astype(object)):
        assert legend_labels(plot.batch_size_vs_throughput(data.assign(threads=column))) == ["VGG-16, 1", "VGG-16, 8"]


def test_the_largest_batches_of_two_input_shapes_share_a_series_but_not_a_row():
    data = frame(largest(input_shape=[3, 224, 224]), largest(input_shape=[3, 299, 299]), largest("AlexNet", input_shape=[3, 224, 224]))
    figure = plot.max_batch_size(data)
    assert set(figure.y_range.factors) == {"AlexNet", "VGG-16, 3x224x224", "VGG-16, 3x299x299"}
    assert legend_labels(figure) == ["CPU, 2 threads"]


def test_a_host_on_an_axis_is_only_its_number():
    figure = plot.throughput_vs_device(frame(rows(host=HOST), rows(host=HOST.replace("70cb47", "11aa22"))))
    assert set(figure.y_range.factors) == {"CPU, 2 threads, no. 70cb47", "CPU, 2 threads, no. 11aa22"}


def test_a_long_name_on_an_axis_is_cut_in_the_middle_and_stays_its_own():
    names = [f"A very long name of an accelerator, {number} of several, with 80 GB" for number in range(3)]
    for figure in (plot.throughput_vs_device(frame(*(rows(device=name) for name in names))), plot.max_batch_size(frame(*map(largest, names)))):
        factors = figure.y_range.factors
        assert len(set(factors)) == 3 and all(len(text) <= 32 and "…" in text for text in factors)


def test_a_cut_name_keeps_its_whole_text_in_the_hover():
    name = "A very long name of an accelerator with 80 GB"
    assert scatters(plot.throughput_vs_device(frame(rows(device=name))))[0].data_source.data["device"][0] == name


def test_a_name_that_fits_is_left_as_it_is():
    assert style.fitted(["Tesla V100-SXM2-16GB, float16"]) == {"Tesla V100-SXM2-16GB, float16": "Tesla V100-SXM2-16GB, float16"}


def test_a_long_name_loses_first_what_nobody_says():
    names = ["Intel(R) Xeon(R) Processor, 2 threads", "Intel(R) Xeon(R) CPU, 2 threads"]
    assert style.fitted(names, 30) == dict(zip(names, ["Intel Xeon, 2 threads", "Intel Xeon, 2 threads (2)"]))


def test_a_longer_legend_takes_nothing_from_the_rows():
    one, three = (plot.max_batch_size(frame(*(largest(device=f"device {n}") for n in range(number)))) for number in (1, 3))
    assert three.height - one.height >= 2 * 20


def test_many_series_have_looks_of_their_own():
    figure = plot.batch_size_vs_throughput(frame(*(rows(threads=number) for number in range(1, 29))))
    assert len({(r.glyph.line_color, r.glyph.marker) for r in scatters(figure)}) == 28


def test_no_mark_is_drawn_for_a_missing_number():
    figure = plot.throughput_vs_accuracy(frame(rows(), rows("AlexNet", throughput=None)).assign(accuracy=0.7))
    assert {name for r in scatters(figure) for name in r.data_source.data["network"]} == {"VGG-16"}


def test_the_best_of_both_holds_only_what_nothing_beats():
    data = pd.DataFrame({"model": ["AlexNet", "VGG-16", "VGG-11"], "throughput": [100.0, 10.0, 5.0], "accuracy": [0.5, 0.7, 0.6]})
    line = next(r for r in plot.throughput_vs_accuracy(data).renderers if r.glyph.__class__.__name__ == "Line")
    assert sorted(line.data_source.data["x"]) == [10, 100]


def test_an_accuracy_that_nobody_knows_is_a_dash():
    (source,) = (r.data_source for r in scatters(plot.batch_size_vs_throughput(frame(rows()).assign(accuracy=[0.7, None, 0.8]))))
    assert source.data["accuracy"] == ["70.00% top-1", "—", "80.00% top-1"]
    assert "accuracy" not in scatters(plot.batch_size_vs_throughput(frame(rows()).assign(accuracy=None)))[0].data_source.data


def test_fields_that_no_record_has_change_no_plot():
    data = frame(rows(), rows("AlexNet", PUBLISHED))
    told = [sorted(str(r.data_source.data) for r in scatters(figure)) for figure in every_plot(data)]
    bare = data.assign(memory_limit_mb=float("nan"), accuracy_top5=float("nan"), flags=None, reason=None, host=None, published_date=None)
    assert [sorted(str(r.data_source.data) for r in scatters(figure)) for figure in every_plot(bare)] == told


@pytest.mark.parametrize("function", [plot.throughput_vs_device, plot.max_batch_size, lambda data: plot.ranking(data, batch_size=1, device="D")])
def test_of_more_rows_than_anyone_reads_the_first_are_drawn_and_the_title_says_so(function):
    data = pd.DataFrame([{**MEASURED, "device": "D", "threads": n, "model": f"net {n}", "batch_size": 1 + n % 2, "throughput": 1.0 + n} for n in range(400)])
    figure = function(data)
    assert len(figure.y_range.factors) == marks.MOST_ROWS and f"the first {marks.MOST_ROWS} of " in figure.title.text
    drawn = {factor if isinstance(factor, str) else factor[0] for r in scatters(figure) for factor in r.data_source.data["_y"]}
    assert drawn == set(figure.y_range.factors) and figure.height < 10_000


def test_a_legend_that_nobody_would_read_takes_no_room():
    figure = plot.batch_size_vs_throughput(frame(*(rows(threads=number) for number in range(1, 70))))
    assert not figure.legend[0].visible and figure.height < 1_000


def test_ticks_of_a_wide_range_have_room_beside_each_other():
    figure = plot.throughput_vs_device(frame(rows(throughput=1e-9, sizes=(1,)), rows(throughput=1e15, sizes=(2,))))
    assert 2 <= len(figure.xaxis[0].ticker.ticks) <= 3


def test_plots_a_frame_in_the_old_bare_format():
    data = pd.DataFrame([{"device": "Tesla K80", "model": "VGG-16", "batch_size": b, "throughput": 5.0 * b} for b in (1, 2)])
    for figure in every_plot(data):
        assert all(r.data_source.data["source"][0] == "not stated" for r in scatters(figure))


def test_only_what_is_told_or_drawn_goes_into_the_page():
    for source in plot.throughput_vs_device(frame(rows())).select({"type": ColumnDataSource}):
        assert all(name.startswith("_") or name in style.TOLD for name in source.data)
