"""What a mark looks like and tells: how far to trust it, and all that a reader wants to know."""

import pytest
from bokeh.models import ColumnDataSource, GlyphRenderer, HoverTool, Segment
from plot_frames import FAILED, PUBLISHED, crosses, frame, largest, rows, scatters

from dlmark import plot
from dlmark.plots import style

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
    assert told == ["network", "device", "framework", "precision", "batch", "throughput", "rounds", "grade", "memory", "note", "source"]


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
    assert segments[0].data_source.data["throughput"][0] == "10.00 ± 1.0 images/s (95%)"


def test_a_figure_without_an_interval_says_so():
    source = scatters(plot.batch_size_vs_throughput(frame(rows(throughput_half_width=None))))[0].data_source
    assert source.data["throughput"][0] == "10.00 images/s (no interval given)"


def test_a_cross_tells_no_number_of_its_neighbours():
    (cross,) = crosses(plot.batch_size_vs_throughput(frame(rows(), rows(sizes=(8,), **FAILED))))
    assert cross.data_source.data["throughput"] == ["—"]


def test_an_axis_of_batch_sizes_passes_over_a_missing_one():
    figure = plot.batch_size_vs_throughput(frame(rows()))
    style.batch_axis(figure.xaxis[0], [4, None, float("nan"), 1])
    assert figure.xaxis[0].ticker.ticks == [1, 4]


@pytest.mark.parametrize("model, family", [("ResNet-v1-50", "ResNet-v1"), ("SE-ResNet-v1-50", "ResNet-v1"), ("ResNet-v1d-50_0.48", "ResNet-v1"),
                                           ("ResNet-v2-50", "ResNet-v2"), ("mobilenetv2_1.0", "MobileNet"), ("Xception", "other")])  # fmt: skip
def test_knows_the_family_of_a_network(model, family):
    assert style.family(model) == family


def test_families_have_colours_and_marks_of_their_own():
    assert len({colour for colour, _ in style.FAMILIES.values()}) == len({mark for _, mark in style.FAMILIES.values()}) == len(style.FAMILIES)


def test_a_name_that_fits_is_left_as_it_is():
    assert style.fitted(["Tesla V100-SXM2-16GB, float16"]) == {"Tesla V100-SXM2-16GB, float16": "Tesla V100-SXM2-16GB, float16"}


def test_a_long_name_loses_first_what_nobody_says():
    names = ["Intel(R) Xeon(R) Processor, 2 threads", "Intel(R) Xeon(R) CPU, 2 threads"]
    assert style.fitted(names, 30) == dict(zip(names, ["Intel Xeon, 2 threads", "Intel Xeon, 2 threads (2)"]))


def test_an_accuracy_that_nobody_knows_is_a_dash():
    (source,) = (r.data_source for r in scatters(plot.batch_size_vs_throughput(frame(rows()).assign(accuracy=[0.7, None, 0.8]))))
    assert source.data["accuracy"] == ["70.00% top-1", "—", "80.00% top-1"]
    assert "accuracy" not in scatters(plot.batch_size_vs_throughput(frame(rows()).assign(accuracy=None)))[0].data_source.data


def test_only_what_is_told_or_drawn_goes_into_the_page():
    for source in plot.throughput_vs_device(frame(rows())).select({"type": ColumnDataSource}):
        assert all(name.startswith("_") or name in style.TOLD for name in source.data)


def test_a_cut_name_keeps_its_whole_text_in_the_hover():
    name = "A very long name of an accelerator with 80 GB"
    assert scatters(plot.throughput_vs_device(frame(rows(device=name))))[0].data_source.data["device"][0] == name
