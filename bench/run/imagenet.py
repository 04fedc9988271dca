"""How often a network is right about labelled images, which are given to it as its weights want them."""

import argparse
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bench.run import labelled, pixels
from bench.run.labelled import Classes, Sample
from bench.run.pixels import read
from dlmark.terminal.progress import progress


class Images(NamedTuple):
    """What is evaluated: the images with their classes, what is known of the classes, the folder, and how many images were left out."""

    samples: list[Sample]
    classes: Classes
    root: str
    unreadable: int = 0

    @property
    def fields(self) -> dict:
        """What every record says of them."""
        return {"images": len(self.samples), **({"images_unreadable": self.unreadable} if self.unreadable else {})}


def data(opts: argparse.Namespace) -> Images:
    """What `evaluate` needs, as the command line names it; nothing has been opened. Raises UsageError where that is not what is there."""
    return Images(*labelled.find(opts.images, opts.labels), opts.images)


def checked(found: Images, opts: argparse.Namespace) -> Images:
    """The images that can be read, each looked at before any network is asked. Raises UsageError where more can't than may be left out."""
    with progress(len(found.samples)) as show:
        show.at("looking at the images")
        samples, unreadable = labelled.readable(found.root, found.samples, pixels.look, opts.skip_unreadable, show.advance)
    return found._replace(samples=samples, unreadable=unreadable)


def evaluate(answers: Callable, data: Images, batch_size: int, preprocessing: dict) -> Iterator[tuple[int, dict]]:
    """Yield (images seen, the record's fields) after each batch; images are read while the network computes.

    `answers` turns float32 images, (batch, 3, crop, crop), into logits, (batch, outputs), both in tuples; `preprocessing` is as `read`
    takes it. Raises ValueError if the network's outputs do not fit the classes, an answer is not finite, or an image can't be read.
    """
    seen, right, how = 0, np.zeros(2, int), pixels.words(**preprocessing)

    def image(sample: Sample) -> np.ndarray:
        try:
            return read(Path(data.root, sample[0]), **preprocessing)
        except ValueError as error:
            raise ValueError(f"{sample[0]} {error}") from error

    with ThreadPoolExecutor(max_workers=4) as pool:
        waiting = iter(data.samples)
        ahead = [pool.submit(image, sample) for sample in islice(waiting, 2 * batch_size)]
        for start in range(0, len(data.samples), batch_size):
            labels = np.array([label for _, label in data.samples[start : start + batch_size]])
            images = np.stack([future.result() for future in ahead[: len(labels)]])
            ahead = ahead[len(labels) :] + [pool.submit(image, sample) for sample in islice(waiting, len(labels))]
            (logits, *_) = answers((images,))
            right += _right(logits, labels - first_class(data, logits.shape[1]))
            seen += len(labels)
            yield seen, {"accuracy": right[0] / seen, "accuracy_top5": right[1] / seen, "preprocessing": how}


def _right(logits: np.ndarray, labels: np.ndarray) -> tuple[int, int]:
    """How many are right with the first answer, and with one of the first five."""
    if not np.isfinite(logits).all():
        raise ValueError("the network's answers are not finite numbers: its weights or precision do not fit")
    best = np.argsort(-logits, axis=1, kind="stable")[:, :5]
    return int((best[:, 0] == labels).sum()), int((best == labels[:, None]).any(axis=1).sum())


def first_class(data: Images, outputs: int) -> int:
    """The number that the first class has in the labels. Raises ValueError where the network's outputs do not fit."""
    needed, perhaps_from_1 = data.classes
    if perhaps_from_1 and outputs == needed:
        return 1
    if perhaps_from_1:
        raise ValueError(f"the network has {outputs} outputs, and the classes are 1 to {needed}: "
                         "whether they count from 0 or from 1 nobody knows; name them by synset (n01440764)")  # fmt: skip
    most = needed or max(label for _, label in data.samples) + 1
    if outputs < most or (needed and outputs != needed):
        raise ValueError(f"the network has {outputs} outputs, but the images have {most} classes")
    return 0
