"""The search for the largest batch: exact whatever memory is like, short where it grows in lines, and within a limit that holds."""

import math
import mmap
import random

import numpy as np
import pytest

from dlmark.machine import device, memory
from dlmark.measure.largest import MOST, PATIENCE, largest_batch
from dlmark.measure.process import run_in_process

# MXNet's networks on a CPU within 2,048 MB: what heap and private mappings grew by in MB, {batch: (at the peak, at the end)}.
# The peak of a small batch is that of the first call, which copies the weights; the networks with large weights bend late.
MEASURED = {
    "AlexNet": {4: (677, 576), 8: (676, 594), 16: (685, 634), 32: (729, 726), 64: (913, 910), 128: (1282, 1279), 130: (1293, 1291),
                245: (1956, 1952), 257: (2025, 2021), 261: (2047.7, 2044.3), 262: (2053.5, 2050.1)},
    "ResNet-v1-18": {4: (270, 270), 8: (305, 305), 16: (370, 370), 32: (549, 549), 64: (923, 922),
                     80: (1110, 1109), 112: (1483, 1483), 128: (1670, 1670), 160: (2044.2, 2044), 161: (2055.9, 2055.7)},
    "ResNet-v1-50": {4: (401, 401), 8: (472, 472), 16: (624, 624), 32: (940, 939), 44: (1177, 1176), 64: (1571, 1571),
                     80: (1887, 1886), 88: (2044.5, 2043.5), 89: (2064, 2063)},
    "SqueezeNet-1.1": {4: (140, 140), 8: (177, 177), 16: (258, 258), 32: (421, 421), 64: (746, 746), 128: (1396, 1396),
                       176: (1884, 1884), 192: (2047, 2046.3), 193: (2057, 2056)},
    "VGG-11": {4: (1519, 1238), 8: (1573, 1321), 16: (1680, 1480), 19: (1720, 1543), 31: (1881, 1825), 35: (1935, 1919),
               37: (1979, 1967), 39: (2026.6, 2013.9), 40: (2050.2, 2037.5)},
    "VGG-16": {4: (1561, 1323), 8: (1515, 1445), 11: (1536, 1535), 13: (1683, 1596), 16: (1722, 1679), 19: (1782, 1771),
               23: (1915, 1903), 27: (2046.3, 2034.5), 28: (2078.4, 2066.6)},
}  # fmt: skip
LARGEST = {"AlexNet": 261, "ResNet-v1-18": 160, "ResNet-v1-50": 88, "SqueezeNet-1.1": 192, "VGG-11": 39, "VGG-16": 27}
LIMIT_MB = 2_048


def search(used_mb, limit_mb, told=lambda mb: mb):
    """The answer and the batches that were tried for it; `told(mb)` is what is told of the memory that one took."""
    tried = []

    def trial(batch):
        tried.append(batch)
        return told(used_mb(batch)) if used_mb(batch) <= limit_mb else None

    answer, trials = largest_batch(trial, limit_mb)
    assert trials == len(tried) == len(set(tried))
    assert answer in (0, *tried) and answer + 1 in (*tried, MOST + 1)
    return answer, tried


def search_measured(model):
    """The same over one network's measured memory."""
    batches, figures = zip(*MEASURED[model].items())
    tried = []

    def trial(batch):
        tried.append(batch)
        peak_mb, end_mb = (float(np.interp(batch, batches, [mb[i] for mb in figures])) for i in (0, 1))
        return (peak_mb, end_mb) if batch <= LARGEST[model] else None

    return largest_batch(trial, LIMIT_MB)[0], tried


def doubling_and_halving(used_mb, limit_mb):
    """The search of this benchmark's first version: the answer and the number of trials."""
    trials, low, high = 1, 0, 1
    while high <= MOST and used_mb(high) <= limit_mb:
        trials, low, high = trials + 1, high, 2 * high
    high = min(high, MOST + 1)
    while high - low > 1:
        middle, trials = (low + high) // 2, trials + 1
        low, high = (middle, high) if used_mb(middle) <= limit_mb else (low, middle)
    return low, trials


