"""The statistics of a measurement: how sure a median is, within one process and from one measurement to the next.

Two intervals, for two questions. `median_interval` says how well one series of block times fixes its own median; it decides
when to stop. `repeat_half_widths` says how far a second measurement may fall from the first; it is what is published. They
differ, because processes differ by more than the blocks of either show.
"""

import math
from collections.abc import Sequence
from statistics import mean, median, stdev
from typing import NamedTuple

MIN_BLOCKS = 6  # the fewest independent values whose extremes hold the median with 95% confidence
OUTLIER_Z = 14.8
OF_MEDIAN = (1.0, 0.5, 0.4487, 0.2982, 0.2868, 0.2147, 0.2104, 0.1682, 0.1661, 0.1383)  # its variance, by the number of values
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


Points = Sequence[Sequence[Sequence[float]]]  # of each point its rounds, of each round the block times of one process


def repeat_half_widths(points: Points, others: Sequence[Points] = ()) -> list[float]:
    """For each point the 95% half-width, in logarithms, of where a second measurement of the same kind will fall.

    A point is a list of rounds, a round the block times of one process, or nothing where it does not count; all points were
    measured on one device, the rounds of one place in the lists about the same time. A round's median varies with the
    noise within it, which its own blocks show, and with what changes from round to round, which only the rounds'
    differences show; the median of the rounds stands for the point, so that one bad round of three does no harm. Two rounds
    of one point say little of that, but all points together say enough of what differs from process to process: its variance
    is their common one, by the method of moments (DerSimonian and Laird, Controlled Clinical Trials 7, 1986). What moves all
    points together is known as well as there are rounds, see `_between_rounds`; `others`, sets of points of the same device
    that were measured in other ways, have had rounds of their own, which tell as much of it. The factor sqrt(2) is there because the second measurement varies as much as the first. Never less than the difference
    between a point's two rounds, or of more those nearest to their median.

    Without any point of two rounds only the noise within a process is known; the half-width is then too small.
    """
    counting = [[blocks for blocks in rounds if blocks] for rounds in points]
    within = _halfway_to_mean([mean(standard_error(blocks) ** 2 for blocks in rounds) for rounds in counting])
    medians = _logs(points)
    weights = [len(rounds) - 1 for rounds in counting]
    between, shared, shared_t = _apart(_between_rounds(medians), [_between_rounds(_logs(own)) for own in others])
    expected = sum(map(math.prod, zip(within, weights))) / max(1, sum(weights))
    # More than the blocks explain comes from the processes; less means that the blocks' own errors are too large.
    processes, scale = max(0.0, between.own - expected), min(1.0, between.own / expected) if any(weights) and expected else 1.0
    widths = []
    for own, logs in zip(within, ([log for log in logs if log is not None] for logs in medians)):
        reach = shared_t**2 * shared + between.own_t**2 * (processes + scale * own)
        widths.append(max(math.sqrt(2 * reach * variance_of_median(len(logs))), _in_the_middle(logs)))
    return widths


def _logs(points: Points) -> list[list[float | None]]:
    """The logarithm of each round's median; None for a round that does not count."""
    return [[math.log(median(blocks)) if blocks else None for blocks in rounds] for rounds in points]


class _Between(NamedTuple):
    """Variances from round to round: of what moves all points together, and of what moves each by itself, with the t of that."""

    moved: float  # all together; an estimate, which may be below 0
    looks: float  # degrees of freedom behind it
    is_clear: bool  # whether it is larger than chance explains
    own: float
    own_t: float
    both: float  # the two as one variance, with its t
    both_t: float


def _apart(between: _Between, others: Sequence[_Between]) -> tuple[_Between, float, float]:
    """`between` with what moves each point by itself as `own`, and the variance of what moves all together with its t.

    Where no set shows that the machine moves, all is one variance, and it is `own`. Where one does, all sets tell how far.
    """
    sets = [between, *others]
    if not any(one.is_clear for one in sets):
        return between._replace(own=between.both, own_t=between.both_t), 0.0, 0.0
    looks = sum(one.looks for one in sets)
    return between, max(0.0, sum(one.looks * one.moved for one in sets) / looks), t_95(looks)


