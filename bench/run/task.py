"""A task: what is particular to it. Throughput, the largest batch, training and quality are measured alike in all of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from bench.run.contract import Arrays

DIFFERENT = 64  # items of a batch that differ; a larger one repeats them, since thousands of images take longer to make than to run
GATE_ITEMS = 8


@dataclass(frozen=True)
class Task:
    """What a batch is, what one item is called, and how answers are compared with those in float32.

    `inputs(shape, count, random)` makes `count` items of a network whose input has the shape `shape`: a tuple of arrays, the batch
    first; `labels(count)` what a network learns from them; `lifelike` makes such as resemble real ones, for the gate and for the ranges of
    int8, where `inputs` are noise. `compare(answers, expected, precision)` gives the record's fields of the
    gate, with status and reason where the answers are wrong; both are tuples of arrays, the batch first. `networks` and `batch_sizes`
    are measured unless others are named, `quick` with the preset of that name, as far as a framework has them.
    """

    name: str
    item: str
    inputs: Callable[[tuple[int, ...], int, np.random.Generator], Arrays]
    compare: Callable[[Arrays, Arrays, str], dict]
    labels: Callable[[int], np.ndarray] | None = None
    lifelike: Callable[[tuple[int, ...], int, np.random.Generator], Arrays] | None = None
    networks: Sequence[str] = ()
    quick: Sequence[str] = ()
    batch_sizes: str = "1,2,4,8,16,32,64,128,256"

    @property
    def unit(self) -> str:
        """Of the throughput."""
        return f"{self.item}s/s"

    def batches(self, shape: tuple[int, ...], batch_size: int, *, training: bool = False) -> list[Arrays]:
        """Two batches, which a network is fed with in turn; in training with their labels last."""
        labels = (self.labels(batch_size),) if training and self.labels else ()
        return [(*repeated(inputs, batch_size), *labels) for inputs in self.different(shape, batch_size)]

    def different(self, shape: tuple[int, ...], batch_size: int) -> list[Arrays]:
        """Of each of the two batches the items that differ, which it repeats."""
        random = np.random.default_rng(3)
        return [self.inputs(shape, min(batch_size, DIFFERENT), random) for _ in range(2)]

    def gate_inputs(self, shape: tuple[int, ...]) -> Arrays:
        """The fixed items on which answers are compared."""
        return self.as_real(shape, GATE_ITEMS, np.random.default_rng(2))

    def as_real(self, shape: tuple[int, ...], count: int, random: np.random.Generator) -> Arrays:
        """Items that resemble real ones as far as the task knows how."""
        return (self.lifelike or self.inputs)(shape, count, random)


def repeated(inputs: Arrays, count: int) -> Arrays:
    """The items again and again, until there are `count`."""
    return tuple(np.resize(array, (count, *array.shape[1:])) for array in inputs)
