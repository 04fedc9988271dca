"""The statistics are judged by how often they are right, on series whose truth is known."""

import math
import random
from fractions import Fraction
from itertools import accumulate
from statistics import mean, median

import pytest

from dlmark.measure.statistics import MIN_BLOCKS, f_95, half_width, median_interval, outliers, percentile, repeat_half_widths, t_95, variance_of_median


def series(draw, n, correlation=0.0):
    """`n` values around 0 with the given lag-1 correlation."""
    fresh = math.sqrt(1 - correlation**2)
    return list(accumulate((draw.gauss(0, 1) for _ in range(n)), lambda before, new: correlation * before + fresh * new))


# ---- the interval ----


def ups_and_downs(n):
    """1, n, 2, n - 1 …: in this order the values have no correlation to make up for."""
    return [n - k // 2 if k % 2 else 1 + k // 2 for k in range(n)]


@pytest.mark.parametrize("n", range(1, 201))
def test_the_interval_lies_between_the_two_ranks_around_its_confidence(n):
    low, high = median_interval(ups_and_downs(n))

    def coverage(first):  # of the interval from the first-th smallest value to the first-th largest
        return 1 - 2 * sum(Fraction(math.comb(n, k), 2**n) for k in range(first))

    if n < MIN_BLOCKS:
        assert (low, high) == (-math.inf, math.inf) and coverage(1) < Fraction(95, 100)
    else:
        assert low + high == pytest.approx(n + 1)
        assert coverage(int(low)) >= Fraction(95, 100) > coverage(int(low) + 1)


DISTRIBUTIONS = {
    "normal": lambda draw: draw.gauss(0, 1), "lognormal": lambda draw: draw.lognormvariate(0, 1) - 1,
    "exponential": lambda draw: draw.expovariate(1) - math.log(2), "uniform": lambda draw: draw.uniform(-1, 1),
    "heavy tails": lambda draw: draw.gauss(0, 1) / draw.random(), "a second mode": lambda draw: draw.gauss(0, 1) + 5 * (draw.random() < 0.1) - 0.14,
}  # fmt: skip


@pytest.mark.parametrize("name", DISTRIBUTIONS)
@pytest.mark.parametrize("n", [25, 60])
def test_the_interval_covers_the_true_median_as_often_as_it_says(name, n):
    draw = random.Random(3)
    samples = [[DISTRIBUTIONS[name](draw) for _ in range(n)] for _ in range(2_000)]
    assert 0.93 <= mean(low <= 0 <= high for low, high in map(median_interval, samples)) <= 0.97


@pytest.mark.parametrize("correlation, n", [(0.3, 100), (0.5, 100), (0.6, 100), (0.7, 200), (0.8, 300), (0.9, 600)])
def test_it_does_so_for_correlated_values_too(correlation, n):
    draw = random.Random(5)
    intervals = [median_interval(series(draw, n, correlation)) for _ in range(800)]
    assert 0.93 <= mean(low <= 0 <= high for low, high in intervals) <= 0.97


def test_a_short_series_that_is_all_one_drift_has_no_interval():
    assert median_interval([k / 10 for k in range(40)]) == (-math.inf, math.inf)


def test_the_half_width_is_the_larger_distance_as_a_share():
    assert half_width([2.0, 1.0, 2.0, 4.0, 2.0, 2.0]) == pytest.approx(9 / 14)  # 6 values: from 0.36 above the lowest to 3.29


@pytest.mark.parametrize("share, expected", [(0.5, 5), (0.9, 9), (0.99, 10), (0.0, 1), (1.0, 10)])
def test_a_percentile_is_a_value_that_was_measured(share, expected):
    assert percentile([10, 9, 8, 7, 6, 5, 4, 3, 2, 1], share) == expected


@pytest.mark.parametrize("values, found", [([1.0, 1.01, 0.99, 1.0, 1.02, 30.0], 1), ([1.0, 1.01, 0.99, 1.02], 0), ([1.0] * 5, 0)])
def test_outliers_are_far_beyond_the_usual_spread(values, found):
    assert outliers(values) == found


# ---- a second measurement ----

NOISE = {"correlation": 0.0, "shift": 0.0, "blocks": 15, "points": 12, "rounds": 2, "spread": 0.0, "together": 0.0, "sets": 1}
SITUATIONS = {
    "independent blocks": {}, "many points, few blocks": {"points": 40, "blocks": 6},
    "blocks with lag-1 of 0.3": {"correlation": 0.3}, "of 0.6": {"correlation": 0.6, "blocks": 30}, "of 0.9": {"correlation": 0.9, "blocks": 30},
    "processes that differ": {"shift": 0.03}, "and lag-1 of 0.6": {"shift": 0.03, "correlation": 0.6},
    "and of 0.9": {"shift": 0.03, "correlation": 0.9, "blocks": 30}, "three points": {"points": 3, "shift": 0.02},
    "one point": {"points": 1, "shift": 0.02}, "one point, four rounds": {"points": 1, "rounds": 4, "shift": 0.02},
    "three rounds": {"rounds": 3, "shift": 0.02}, "points of different noise": {"spread": 0.5, "shift": 0.02, "correlation": 0.5},
    "three slow blocks": {"blocks": 3, "shift": 0.02}, "twelve rounds": {"rounds": 12, "shift": 0.02},
    "a machine that moves as much as its processes": {"shift": 0.02, "together": 0.02},
    "and more, over four rounds": {"shift": 0.02, "together": 0.04, "rounds": 4},
    "and more, seen by three sets of points": {"shift": 0.02, "together": 0.06, "sets": 3},
    "and more, seen by ten sets of points": {"shift": 0.01, "together": 0.06, "sets": 10},
}  # fmt: skip


def measurement(draw, factors, *, correlation, shift, blocks, rounds, together, **_):
    """For each point its rounds, each with a shift of its own, one that all points share, and a noise of 2% times the point's factor."""
    shared = [draw.gauss(0, together) for _ in range(rounds)]

    def one_round(factor, moved_together):
        moved = math.exp(draw.gauss(0, shift) + moved_together)
        return [moved * (1 + 0.02 * factor * noise) for noise in series(draw, blocks, correlation)]

    return [[one_round(factor, moved_together) for moved_together in shared] for factor in factors]


def centre(rounds):
    return median(math.log(median(times)) for times in rounds)


LONG = ("of 0.6", "of 0.9", "twelve rounds", "one point, four rounds", "and more, over four rounds", "and more, seen by ten sets of points")


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] * (name in LONG)) for name in SITUATIONS])
def test_a_second_measurement_falls_inside_as_often_as_it_should(name):
    draw, situation, inside = random.Random(7), NOISE | SITUATIONS[name], []
    for _ in range(2_400 // situation["points"]):
        factors = [math.exp(draw.gauss(0, situation["spread"])) for _ in range(situation["points"])]
        first, second = (measurement(draw, factors, **situation) for _ in range(2))
        others = [measurement(draw, factors, **situation) for _ in range(situation["sets"] - 1)]
        inside += [abs(centre(b) - centre(a)) <= width for a, b, width in zip(first, second, repeat_half_widths(first, others))]
    assert 0.93 <= mean(inside) <= 0.97


def test_the_width_is_never_less_than_the_difference_between_the_rounds():
    quiet = [[[1.0, 1.001, 0.999] * 3] * 2] * 30
    apart = [[1.0, 1.001, 0.999] * 3, [1.2, 1.201, 1.199] * 3]
    assert repeat_half_widths([*quiet, apart])[-1] >= math.log(1.2) - 1e-9


def test_a_round_more_of_one_point_says_little_of_what_moves_all_points():
    """Two rounds are one observation of the machine, and a third of one point hardly more."""
    draw = random.Random(11)
    rounds = [[[factor * (1 + 0.001 * draw.gauss(0, 1)) for _ in range(12)] for factor in (1.0, 1.03)] for _ in range(12)]
    before = median(repeat_half_widths(rounds))
    rounds[0].append([1.015 + 0.001 * draw.gauss(0, 1) for _ in range(12)])
    assert before > 0.15 and median(repeat_half_widths(rounds)) > 0.6 * before


def test_other_sets_of_points_say_more_of_what_moves_the_machine():
    """Two rounds that are 3% apart in all points take a factor of 12.7; with nine looks more at the machine it is 2.2."""
    draw = random.Random(11)
    sets = [[[[factor * (1 + 0.001 * draw.gauss(0, 1)) for _ in range(12)] for factor in (1.0, 1.03)] for _ in range(12)] for _ in range(10)]
    alone, together = median(repeat_half_widths(sets[0])), median(repeat_half_widths(sets[0], sets[1:]))
    assert alone > 0.15 and together < alone / 5 and together > 0.03


def test_a_round_that_does_not_count_leaves_the_others_in_their_places():
    slow = [[[1.0, 1.001, 0.999] * 3, [1.03, 1.031, 1.029] * 3, [1.0, 1.001, 0.999] * 3] for _ in range(6)]
    without_its_first = [[[], *slow[0][1:]], *slow[1:]]
    whole, less = repeat_half_widths(slow), repeat_half_widths(without_its_first)
    assert less[-1] == pytest.approx(whole[-1], rel=0.25)


def test_one_point_in_one_round_has_the_noise_within_it_alone():
    (width,) = repeat_half_widths([[[1.0, 1.01, 0.99, 1.0, 1.02, 0.98]]])
    assert 0 < width < 0.1


def test_no_points_have_no_widths():
    assert repeat_half_widths([]) == []


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 7, 10, 11, 20])
def test_the_variance_of_a_median_is_that_of_many_medians(n):
    draw = random.Random(1)
    medians = [median(draw.gauss(0, 1) for _ in range(n)) for _ in range(20_000)]
    assert variance_of_median(n) == pytest.approx(mean(value**2 for value in medians), rel=0.05)


@pytest.mark.parametrize("above, below, f", [(1, 11, 4.844), (2, 10, 4.103), (9, 27, 2.250), (9, 99, 1.976), (3, 5, 5.409)])
def test_fishers_f_is_that_of_the_tables(above, below, f):
    assert f_95(above, below) == pytest.approx(f, rel=0.015)


@pytest.mark.parametrize("degrees, t", [(1, 12.706), (2, 4.3027), (7, 2.3646), (11, 2.2010), (25, 2.0595), (171, 1.9739), (math.inf, 1.96)])
def test_students_t_is_that_of_the_tables(degrees, t):
    assert t_95(degrees) == pytest.approx(t, rel=2e-4)
