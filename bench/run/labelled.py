"""The images of a folder and their classes: from folders that are named by synset or by number, or from a file of labels. An order of names is never trusted."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from bench.run.options import UsageError

SUFFIXES = (".jpeg", ".jpg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")
SYNSET, NUMBER = re.compile("n[0-9]{8}"), re.compile("[0-9]{1,6}")
# WordNet's numbers of the 1,000 classes of ILSVRC 2012 to 2017 in the order of the classes, which is that of their names; one a line, as timm ships them too.
KNOWN = Path(__file__).with_name("imagenet_synsets.txt")
REMEDY = "; rename the folders by synset (n01440764) or by class number from 0, or name the classes in a file with --labels"

Sample = tuple[str, int]  # an image's path below the folder, number of its class


class Classes(NamedTuple):
    """What the folder says of the network's classes: how many there must be, where it tells; and whether the numbers may count from 1."""

    needed: int | None = None
    perhaps_from_1: bool = False


def find(folder: str, labels: str | None = None) -> tuple[list[Sample], Classes]:
    """The labelled images in `folder`, and what is known of the classes.

    Without `labels` each class has a folder of its own, whose name is a synset or the number of the class. With it the images lie flat,
    and each line of the file is: file name, and class number from 0 or synset. Hidden files are passed over. Raises UsageError where
    that is not what is there.
    """
    root = Path(folder)
    if not root.is_dir():
        raise UsageError(f"no folder {folder}: --images names the folder of the validation images")
    return _flat(root, Path(labels)) if labels else _by_folder(root)


def _by_folder(root: Path) -> tuple[list[Sample], Classes]:
    images = {folder.name: _images(folder) for folder in sorted(root.iterdir()) if folder.is_dir() and not folder.name.startswith(".")}
    if not any(images.values()):
        what = "a flat folder of images; --labels names the file of their classes" if _images(root) else "no images"
        raise UsageError(f"{root}: expected one folder a class with images in it, got {what}")
    numbers, classes = _numbered(root, list(images))
    return [(f"{name}/{image}", numbers[name]) for name, found in sorted(images.items(), key=lambda item: numbers[item[0]]) for image in found], classes


def _numbered(root: Path, names: list[str]) -> tuple[dict[str, int], Classes]:
    """The number of each folder's class."""
    if all(map(SYNSET.fullmatch, names)):
        return _by_synset(names)
    if all(map(NUMBER.fullmatch, names)):
        return _by_number(root, names)
    odd = min(names, key=lambda name: bool(SYNSET.fullmatch(name) or NUMBER.fullmatch(name)))
    raise UsageError(f"{root}: the folder {odd!r} does not say, as all have to in one way, which class it is, and the order of names says nothing{REMEDY}")


def _by_synset(names: list[str]) -> tuple[dict[str, int], Classes]:
    """Some of ImageNet's 1,000 classes are known one by one; another set of synsets is complete, and its classes are in their order, as everywhere."""
    known = synsets()
    if known.keys() >= set(names):
        return {name: known[name] for name in names}, Classes(len(known))
    return {name: number for number, name in enumerate(sorted(names))}, Classes(len(names))


def _by_number(root: Path, names: list[str]) -> tuple[dict[str, int], Classes]:
    numbers = {name: int(name) for name in names}
    if len(set(numbers.values())) < len(names):
        raise UsageError(f"{root}: two folders have the same number{REMEDY}")
    classes = _counted(set(numbers.values()))
    if classes is None:
        raise UsageError(f"{root}: there is no folder 0, so the classes may count from 0 or from 1, and folders are missing{REMEDY}")
    return numbers, classes


def _counted(numbers: set[int]) -> Classes | None:
    """What the numbers of the classes say of them; None where nobody can tell whether they count from 0 or from 1, since some are missing."""
    if 0 in numbers:
        return Classes()
    if len(numbers) == max(numbers):  # 1, 2, 3 … without a gap: the network's outputs tell whether they are all, counted from 1
        return Classes(max(numbers), perhaps_from_1=True)
    return None


def _flat(root: Path, labels: Path) -> tuple[list[Sample], Classes]:
    if not labels.is_file():
        raise UsageError(f"no file {labels}: --labels names a file with lines of: file name, class number from 0 or synset")
    known, samples, named = synsets(), [], set()
    for number, line in enumerate(labels.read_text(encoding="utf-8-sig", errors="replace").splitlines(), start=1):
        words = line.replace(",", " ").split()
        if not words:
            continue
        label = _label(words[1], known) if len(words) == 2 else None
        if label is None:
            raise UsageError(f"{labels}: line {number}: expected a file name and a class number from 0 or one of ImageNet's synsets, got {line[:80]!r}")
        samples.append((words[0], label))
        named.add(words[1])
    lost = [path for path, _ in samples if not (root / path).is_file()]
    if lost or not samples:
        raise UsageError(f"{labels}: {len(lost)} of its {len(samples)} images are not in {root}" + (f", the first is {lost[0]}" if lost else ""))
    classes = Classes(len(known)) if known.keys() >= named else _counted({label for _, label in samples})
    if classes is None:
        raise UsageError(f"{labels}: no image is of class 0, so the classes may count from 0 or from 1, and some are missing: name them by synset (n01440764)")
    return samples, classes


def _label(word: str, known: dict[str, int]) -> int | None:
    return int(word) if NUMBER.fullmatch(word) else known.get(word)


def synsets() -> dict[str, int]:
    """ImageNet's 1,000 synsets, each with the number of its class."""
    return {name: number for number, name in enumerate(KNOWN.read_text(encoding="ascii").split())}


def _images(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file())


def readable(root: str, samples: list[Sample], look: Callable[[Path], object], skip: int, show: Callable[[int], None]) -> tuple[list[Sample], int]:
    """The samples that can be read, each looked at by `look`, which raises ValueError, and how many can't be. `show` is told of each that was seen.

    Raises UsageError where those are more than `skip`.
    """

    def problem(sample: Sample) -> str | None:
        try:
            look(Path(root, sample[0]))
        except ValueError as error:
            return str(error)
        return None

    kept, bad = [], []
    with ThreadPoolExecutor(max_workers=4) as pool:
        try:
            for sample, found in zip(samples, pool.map(problem, samples)):
                bad.append(f"{sample[0]} {found}") if found else kept.append(sample)
                show(1)
        except BaseException:  # Ctrl-C above all: what has not begun is not waited for
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    if len(bad) > skip or not kept:
        first = "; ".join(bad[:5])
        raise UsageError(f"{len(bad)} of {len(samples):,} images can't be used: {first}{'; …' if len(bad) > 5 else ''}. Mend or remove them, "
                         f"or leave them out with --skip-unreadable {len(bad)}: their number is then in the record")  # fmt: skip
    return kept, len(bad)
