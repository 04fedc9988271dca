"""Labelled images from a folder, evaluated the standard way: resize the short side to 256, crop the middle 224."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import numpy as np

from bench.run.options import UsageError

SUFFIXES = (".jpeg", ".jpg", ".png", ".webp", ".bmp")
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)

Sample = tuple[str, int]  # path of an image, number of its class


def find(folder: str, labels: str | None = None) -> tuple[list[Sample], int | None]:
    """The labelled images in `folder`, and the number of classes that the network must have, where the folder tells.

    Without `labels` each class has a folder of its own, and the classes count in the order of their names, as
    ImageNet's synsets do: a part of the folders would be counted wrongly. With it the images lie flat, and each line of
    the file is: file name, class number from 0. Raises UsageError where that is not what is there.
    """
    root = Path(folder)
    if not root.is_dir():
        raise UsageError(f"no folder {folder}: --images names the folder of the validation images")
    return (_flat(root, Path(labels)), None) if labels else _by_folder(root)


def evaluate(predict: Callable, samples: list[Sample], batch_size: int, crop: int, classes: int | None) -> Iterator[tuple[int, int, int]]:
    """Yield (images seen, top-1 right, top-5 right) after each batch; images are read while the network computes.

    `predict` turns float32 images, (batch, 3, crop, crop), into logits, (batch, outputs). Raises ValueError if the
    network's outputs are not as many as the classes, an answer is not finite, or an image can't be read.
    """
    seen = top1 = top5 = 0
    with ThreadPoolExecutor(max_workers=4) as pool:
        waiting = iter(samples)
        ahead = [pool.submit(read, path, crop) for path, _ in islice(waiting, 2 * batch_size)]
        for start in range(0, len(samples), batch_size):
            labels = np.array([label for _, label in samples[start : start + batch_size]])
            images = np.stack([future.result() for future in ahead[: len(labels)]])
            ahead = ahead[len(labels) :] + [pool.submit(read, path, crop) for path, _ in islice(waiting, len(labels))]
            logits = predict(images)
            if not np.isfinite(logits).all():
                raise ValueError("the network's answers are not finite numbers: its weights or precision do not fit")
            needed = classes or max(label for _, label in samples) + 1
            if logits.shape[1] < needed or (classes and logits.shape[1] != classes):
                raise ValueError(f"the network has {logits.shape[1]} outputs, but the images have {needed} classes")
            best = np.argsort(-logits, axis=1, kind="stable")[:, :5]
            seen += len(labels)
            top1 += int((best[:, 0] == labels).sum())
            top5 += int((best == labels[:, None]).any(axis=1).sum())
            yield seen, top1, top5


def read(path: str, crop: int) -> np.ndarray:
    """One image as the networks want it: (3, crop, crop), float32, normalized by ImageNet's mean and deviation."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            image = image.convert("RGB")
    except (OSError, UnidentifiedImageError) as error:
        raise ValueError(f"{path} can't be read as an image: {error}") from error
    short = round(crop * 256 / 224)
    scale = short / min(image.size)
    width, height = (max(short, round(side * scale)) for side in image.size)
    left, top = (width - crop) // 2, (height - crop) // 2
    image = image.resize((width, height), Image.Resampling.BILINEAR).crop((left, top, left + crop, top + crop))
    return ((np.asarray(image, np.float32) / 255 - MEAN) / STD).transpose(2, 0, 1)


def _by_folder(root: Path) -> tuple[list[Sample], int]:
    folders = sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
    samples = [(str(file), label) for label, folder in enumerate(folders) for file in _images(folder)]
    if not samples:
        what = "a flat folder of images; --labels names the file of their classes" if _images(root) else "no images"
        raise UsageError(f"{root}: expected one folder a class with images in it, got {what}")
    return samples, len(folders)


def _flat(root: Path, labels: Path) -> list[Sample]:
    if not labels.is_file():
        raise UsageError(f"no file {labels}: --labels names a file with lines of: file name, class number from 0")
    samples = []
    for number, line in enumerate(labels.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        words = line.replace(",", " ").split()
        if not words:
            continue
        if len(words) != 2 or not words[1].isdecimal() or int(words[1]) > 100_000:
            raise UsageError(f"{labels}: line {number}: expected a file name and a class number from 0, got {line[:80]!r}")
        samples.append((str(root / words[0]), int(words[1])))
    lost = [path for path, _ in samples if not Path(path).is_file()]
    if lost or not samples:
        raise UsageError(f"{labels}: {len(lost)} of its {len(samples)} images are not in {root}" + (f", the first is {lost[0]}" if lost else ""))
    return samples


def _images(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
