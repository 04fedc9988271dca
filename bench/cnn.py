"""Image classification: throughput over batch size, the largest batch, and accuracy.

    python -m bench.cnn throughput --framework mxnet --models 'ResNet-v1-*' --batch-sizes 1,8,32
    python -m bench.cnn largest-batch-size --models VGG-16,AlexNet --memory-limit 2048
    python -m bench.cnn accuracy --models ResNet-v1-50 --images ILSVRC2012_val --weights pretrained

Every finished point is saved at once; the same command goes on where it was stopped, and --again measures again.
"""

if not __package__:  # python bench/cnn.py
    import as_module

    as_module.run(__file__)

import argparse
import sys

import numpy as np

from bench.networks.lifelike import pictures
from bench.run import gate, imagenet, largest, options, quality, throughput
from bench.run.task import GATE_ITEMS, Task

# The networks of this benchmark's first page.
ORIGINAL_19 = (
    "AlexNet,DenseNet-121,DenseNet-161,DenseNet-169,DenseNet-201,ResNet-v1-18,ResNet-v1-34,ResNet-v1-50,ResNet-v1-101,"
    "ResNet-v1-152,ResNet-v2-18,ResNet-v2-34,ResNet-v2-50,SqueezeNet-1.0,SqueezeNet-1.1,VGG-11,VGG-13,VGG-16,VGG-19"
).split(",")
QUICK = "AlexNet,ResNet-v1-18,ResNet-v1-50,ResNet-v1b-50,SqueezeNet-1.1,Keras-ResNet50,Keras-MobileNet,Keras-MobileNetV3Small"
CLASSES = 10  # of the labels that a network learns: as many as the smallest has
# How far an answer may be off, as a share of the largest float32 answer. Fusing and reordering alone make 1e-4 in deep networks; the
# others are about one and a half times what rounding makes of the worst network (tests/perf/gate_rounding.py, docs/how-we-measure.rst).
TOLERANCE = {"float32": 1e-3, "tf32": 1e-2, "float16": 1e-2, "bfloat16": 1e-1, "int8": 1.5e-1}
AGREEMENT = 0.75  # the share of first answers that have to be the same, whatever the precision: two nearly equal ones may change places


def images(shape: tuple[int, ...], count: int, random: np.random.Generator) -> tuple[np.ndarray]:
    """Random images, normalized: (count, channels, height, width)."""
    return (random.standard_normal((count, *shape), dtype=np.float32),)


def lifelike(shape: tuple[int, ...], count: int, random: np.random.Generator) -> tuple[np.ndarray]:
    """Made-up pictures, normalized: (count, channels, height, width)."""
    return (pictures(shape, count, random),)


def labels(count: int) -> np.ndarray:
    """A class for each image."""
    return np.arange(count) % CLASSES


def compare(answers: tuple[np.ndarray, ...], expected: tuple[np.ndarray, ...], precision: str) -> dict:
    """The record's fields on logits, (images, classes): the largest difference from float32, and how often the first answer is the same."""
    (logits, *_), (right, *_) = answers, expected
    if logits.ndim != 2:
        return {"status": "wrong_output", "reason": f"the network gave answers of the shape {logits.shape} and no logits of classes"}
    error, same = gate.largest_difference((logits,), (right,)), float((logits.argmax(1) == right.argmax(1)).mean())
    fields = {"gate_error": float(f"{error:.3g}"), "gate_agreement": same}
    tolerance = TOLERANCE.get(precision, TOLERANCE["float32"])
    if error > tolerance:
        reason = (
            f"its answers on {GATE_ITEMS} fixed images are up to {error:.1%} of the largest off those in float32; {tolerance:.1%} is the limit in {precision}"
        )
    elif same < AGREEMENT:
        reason = f"its first answers on {GATE_ITEMS} fixed images are only in {same:.0%} the same as in float32; {AGREEMENT:.0%} is the least"
    else:
        return fields
    return {**fields, "status": "wrong_output", "reason": reason}


TASK = Task("classification", "image", images, compare, labels, lifelike, networks=ORIGINAL_19, quick=QUICK.split(","))
PRESETS = {"full": {"throughput": [], "largest-batch-size": []}, "quick": {"throughput": ["--time-cap", "20", "--batch-sizes", "1,8,32"]}}


def accuracy(opts: argparse.Namespace) -> int:
    """Count how often every network's first, and first five, answers are right over a folder of images."""
    return quality.measure(opts, "benchmark_accuracy", quality.Quality(imagenet.data, imagenet.checked, imagenet.evaluate))


def parser() -> argparse.ArgumentParser:
    """The command line of this script."""
    main, commands = options.script("cnn", __doc__)
    for command in (throughput, largest):
        command.add_command(commands, TASK, "cnn.py")
    counts = options.add_command(commands, accuracy, task=TASK, script="cnn.py")
    counts.add_argument("--images", required=True, metavar="DIR", help="one folder a class, named by synset or number, or a flat folder with --labels")
    counts.add_argument("--labels", metavar="FILE", help="lines of: file name, class number from 0 or synset")
    quality.add_options(counts)
    return main


if __name__ == "__main__":
    sys.exit(options.main(parser()))
