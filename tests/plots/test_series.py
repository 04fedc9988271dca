"""What a series or a row is called: only what tells it apart, as short as an axis and a legend allow."""

import pandas as pd
import pytest
from bokeh.models import Legend
from plot_frames import HOST, MEASURED, frame, largest, legend_labels, rows, scatters

from dlmark import plot
from dlmark.plots import marks


def test_series_of_one_device_are_told_apart_by_what_differs():
    old, new = rows(framework_version="1.8.0"), rows(framework_version="1.9.1")
    legend = next(iter(plot.batch_size_vs_throughput(frame(old, new)).select({"type": Legend})))
    assert [item.label.value for item in legend.items] == ["VGG-16, 1.8.0", "VGG-16, 1.9.1"]


@pytest.mark.parametrize("fields, labels", [
    ({"threads": [1, 8]}, ["1", "8"]),
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


def test_a_longer_legend_takes_nothing_from_the_rows():
    one, three = (plot.max_batch_size(frame(*(largest(device=f"device {n}") for n in range(number)))) for number in (1, 3))
    assert three.height - one.height >= 2 * 20


def test_many_series_have_looks_of_their_own():
    figure = plot.batch_size_vs_throughput(frame(*(rows(threads=number) for number in range(1, 29))))
    assert len({(r.glyph.line_color, r.glyph.marker) for r in scatters(figure)}) == 28


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
