"""Find the largest batch that fits, exactly, in few trials."""

from collections.abc import Callable

MOST = 1_000_000


def largest_batch(memory_mb: Callable[[int], float | None], limit_mb: float) -> tuple[int, int]:
    """The largest batch that fits (0 if none does), and the number of trials.

    `memory_mb(batch)` tries one batch: the memory that it took, or None if it did not fit. Memory grows in a line with
    the batch, so the answer is predicted from two small trials, bracketed from there in steps that double, and bisected
    between. Exact to one image, whatever the line's error; few trials where the line is good.
    """
    tried: dict[int, float | None] = {}

    def fits(batch: int) -> bool:
        tried[batch] = memory_mb(batch)
        return tried[batch] is not None

    low, high = 0, MOST
    for batch in (1, 4):
        if not fits(batch):
            high = batch
            break
        low = batch
    if high == MOST:
        low, high = _bracket(fits, low, _where_the_line_ends(1, tried[1], 4, tried[4], limit_mb))
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low, len(tried)


def _where_the_line_ends(a: int, at_a: float, b: int, at_b: float, limit_mb: float) -> int:
    """The batch at which the line through (a, at_a) and (b, at_b) meets the limit; above b."""
    slope = (at_b - at_a) / (b - a)
    end = b + (limit_mb - at_b) / slope if slope > 0 else 16 * b
    return max(b + 1, min(MOST - 1, int(end)))


def _bracket(fits: Callable[[int], bool], low: int, guess: int) -> tuple[int, int]:
    """A batch that fits and one that does not, close around `guess`; `low` is known to fit."""
    step = max(1, guess // 50)
    if fits(guess):
        low = guess
        while low + step < MOST and fits(low + step):
            low, step = low + step, 2 * step
        return low, min(MOST, low + step)
    high = guess
    while high - step > low:
        if fits(high - step):
            return high - step, high
        high, step = high - step, 2 * step
    return low, high