def _between_rounds(medians: Sequence[Sequence[float | None]]) -> _Between:
    """What the rounds of points differ by; those of one round say nothing of it.

    A round moves all points together where the machine as a whole became slower, and each by its own where processes
    differ: two-way analysis of variance. However many points there are, of what moves them together two rounds are one
    observation. Whether that is larger than chance explains Fisher's F tells, at 95%. `both` is the variance of the two as one, with
    the degrees of freedom of a sum (Satterthwaite, Biometrics Bulletin 2, 1946).
    """
    medians = [logs for logs in medians if sum(log is not None for log in logs) > 1]
    means = [mean(log for log in logs if log is not None) for logs in medians]
    off = [[None if log is None else log - middle for log in logs] for logs, middle in zip(medians, means)]
    if not off:
        return _Between(0.0, 0.0, False, *[0.0, t_95(math.inf)] * 2)
    columns = [[row[place] for row in off if len(row) > place and row[place] is not None] for place in range(max(map(len, off)))]
    level = [mean(column) if column else 0.0 for column in columns]
    values = sum(map(len, columns))
    together_degrees = max(1.0, values / len(off) - 1)  # some points may have a round more than the others
    own_degrees = values - len(off) - together_degrees
    together = sum(len(column) * value**2 for column, value in zip(columns, level)) / together_degrees
    if own_degrees < 1:
        return _Between(0.0, 0.0, False, *[together, t_95(together_degrees)] * 2)
    own = sum((value - middle) ** 2 for column, middle in zip(columns, level) for value in column) / own_degrees
    parts = together / len(off), own * (1 - 1 / len(off))
    degrees = sum(parts) ** 2 / (parts[0] ** 2 / together_degrees + parts[1] ** 2 / own_degrees) if own else own_degrees
    is_clear = together > f_95(together_degrees, own_degrees) * own
    return _Between((together - own) / len(off), together_degrees, is_clear, own, t_95(own_degrees), sum(parts), t_95(max(1.0, degrees)))


def _in_the_middle(logs: Sequence[float]) -> float:
    """The difference between the two values next to the median, or of the median and the value next to it."""
    ordered, half = sorted(logs), len(logs) // 2
    gaps = [after - before for before, after in zip(ordered, ordered[1:])]
    return min(gaps[half - 1 : half + len(logs) % 2], default=0.0)


def variance_of_median(n: int) -> float:
    """Variance of the median of `n` independent normal values of variance 1 (Teichroew, Annals of Mathematical Statistics 27, 1956)."""
    return OF_MEDIAN[n - 1] if n <= len(OF_MEDIAN) else math.pi / 2 / (n + 0.57)


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


def f_95(above: float, below: float) -> float:
    """Fisher's F: 95% of its values lie under this (Paulson, Annals of Mathematical Statistics 13, 1942; exact for 1 degree above).

    With fewer than 3 degrees below nothing is too large: infinite.
    """
    if above <= 1:
        return t_95(below) ** 2
    if below < 3:
        return math.inf
    a, b, z = 2 / (9 * above), 2 / (9 * below), 1.644854
    root = math.sqrt(a * (1 - b) ** 2 + b * (1 - a) ** 2 - a * b * z**2)
    return (((1 - a) * (1 - b) + z * root) / ((1 - b) ** 2 - b * z**2)) ** 3


def percentile(values: Sequence[float], share: float) -> float:
    """The value under which `share` of the values lie (nearest rank)."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def outliers(values: Sequence[float]) -> int:
    """How many values have a modified z-score over 14.8 (Iglewicz and Hoaglin, 1993; hyperfine's limit)."""
    middle = median(values)
    spread = median(abs(value - middle) for value in values)
    return sum(0.6745 * abs(value - middle) > OUTLIER_Z * spread for value in values) if spread else 0
