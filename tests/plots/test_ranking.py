"""Ties: where intervals overlap no plot says that one is the faster."""

import pandas as pd
import pytest
from bokeh.models import GlyphRenderer, Segment
from plot_frames import FAILED, PUBLISHED, crosses, frame, rows, scatters

from dlmark import plot
from dlmark.plots import style


def nets(*throughputs, half_width=1.0, **fields):
    """A network for each throughput, at batch size 8 on one device."""
    return frame(*(rows(f"net {n}", sizes=(8,), throughput=t, throughput_half_width=half_width, **fields) for n, t in enumerate(throughputs, start=1)))


def told(figure, name):
    return {network: text for r in scatters(figure) for network, text in zip(r.data_source.data["network"], r.data_source.data.get(name, []))}


def rank_names(figure):
    """The texts of the rows from top to bottom."""
    return list(reversed(figure.y_range.factors))


def line_of(figure):
    return next(r.data_source.data for r in figure.renderers if r.glyph.__class__.__name__ == "Line")


def test_overlapping_intervals_are_a_tie_and_others_are_not():
    ties = told(plot.ranking(nets(100.0, 90.0, 89.0, 80.0)), "tie with")
    assert ties == {"net 1": "none", "net 2": "net 3", "net 3": "net 2", "net 4": "none"}


def test_a_tie_names_the_five_closest_and_counts_the_rest():
    ties = told(plot.ranking(nets(*(100 + n / 10 for n in range(9)))), "tie with")
    assert ties["net 1"] == "net 2, net 3, net 4, net 5, net 6 and 3 more" and ties["net 5"].startswith("net ")


def test_where_nothing_ties_the_hover_says_nothing_of_it():
    assert not told(plot.ranking(nets(100.0, 90.0)), "tie with")


def test_devices_tie_at_one_batch_size_only():
    data = frame(rows(device="old"), rows(device="new"), rows(device="new", sizes=(64,), throughput=20.0))
    sources = [r.data_source.data for r in scatters(plot.throughput_vs_device(data))]
    ties = {(device, batch): tie for s in sources for device, batch, tie in zip(s["device"], s["batch"], s.get("tie with", ["—"] * 9))}
    assert ties[("old", "2")] == "new" and ties[("new", "2")] == "old" and ties[("new", "64")] == "—"


def test_networks_tie_on_one_device_only():
    data = pd.concat([nets(100.0, 99.5), nets(100.0, device="other")]).assign(accuracy=0.7)
    names = [text for r in scatters(plot.throughput_vs_accuracy(data)) for text in r.data_source.data["tie with"]]
    assert sorted(names) == ["net 1", "net 2", "none"]


@pytest.mark.parametrize("throughputs, ranks", [
    ([100.0, 90.0, 89.0, 80.0], ["1", "2=", "2=", "4"]),
    ([100.0, 98.5, 97.0], ["1=", "1=", "2="]),
    ([100.0, 90.0], ["1", "2"]),
    ([100.0, 100.0], ["1=", "1="]),
])  # fmt: skip
def test_a_tie_shares_a_rank(throughputs, ranks):
    figure = plot.ranking(nets(*throughputs))
    assert sorted(text.split("  ")[1] for text in rank_names(figure)) == ranks


def test_a_wide_interval_earns_no_better_rank_than_a_faster_row_has():
    data = nets(100.0, 90.0, 85.0)
    data["throughput_half_width"] = [1.0, 1.0, 20.0]
    assert rank_names(plot.ranking(data)) == ["net 1  1=", "net 2  2=", "net 3  2="]


def test_a_number_without_an_interval_has_no_rank_and_no_tie():
    figure = plot.ranking(nets(100.0, 100.0, half_width=None))
    assert [text.split("  ")[1] for text in rank_names(figure)] == ["–", "–"] and not told(figure, "tie with")


def test_neighbours_that_tie_are_joined():
    figure = plot.ranking(nets(100.0, 90.0, 89.0))
    (joined,) = (r for r in figure.select({"type": GlyphRenderer}) if isinstance(r.glyph, Segment) and r.glyph.line_width == 5)
    assert joined.data_source.data["y0"] == ["net 2  2="] and joined.data_source.data["y1"] == ["net 3  2="]


def test_a_ranking_keeps_its_names_short_and_its_own():
    names = [f"a very long name of a network that is number {n} of three" for n in range(3)]
    figure = plot.ranking(nets(100.0, 90.0, 89.0).assign(model=names))
    assert len(set(figure.y_range.factors)) == 3 and all(len(text) <= style.AXIS_ROOM for text in figure.y_range.factors)


def test_the_ways_to_run_one_network_have_its_name_in_the_title():
    figure = plot.ranking(frame(*(rows(sizes=(8,), throughput=t, framework=name) for name, t in (("jax", 10.0), ("torch", 20.0)))))
    assert [name.split()[0] for name in rank_names(figure)] == ["torch", "jax"] and figure.title.text.splitlines()[1] == "batch size 8, ties are joined"


def test_a_ranking_has_a_row_for_each_record_even_if_nothing_tells_them_apart():
    assert len(plot.ranking(pd.concat([nets(100.0), nets(90.0)])).y_range.factors) == 2


def test_a_ranking_shows_what_failed_last():
    figure = plot.ranking(frame(nets(100.0).to_dict("records"), rows("lost", sizes=(8,), **FAILED)))
    assert rank_names(figure)[-1] == "lost  –" and len(crosses(figure)) == 1


def test_a_ranking_is_of_one_batch_size_and_one_device():
    data = frame(rows(), rows(base=PUBLISHED))
    with pytest.raises(ValueError, match="one device; data has several: choose device= from 'CPU, 2 threads', 'Tesla K80'"):
        plot.ranking(data, batch_size=1)
    with pytest.raises(ValueError, match="no result has the batch size 3; there are 1, 2, 4\\.$"):
        plot.ranking(data, batch_size=3, device="Tesla K80")
    assert plot.ranking(data, batch_size=1, device="Tesla K80").title.text == "Ranking\nbatch size 1, ties are joined\nTesla K80"


def test_the_best_of_both_keeps_the_less_accurate_of_two_that_tie():
    data = nets(100.0, 100.5, 90.0, 50.0).assign(accuracy=[0.5, 0.6, 0.55, 0.7])
    assert line_of(plot.throughput_vs_accuracy(data))["x"] == [50.0, 100.5, 100.0]
    assert line_of(plot.throughput_vs_accuracy(data.drop(columns="throughput_half_width")))["x"] == [50.0, 100.5]


def test_of_two_that_are_equally_accurate_the_clearly_faster_is_the_best():
    data = nets(100.0, 90.0).assign(accuracy=0.7)
    assert line_of(plot.throughput_vs_accuracy(data))["x"] == [100.0]


def test_a_wide_interval_is_shown_whole():
    data = nets(100.0, 90.0, half_width=85.0)
    for axis in (plot.ranking(data).x_range, plot.batch_size_vs_throughput(data).y_range, plot.throughput_vs_accuracy(data.assign(accuracy=0.7)).x_range):
        assert axis.start < 5 and axis.end > 185
