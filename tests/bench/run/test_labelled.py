"""Which class an image of a folder is of: by synset or by number, never by an order of names."""

import argparse
from importlib import metadata

import numpy as np
import pytest
from PIL import Image

from bench.run import imagenet, labelled
from bench.run.options import UsageError


def folders(root, *names, files=("a.png",)):
    for name in names:
        (root / name).mkdir(parents=True)
        for file in files:
            Image.new("RGB", (8, 8)).save(root / name / file)
    return root


def numbers(root, labels=None):
    """Folder -> number of its class, and what is known of the classes."""
    samples, classes = labelled.find(str(root), labels)
    return {path.partition("/")[0]: label for path, label in samples}, classes


# ---- by synset ----


def test_imagenets_synsets_are_a_thousand_in_the_order_of_the_classes():
    known = labelled.synsets()
    assert len(known) == 1_000 and list(known) == sorted(known) and all(map(labelled.SYNSET.fullmatch, known))
    assert (known["n01440764"], known["n02123045"], known["n07920052"], known["n15075141"]) == (0, 281, 967, 999)  # tench, tabby, espresso, toilet tissue


def test_they_are_those_that_timm_ships():
    try:
        files = metadata.files("timm")
    except metadata.PackageNotFoundError:
        pytest.skip("timm is not installed here")
    (shipped,) = (file for file in files if file.name == "imagenet_synsets.txt")
    assert shipped.read_text().split() == list(labelled.synsets())


def test_some_of_imagenets_folders_have_the_classes_that_they_have_among_all(tmp_path):
    found, classes = numbers(folders(tmp_path, "n07920052", "n02123045"))
    assert found == {"n02123045": 281, "n07920052": 967} and classes.needed == 1_000


def test_synsets_of_another_set_are_all_of_it_in_their_order(tmp_path):
    found, classes = numbers(folders(tmp_path, "n00000005", "n00000001", "n01440764"))
    assert found == {"n00000001": 0, "n00000005": 1, "n01440764": 2} and classes.needed == 3


# ---- by number ----


def test_numbers_count_as_numbers(tmp_path):
    found, classes = numbers(folders(tmp_path, *map(str, range(12))))
    assert found == {str(number): number for number in range(12)} and classes == (None, False)
    assert imagenet.first_class(imagenet.Images(*labelled.find(str(tmp_path)), str(tmp_path)), 1_000) == 0


def test_numbers_with_zeros_before_them_are_the_same_numbers(tmp_path):
    assert numbers(folders(tmp_path, "0000", "0010", "0002"))[0] == {"0000": 0, "0010": 10, "0002": 2}


def test_folders_from_1_without_a_gap_count_from_1_where_the_network_has_as_many_outputs(tmp_path):
    data = imagenet.Images(*labelled.find(str(folders(tmp_path, *map(str, range(1, 11))))), str(tmp_path))
    assert imagenet.first_class(data, 10) == 1
    with pytest.raises(ValueError, match="1000 outputs, and the classes are 1 to 10.*nobody knows; name them by synset"):
        imagenet.first_class(data, 1_000)


@pytest.mark.parametrize("names, words", [
    (("1", "2", "4"), "there is no folder 0"), (("0", "00"), "two folders have the same number"), (("tench", "goldfish"), "the folder 'goldfish' does not say"),
    (("n01440764", "dog"), "the folder 'dog' does not say"), (("n01440764", "7"), "the folder '7' does not say, as all have to in one way"), (("0", "1", "class 2"), "the folder 'class 2'"),
    (("²", "1"), "the folder '²'"),
])  # fmt: skip
def test_names_that_do_not_say_which_class_it_is_are_refused_with_a_remedy(names, words, tmp_path):
    with pytest.raises(UsageError, match=words) as raised:
        numbers(folders(tmp_path, *names))
    assert "--labels" in str(raised.value)


def test_hidden_files_and_folders_are_passed_over(tmp_path):
    folders(tmp_path, "0", "1", files=("a.png", "._a.png", ".b.JPEG"))
    (tmp_path / ".ipynb_checkpoints").mkdir()
    samples, _ = labelled.find(str(tmp_path))
    assert samples == [("0/a.png", 0), ("1/a.png", 1)]