# Memory of n images; `bend` is from 0 to 1, and all but a straight line bend or break somewhere on the way to `largest`.
SHAPES = {
    "a line": lambda n, start, slope, bend, largest: start + slope * n,
    "a line after weights that dwarf it": lambda n, start, slope, bend, largest: 1e6 + slope * n,
    "a line with a kink": lambda n, start, slope, bend, largest: start + slope * max(n, 3 * n - 2 * bend * largest),
    "flat at first": lambda n, start, slope, bend, largest: start + slope * max(n, bend / 2 * largest),
    "steps": lambda n, start, slope, bend, largest: start + slope * -(-n // int(2 + 14 * bend)) * int(2 + 14 * bend),
    "convex": lambda n, start, slope, bend, largest: start + slope * n ** (1 + bend),
    "concave": lambda n, start, slope, bend, largest: start + slope * n ** (0.4 + 0.6 * bend),
    "an allocator that doubles": lambda n, start, slope, bend, largest: start + 2.0 ** math.ceil(math.log2(slope * n)),
    "nothing until it is too much": lambda n, start, slope, bend, largest: start + slope * (n > largest),
    "all but met from early on": lambda n, start, slope, bend, largest: start + slope * (n > largest) - 1 / n,
}


def case(shape, seed):
    """A memory function of this shape, and a limit that it meets between two batches of 1 to 10,000."""
    draw = random.Random(seed)
    start, slope, bend, largest = draw.uniform(1, 2_000), 10 ** draw.uniform(-1, 2), draw.random(), int(10 ** draw.uniform(0, 4))

    def used_mb(n):
        return SHAPES[shape](n, start, slope, bend, largest)

    return used_mb, used_mb(largest) + draw.uniform(0, 0.999) * (used_mb(largest + 1) - used_mb(largest))


@pytest.mark.parametrize("model", MEASURED)
def test_real_networks_take_at_most_8_trials(model):
    answer, tried = search_measured(model)
    assert answer == LARGEST[model] and len(tried) <= 8


def test_real_networks_take_half_the_trials_of_doubling_and_halving():
    ours = sum(len(search_measured(model)[1]) for model in MEASURED)
    plain = sum(doubling_and_halving(lambda n: n, largest)[1] for largest in LARGEST.values())
    assert ours <= plain / 2


@pytest.mark.parametrize("seed", range(40))
def test_a_line_takes_at_most_8_trials(seed):
    assert len(search(*case("a line", seed))[1]) <= 8


@pytest.mark.parametrize("shape", ["a line", "a line with a kink", "flat at first", "steps", "concave"])
def test_near_lines_save_a_third_of_the_trials_of_doubling_and_halving(shape):
    cases = [case(shape, seed) for seed in range(100)]
    ours, plain = (sum(counts) for counts in zip(*((len(search(*c)[1]), doubling_and_halving(*c)[1]) for c in cases)))
    assert ours < plain * 2 / 3


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("shape", SHAPES)
def test_exact_and_bounded_whatever_the_shape(shape, seed):
    (answer, tried), (plain, trials) = search(*case(shape, seed)), doubling_and_halving(*case(shape, seed))
    assert answer == plain and len(tried) <= trials + 2 * PATIENCE


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize(
    "told",
    [
        lambda draw: lambda mb: mb * draw.uniform(0.98, 1.02),  # noise
        lambda draw: lambda mb: 0.8 * mb,  # resident memory, where the limit is on mappings
        lambda draw: lambda mb: 1.2 * mb + 100,
        lambda draw: lambda mb: draw.uniform(0, 1e4),  # nothing to do with what fits
        lambda draw: lambda mb: 1e6 / mb,  # falling
        lambda draw: lambda mb: float("nan"),  # nobody tells
        lambda draw: lambda mb: 0,
        lambda draw: lambda mb: float("inf"),
        lambda draw: lambda mb: (mb, float("nan"), 1e6),
    ],
)
def test_exact_and_bounded_whatever_is_told(told, seed):
    case_ = case("a line", seed)
    (answer, tried), (plain, trials) = search(*case_, told(random.Random(seed))), doubling_and_halving(*case_)
    assert answer == plain and len(tried) <= trials + 2 * PATIENCE


def test_of_two_figures_the_one_that_meets_the_limit_first_counts():
    # a first call that takes 1,000 MB at least hides the second's line, which ends at 192
    seen = []
    answer, trials = largest_batch(lambda n: seen.append(n) or ((max(1_000, 5 * n), 5 * n) if n <= 192 else None), 960 + 4)
    assert answer == 192 and trials <= 6


@pytest.mark.parametrize("largest", [0, 1, 2, 3, 4, 5, 15, 16, 17, 100, 99_999, MOST - 1, MOST])
def test_exact_at_the_edges(largest):
    assert search(lambda batch: batch, largest)[0] == largest


def test_a_network_without_an_end_stops_at_the_most():
    answer, tried = search(lambda batch: 0.0, 1)
    assert answer == MOST and len(tried) < 20


# ---- the limit on a CPU is the system's, and holds for every way to grow ----


def grow(how, limit_mb):
    """Take memory a MB at a time, and use it, until it is refused: yield the MB got and the MB that became resident."""
    memory.limit_growth(limit_mb)
    before_mb, held = device.process_memory_mb("cpu"), []
    try:
        while len(held) < 8 * limit_mb:
            held.append(how())
            held[-1][:: mmap.PAGESIZE] = b"x" * len(held[-1][:: mmap.PAGESIZE])
    except (MemoryError, OSError):
        pass
    got_mb, held = len(held), None
    yield got_mb, memory.peak_mb() - before_mb


def heap():
    return bytearray(2**20)


def private_mapping():
    return mmap.mmap(-1, 2**20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)


@pytest.mark.parametrize("how", [heap, private_mapping])
def test_a_process_that_grows_beyond_the_limit_is_refused_and_the_machine_is_not_touched(how):
    ((got_mb, resident_mb),) = run_in_process(grow, how, 50, silence_s=60)
    assert 45 <= got_mb <= 50 and resident_mb <= 52
