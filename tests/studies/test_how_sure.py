"""What the study shows follows from its rows."""

import math
import random

import pandas as pd
import pytest

from dlmark.measure import rounds
from dlmark.results.nothing import Nothing, NothingToDraw
from studies.how_sure import analysis as how_sure


def row(method, repetition, throughput, *, model="A", batch_size=1, spent_s=1.0, condition="nothing else", **fields):
    return {"method": method, "repetition": repetition, "throughput": throughput, "model": model, "batch_size": batch_size,
            "spent_s": spent_s, "condition": condition, **fields}  # fmt: skip


def ours(repetition, first, second, **fields):
    """A settled record of two rounds of steady blocks."""
    noise = [1.0, 1.001, 0.999, 1.002, 0.998, 1.0]
    times = [first * n for n in noise] + [second * n for n in noise]
    record = row("dlmark", repetition, None, source="measured", status="ok", block_times_s=times, round_blocks=[6, 6], calls_per_block=1, **fields)
    return rounds.settle([record])[0]


COSTS = pd.DataFrame([
    row("dlmark", 1, 100.0), row("dlmark", 2, 101.0), row("dlmark", 1, 50.0, batch_size=2), row("dlmark", 2, 50.0, batch_size=2),
    row("loop", 1, 110.0, spent_s=9.0), row("loop", 2, 121.0, spent_s=9.0), row("loop", 1, 55.0, batch_size=2, spent_s=3.0),
    row("loop", 2, 55.0, batch_size=2, spent_s=3.0), row("dlmark", 1, 10.0, condition="busy"),
])  # fmt: skip


def test_a_repetition_costs_the_seconds_of_all_its_points():
    table = how_sure.cost_and_spread(COSTS)
    assert table["seconds"].to_dict() == {"dlmark": 2.0, "loop": 12.0} and set(table["repetitions"]) == {2}


def test_spread_is_that_between_repetitions_of_one_point():
    table = how_sure.cost_and_spread(COSTS)
    deviation = math.log(1.1) / math.sqrt(2)
    assert table.loc["loop", "spread"] == pytest.approx(math.sqrt(deviation**2 / 2))
    assert table.loc["loop", "worst"] == pytest.approx(0.1)


def test_the_difference_is_against_dlmark():
    table = how_sure.cost_and_spread(COSTS)
    assert table.loc["dlmark", "against_dlmark"] == 0 and table.loc["loop", "against_dlmark"] == pytest.approx(0.124, abs=0.02)


def test_how_much_cheaper_is_told_by_batch_size_and_over_all():
    times = how_sure.times_cheaper(COSTS, "loop")
    assert times.to_dict() == {1: 9.0, 2: 3.0, "all": 6.0}


def test_a_second_repetition_inside_the_interval_is_counted_both_ways():
    held = how_sure.held(pd.DataFrame([ours(1, 1.0, 1.02), ours(2, 1.01, 1.0)])).set_index("interval")
    assert set(held["pairs"]) == {2}
    assert held.loc["dlmark's: two rounds, all points", "inside"] == 1.0
    assert held.loc["one process, 1.96 standard errors", "inside"] == 0.0


def test_intervals_that_hold_by_construction_hold_here():
    draw = random.Random(1)
    records = [ours(k, math.exp(draw.gauss(0, 0.02)), math.exp(draw.gauss(0, 0.02)), model=f"M{m}") for k in (1, 2, 3) for m in range(20)]
    settled = [record for k in (1, 2, 3) for record in rounds.settle([r for r in records if r["repetition"] == k])]
    inside = how_sure.held(pd.DataFrame(settled)).set_index("interval")["inside"]
    assert inside["dlmark's: two rounds, all points"] >= 0.85 > 0.3 > inside["one process, 1.96 standard errors"]


def test_a_single_repetition_has_nothing_to_be_held_against():
    assert how_sure.held(pd.DataFrame([ours(1, 1.0, 1.02)])).empty