# ---- by a file of labels ----


def flat(root, text):
    for name in ("a.png", "b.png"):
        Image.new("RGB", (8, 8)).save(root / name)
    (root / "labels.txt").write_bytes(text)
    return labelled.find(str(root), str(root / "labels.txt"))[0]


@pytest.mark.parametrize("text", [b"a.png 0\nb.png 281\n", b"\xef\xbb\xbfa.png 0\r\nb.png,281\r\n", b"a.png\t0\n\nb.png n02123045\n"])
def test_a_file_names_numbers_or_synsets_however_its_lines_end(text, tmp_path):
    assert flat(tmp_path, text) == [("a.png", 0), ("b.png", 281)]


@pytest.mark.parametrize("text", [b"image,label\na.png,3\n", b"3\n281\n", b"a.png cat\n", b"a.png n00000000\n", "a.png 3\n".encode("utf-16")])
def test_a_file_of_another_kind_is_refused(text, tmp_path):
    with pytest.raises(UsageError, match="labels.txt: line 1: expected a file name and a class number from 0"):
        flat(tmp_path, text)


# ---- what can be read ----


def options(folder, skip):
    return argparse.Namespace(images=str(folder), labels=None, skip_unreadable=skip)


def test_all_images_are_looked_at_and_those_that_can_not_be_read_are_named_below_the_folder(tmp_path):
    folders(tmp_path, "0", "1", files=("a.png", "b.png"))
    (tmp_path / "1" / "a.png").write_bytes(b"no picture")
    found = imagenet.data(options(tmp_path, 0))
    with pytest.raises(UsageError, match="^1 of 4 images can't be used: 1/a.png can't be read as an image: .*--skip-unreadable 1: their number"):
        imagenet.checked(found, options(tmp_path, 0))
    kept = imagenet.checked(found, options(tmp_path, 1))
    assert kept.samples == [("0/a.png", 0), ("0/b.png", 0), ("1/b.png", 1)] and kept.fields == {"images": 3, "images_unreadable": 1}


def test_a_folder_of_which_nothing_can_be_read_is_refused_however_many_may_be_left_out(tmp_path):
    folders(tmp_path, "0")
    (tmp_path / "0" / "a.png").write_bytes(b"")
    with pytest.raises(UsageError, match="1 of 1 images can't be used"):
        imagenet.checked(imagenet.data(options(tmp_path, 10)), options(tmp_path, 10))


def test_an_image_that_goes_bad_afterwards_is_named_below_the_folder(tmp_path):
    data = imagenet.data(options(folders(tmp_path, "0"), 0))
    (tmp_path / "0" / "a.png").write_bytes(b"")
    with pytest.raises(ValueError, match="^0/a.png can't be read as an image"):
        list(imagenet.evaluate(lambda inputs: (np.zeros((1, 10)),), data, 1, {"crop": 8}))


# ---- what a file of labels says, as folders do ----


def labels(folder, *numbers):
    for place in range(len(numbers)):
        (folder / f"{place}.png").touch()
    (folder / "labels.txt").write_text("".join(f"{place}.png {number}\n" for place, number in enumerate(numbers)))
    return imagenet.Images(*labelled.find(str(folder), str(folder / "labels.txt")), str(folder))


def test_labels_from_1_without_a_gap_count_from_1_where_the_network_has_as_many_outputs(tmp_path):
    data = labels(tmp_path, *range(1, 11))
    assert imagenet.first_class(data, 10) == 1
    with pytest.raises(ValueError):
        imagenet.first_class(data, 1_000)


def test_labels_of_which_none_is_0_and_some_are_missing_are_refused(tmp_path):
    with pytest.raises(UsageError, match="no image is of class 0, so the classes may count from 0 or from 1.*synset"):
        labels(tmp_path, 3, 7)
    assert imagenet.first_class(labels(tmp_path, 0, 7), 10) == 0


def test_labels_by_synset_need_no_class_0(tmp_path):
    assert imagenet.first_class(labels(tmp_path, "n02123045"), 1_000) == 0
