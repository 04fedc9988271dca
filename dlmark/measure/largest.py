"""Find the largest batch that fits, exactly, in few trials.

It is the root of a function that costs much to ask and says nothing beyond its root but "too much". So the secant through
what fitted leads, and bisection takes over where it does not pay: the hybrid of Dekker (1969) and of Brent (Algorithms for
Minimization without Derivatives, 1973, chapter 4). The way out to the first failure is Bentley and Yao's unbounded search
(1976), of which doubling and halving is the plain form.
"""

from collections.abc import Callable, Sequence

MOST = 1_000_000
FIRST = 4
REACH = 4  # memory bends: a line tells little about a batch many times as large as those that it was drawn through
PATIENCE = 6  # small steps that the line may lead, outward and again inward, before doubling and halving take over
APART = 0.9  # what two batches closer than this differ by is as much chance as size


def largest_batch(memory_mb: Callable[[int], float | Sequence[float] | None], limit_mb: float, first: int = FIRST) -> tuple[int, int]:
    """The largest batch that fits (0 if none does, MOST at most), and the number of trials.

    `memory_mb(batch)` tries one batch: None if it did not fit, else the figure or figures in MB that the limit bounds. Two
    phases of a run are better told as two figures than as their maximum, since each grows in a line of its own. `first` is what is tried first,
    such as what fitted before the search was stopped.

    Exact to one image whatever the figures are: the answer was tried and fitted, one more was tried and did not. Where
    they grow in lines it takes 5 to 8 trials; where they mislead, or are NaN because nobody tells, no more than
    2 PATIENCE above doubling and halving.
    """
    fitted: dict[int, Sequence[float]] = {}
    low, high = 0, MOST + 1
    trials = led = failed = 0
    while high - low > 1:
        if high > MOST:
            batch = _outward(fitted, limit_mb, led) if fitted else first
        else:
            batch = _inward(fitted, limit_mb, led, failed, high)
        batch = max(low + 1, min(batch, high - 1))
        figures = memory_mb(batch)
        trials += 1
        led += high <= MOST or batch < 2 * low
        if figures is not None:
            low, failed = batch, 0
            fitted[batch] = figures if isinstance(figures, Sequence) else (figures,)
        else:
            led = 0 if high > MOST else led
            high, failed = batch, failed + 1
    return low, trials


def _outward(fitted: dict[int, Sequence[float]], limit_mb: float, led: int) -> int:
    """The next batch while nothing has failed: the line's end, where that is within reach."""
    low = max(fitted)
    return min(REACH * low, max(_aim(fitted, limit_mb), 2 * low if led >= PATIENCE else 0))


def _inward(fitted: dict[int, Sequence[float]], limit_mb: float, led: int, failed: int, high: int) -> int:
    """The next batch below `high`, which failed: the line's end; where that failed, back by as much as it is in doubt."""
    middle = (max(fitted, default=0) + high) // 2
    if not fitted or failed > 1 or led >= PATIENCE:
        return middle
    aim = _aim(fitted, limit_mb)
    if not failed and aim < high:
        return aim
    *_, before, last = 0, *sorted(fitted)
    end = _end(fitted, last, limit_mb)
    moved = abs(end - _end(fitted, before, limit_mb))
    return max(middle, high - max(1, moved, end - high))


def _aim(fitted: dict[int, Sequence[float]], limit_mb: float) -> int:
    """The line's end; where more than that has fitted, further by twice the excess and one."""
    low = max(fitted)
    end = _end(fitted, low, limit_mb)
    return end if end > low else low + 2 * (low - end) + 1


def _end(fitted: dict[int, Sequence[float]], batch: int, limit_mb: float) -> int:
    """The last batch within the limit on each line through `batch` and the nearest one well below it; MOST without lines."""
    below = max((other for other in fitted if other <= APART * batch), default=None)
    if below is None:
        return MOST
    rises = [(mb, (mb - mb_below) / (batch - below)) for mb, mb_below in zip(fitted[batch], fitted[below])]
    ends = [batch + (limit_mb - mb) / rise for mb, rise in rises if rise > 0]
    return int(max(-MOST, min([*ends, MOST])))