def test_the_verdicts_stand_by_network_and_batch_size():
    quiet = [ours(1, 1.0, 1.001, model=m, batch_size=b, condition="a") for m in "AB" for b in (1, 2)]
    slow = [ours(1, 1.3 if m == "A" else 1.0, 1.301 if m == "A" else 1.001, model=m, batch_size=b, condition="b") for m in "AB" for b in (1, 2)]
    table = how_sure.verdicts(pd.DataFrame(rounds.settle(quiet)), pd.DataFrame(rounds.settle(slow)))
    assert list(table.columns) == ["batch 1", "batch 2", "all batch sizes"]
    assert all(text.startswith("SLOWER -23.") for text in table.loc["A"]) and all(text.startswith("SAME +0.0%") for text in table.loc["B"])


def test_the_plots_draw_a_mark_for_each_row():
    data = pd.DataFrame([ours(k, 1.0, 1.01, model=m) for k in (1, 2, 3) for m in "AB"])
    plot = how_sure.repeated(data, "Quiet")
    assert len(plot.renderers[-1].data_source.data["x"]) == 6 and list(plot.y_range.factors) == ["B, 1", "A, 1"]
    cost = how_sure.seconds_and_spread(how_sure.cost_and_spread(COSTS))
    assert list(cost.renderers[0].data_source.data["method"]) == ["dlmark", "loop"]


@pytest.mark.parametrize(
    "draw", [lambda: how_sure.repeated(COSTS.iloc[:0], "x"), lambda: how_sure.seconds_and_spread(how_sure.cost_and_spread(COSTS.iloc[[0]]))]
)
def test_nothing_to_draw_is_said(draw):
    with pytest.raises(ValueError, match="nothing to draw"):
        draw()


def test_a_row_that_does_not_say_what_it_is_is_left_out():
    for name in ("batch_size", "method", "condition", "repetition", "throughput"):
        lacking = pd.concat([COSTS, COSTS.iloc[:1].assign(**{name: None})]).astype({"throughput": float})
        assert how_sure.cost_and_spread(lacking).equals(how_sure.cost_and_spread(COSTS))
        assert how_sure.times_cheaper(lacking, "loop").equals(how_sure.times_cheaper(COSTS, "loop"))


def test_a_batch_size_stays_a_whole_number_beside_one_that_is_missing():
    data = pd.DataFrame([ours(k, 1.0, 1.01, model="A") for k in (1, 2)])
    lacking = pd.concat([data, data.iloc[:1].assign(batch_size=None)], ignore_index=True)
    assert list(how_sure.repeated(lacking, "x").y_range.factors) == ["A, 1"]
    assert list(how_sure.verdicts(lacking.iloc[:2], lacking.iloc[:2]).columns) == ["batch 1", "all batch sizes"]


def test_a_repetition_without_an_interval_is_a_mark_without_a_bar():
    data = pd.DataFrame([ours(k, 1.0, 1.01) for k in (1, 2)]).assign(throughput_half_width=[None, 0.1])
    source = how_sure.repeated(data, "x").renderers[-1].data_source.data
    assert source["interval"][0] == "—" and source["low"][0] == source["high"][0] == source["x"][0]


@pytest.mark.parametrize("seconds", [0.0, None])
def test_without_seconds_no_cost_is_told(seconds):
    free = COSTS.assign(spent_s=seconds).astype({"spent_s": float})
    with pytest.raises(NothingToDraw, match="no method has its seconds"):
        how_sure.seconds_and_spread(how_sure.cost_and_spread(free))
    with pytest.raises(Nothing, match="the seconds of both dlmark and loop"):
        how_sure.times_cheaper(free, "loop")


def test_methods_that_never_differ_have_an_axis_all_the_same():
    plot = how_sure.seconds_and_spread(how_sure.cost_and_spread(COSTS.assign(throughput=50.0)))
    assert plot.y_range.end > plot.y_range.start


def test_rows_are_found_by_the_start_of_their_condition():
    assert len(how_sure.under(COSTS, "nothing")) == 8
    with pytest.raises(Nothing, match="under the condition a storm"):
        how_sure.under(COSTS.assign(condition=None), "a storm")


@pytest.mark.parametrize("times, rounds_of", [([0.0, 1.0, 1.0], [3]), ([1.0], [1]), ([1.0, 1.0], [1, 1])])
def test_blocks_that_tell_no_interval_are_no_failure(times, rounds_of):
    rows = [{**ours(k, 1.0, 1.0), "block_times_s": times, "round_blocks": rounds_of, "contended_blocks": []} for k in (1, 2)]
    how_sure.held(pd.DataFrame(rows))
