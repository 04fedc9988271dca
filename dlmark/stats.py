"""The statistics of a measurement: how sure a median is, within one process and from one measurement to the next.

Two intervals, for two questions. `median_interval` says how well one series of block times fixes its own median; it decides
when to stop. `repeat_half_widths` says how far a second measurement may fall from the first; it is what is published. They
differ, because processes differ by more than the blocks of either show.
"""

import math
from collections.abc import Sequence
from statistics import mean, median, stdev, variance

MIN_BLOCKS = 6  # the fewest independent values whose extremes hold the median with 95% confidence
OUTLIER_Z = 14.8
# Two-sided 95% quantiles of Student's t by degrees of freedom; between them 1/df is interpolated (within 0.1%).
T_95 = {1: 12.706, 2: 4.3027, 3: 3.1824, 4: 2.7764, 5: 2.5706, 6: 2.4469, 7: 2.3646, 8: 2.3060, 9: 2.2622, 10: 2.2281,
        12: 2.1788, 15: 2.1314, 20: 2.0860, 30: 2.0423, 60: 2.0003, 120: 1.9799, math.inf: 1.9600}  # fmt: skip


def median_interval(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float]:
    """Interval of the median of one stationary series, by order statistics, with no assumption on the distribution.

    The two order statistics next to `confidence` on either side are interpolated between (Hettmansperger and Sheather,
    Confidence intervals based on interpolated order statistics, Statistics & Probability Letters 4, 1986), for as many
    independent values as the series is worth. Infinite where that is under 6. Covers in 93 to 97% of cases: independent
    values from 6 on, those with a lag-1 correlation of 0.6 from 100 on, of 0.9 from 600 on.
    """
    ordered, n = sorted(values), len(values)
    worth = max(1, int(n / autocorrelation_time(values)))
    below, covers, next_covers = 0, 1.0, 1 - 2 / 2**worth  # of the extremes, and then of one rank further in on both sides
    while next_covers >= confidence:
        below += 1
        covers, next_covers = next_covers, next_covers - 2 * math.comb(worth, below) / 2**worth
    if not below:
        return -math.inf, math.inf
    share = (covers - confidence) / (covers - next_covers)
    rank = (below + (worth - below) * share / (below + (worth - 2 * below) * share)) * n / worth
    return _at_rank(ordered, rank), _at_rank(ordered, n + 1 - rank)


def _at_rank(ordered: Sequence[float], rank: float) -> float:
    """The value at a rank from 1 on; between two ranks the mean of both, weighted."""
    below, share = int(rank), rank % 1
    return ordered[below - 1] * (1 - share) + (ordered[below] * share if share else 0.0)


def half_width(values: Sequence[float]) -> float:
    """The larger distance from the median to an end of its 95% interval, as a share of the median."""
    low, high = median_interval(values)
    return max(high - median(values), median(values) - low) / median(values)


def autocorrelation_time(values: Sequence[float]) -> float:
    """How many values of the series are worth one independent value, for its median; at least 1.

    From the correlations of the signs about the median, which are what the median's variance depends on, summed in pairs
    until a pair is no longer positive (Geyer, Practical Markov Chain Monte Carlo, Statistical Science 7, 1992). In series of
    a few hundred values that sum ends too early; times 1.5 the intervals cover as often as they should.
    """
    middle, n = median(values), len(values)
    slack = abs(middle) * 1e-9  # what lies so close to the median differs by the clock's rounding only
    signs = [(value > middle + slack) - (value < middle - slack) for value in values]
    total = sum(sign * sign for sign in signs)

    def products(lag: int) -> int:
        return sum(a * b for a, b in zip(signs, signs[lag:]))

    time, lag = 1.0, 1
    while lag + 1 < n and total and (pair := products(lag) + products(lag + 1)) > 0:
        time, lag = time + 1.5 * 2 * pair / total, lag + 2
    return min(time, float(n))


def standard_error(values: Sequence[float]) -> float:
    """Standard error of the logarithm of a series' median: that of a mean, times 1.2533, for correlated values."""
    if len(values) < 2:
        return 0.0
    return 1.2533 * stdev(values) / median(values) * math.sqrt(autocorrelation_time(values) / len(values))


def repeat_half_widths(points: Sequence[Sequence[Sequence[float]]]) -> list[float]:
    """For each point the 95% half-width, in logarithms, of where a second measurement of the same kind will fall.

    A point is a list of rounds, a round the block times of one process; all points were measured on one device. A
    round's median varies with the noise within it, which its own blocks show, and with what changes from process to
    process, which only the rounds' differences show. Two rounds of one point say little of that, but all points together say
    enough: the between-process variance is their common one, by the method of moments (DerSimonian and Laird, Controlled
    Clinical Trials 7, 1986), and Student's t counts all the pairs behind it. The factor sqrt(2) is there because the second
    measurement varies as much as the first. Never less than the difference between a point's own rounds.

    Without any point of two rounds only the noise within a process is known; the half-width is then too small.
    """
    within = _halfway_to_mean([mean(standard_error(blocks) ** 2 for blocks in rounds) for rounds in points])
    medians = [[math.log(median(blocks)) for blocks in rounds] for rounds in points]
    repeated = [number for number, rounds in enumerate(points) if len(rounds) > 1]
    degrees = sum(len(points[number]) - 1 for number in repeated)
    seen = sum(variance(medians[number]) * (len(points[number]) - 1) for number in repeated) / max(1, degrees)
    expected = sum(within[number] * (len(points[number]) - 1) for number in repeated) / max(1, degrees)
    # More than the blocks explain comes from the processes; less means that the blocks' own errors are too large.
    between, scale = max(0.0, seen - expected), min(1.0, seen / expected) if degrees and expected else 1.0
    return [
        max(t_95(degrees or math.inf) * math.sqrt(2 * (between + scale * own) / len(logs)), max(logs) - min(logs))
        for own, logs in zip(within, medians)
    ]


def _halfway_to_mean(values: list[float]) -> list[float]:
    """Each value drawn half of the way to the mean of all: a few blocks give only a rough error of their own."""
    middle = mean(values) if values else 0.0
    return [(value + middle) / 2 for value in values]


def t_95(degrees: float) -> float:
    """Student's t: 95% of its values lie within plus and minus this."""
    above = min(d for d in T_95 if d >= degrees)
    below = max(d for d in T_95 if d <= degrees)
    if above == below:
        return T_95[below]
    share = (1 / below - 1 / degrees) / (1 / below - 1 / above)
    return T_95[below] + share * (T_95[above] - T_95[below])


def percentile(values: Sequence[float], share: float) -> float:
    """The value under which `share` of the values lie (nearest rank)."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def outliers(values: Sequence[float]) -> int:
    """How many values have a modified z-score over 14.8 (Iglewicz and Hoaglin, 1993; hyperfine's limit)."""
    middle = median(values)
    spread = median(abs(value - middle) for value in values)
    return sum(0.6745 * abs(value - middle) > OUTLIER_Z * spread for value in values) if spread else 0
