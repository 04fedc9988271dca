"""The accuracy through the command line: pictures whose classes are known."""

import hashlib

import numpy as np
import pytest
from PIL import Image


def traceless(done):
    """One line for the user, and not Python's own account."""
    return "Traceback" not in done.stderr and "Traceback" not in done.stdout


# ---- accuracy ----

GREYS = [12 + 25 * k for k in range(10)]
# (grey that is painted, class that the folder says): 15 right, 3 among the first five answers, 2 not (the sixth, and the last)
PICTURES = [(k, k) for k in range(10)] + [(k, k) for k in range(5)] + [(9, 5), (3, 2), (7, 8), (0, 5), (1, 9)]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """The pictures in one folder a class, and flat with a file of labels; and weights that know greys from each other."""
    root = tmp_path_factory.mktemp("pictures")
    (root / "flat").mkdir()
    sizes = [(32, 32), (64, 48), (37, 200), (300, 33)]
    with open(root / "labels.txt", "w") as labels:
        for number, (grey, label) in enumerate(PICTURES):
            image = Image.new("RGB", sizes[number % len(sizes)], (GREYS[grey],) * 3)
            folder = root / "folders" / str(label)
            folder.mkdir(parents=True, exist_ok=True)
            image.save(folder / f"{number}.{'png' if number % 2 else 'PNG'}")
            image.save(root / "flat" / f"{number}.png")
            labels.write(f"{number}.png{', ' if number % 2 else ' '}{label}\n")
    means = [float(np.mean((grey / 255 - np.array([0.485, 0.456, 0.406])) / [0.229, 0.224, 0.225])) for grey in GREYS]
    share = np.full((3 * 32 * 32, 1), 1 / (3 * 32 * 32))
    # The nearest mean m has the largest 2·m·x − m², which is linear in x, the mean of the image.
    np.savez(root / "greys.npz", w0=share * 2 * np.array(means), b0=-np.square(means))
    return root


@pytest.fixture
def accuracy(cnn, pictures, tmp_path):
    def run(*words, weights=pictures / "greys.npz"):
        about = ("--framework", "numpy", "--models", "MLP-64", "--weights", weights, "--dataset", "greys", "--results", tmp_path / "results")
        return cnn("accuracy", *about, *words)

    return run


@pytest.mark.parametrize("layout", ["folders", "flat"])
def test_top_1_and_top_5_are_what_the_pictures_say(layout, pictures, accuracy, tmp_path, saved):
    words = ("--images", pictures / "folders") if layout == "folders" else ("--images", pictures / "flat", "--labels", pictures / "labels.txt")
    done = accuracy(*words, "--batch-size", "7")  # 7, 7 and 6 images
    assert done.returncode == 0, done.stderr
    (record,) = saved(tmp_path / "results")
    assert (record["accuracy"], record["accuracy_top5"], record["images"]) == (0.75, 0.9, 20)
    assert (record["dataset"], record["batch_size"], record["status"]) == ("greys", 7, "ok")
    assert "top-1 75.00%, top-5 90.00% of 20 images" in done.stdout


def test_random_weights_do_not_know_the_pictures(pictures, accuracy, tmp_path, saved):
    assert accuracy("--images", pictures / "folders", weights="random").returncode == 0
    assert saved(tmp_path / "results")[0]["accuracy"] < 0.5


def test_a_hidden_folder_is_no_class(pictures, accuracy, tmp_path, saved):
    folders = tmp_path / "folders"
    folders.mkdir()
    for path in (pictures / "folders").iterdir():
        (folders / path.name).symlink_to(path)
    (folders / ".ipynb_checkpoints").mkdir()
    assert accuracy("--images", folders).returncode == 0
    assert saved(tmp_path / "results")[0]["accuracy"] == 0.75


def broken(pictures, tmp_path, what):
    """A folder of pictures with one thing wrong, and the command's words for it."""
    flat, labels = tmp_path / "flat", tmp_path / "labels.txt"
    flat.mkdir()
    for path in (pictures / "flat").iterdir():
        (flat / path.name).write_bytes(path.read_bytes())
    labels.write_text((pictures / "labels.txt").read_text() + {"word": "a.png cat\n", "lost": "lost.png 1\n", "one word": "0.png\n"}.get(what, ""))
    if what == "no labels file":
        labels.unlink()
    if what == "empty labels":
        labels.write_text("\n")
    return ("--images", flat, "--labels", labels)


@pytest.mark.parametrize("what, words", [
    ("word", "line 21: expected a file name and a class number"), ("one word", "line 21: expected"),
    ("lost", "1 of its 21 images are not in"), ("no labels file", "no file"), ("empty labels", "0 of its 0 images"),
])  # fmt: skip
def test_labels_that_do_not_fit_the_images_are_told(what, words, pictures, accuracy, tmp_path):
    done = accuracy(*broken(pictures, tmp_path, what))
    assert done.returncode == 2 and words in done.stderr and "labels.txt" in done.stderr and traceless(done)


@pytest.mark.parametrize("folder, words", [("nowhere", "no folder"), ("flat", "--labels names the file"), ("empty", "no images")])
def test_a_wrong_folder_of_images_is_told(folder, words, pictures, accuracy):
    (pictures / "empty").mkdir(exist_ok=True)
    done = accuracy("--images", pictures / folder)
    assert done.returncode == 2 and words in done.stderr and traceless(done)


def test_a_missing_file_of_weights_is_told_at_once(pictures, accuracy, tmp_path):
    done = accuracy("--images", pictures / "folders", weights=pictures / "nowhere.npz")
    assert done.returncode == 2 and "nowhere.npz" in done.stderr and traceless(done)


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n cut off"])
def test_an_unreadable_image_is_named_before_anything_is_measured(content, pictures, accuracy, tmp_path):
    words = broken(pictures, tmp_path, "image")
    (tmp_path / "flat" / "13.png").write_bytes(content)
    done = accuracy(*words)
    assert done.returncode == 2 and "1 of 20 images can't be used: 13.png can't be read as an image" in done.stderr and traceless(done)
    assert "--skip-unreadable 1" in done.stderr and not list((tmp_path / "results").glob("*.json"))


def test_unreadable_images_that_may_be_left_out_are_counted_in_the_record(pictures, accuracy, tmp_path, saved):
    words = broken(pictures, tmp_path, "image")
    (tmp_path / "flat" / "13.png").write_bytes(b"")  # its first answer would have been right
    for _ in range(2):
        done = accuracy(*words, "--skip-unreadable", "1")
        (record,) = saved(tmp_path / "results")
        assert (record["status"], record["images"], record["images_unreadable"], record["accuracy"]) == ("ok", 19, 1, round(14 / 19, 6))
    assert "0 to measure" in done.stdout


def test_the_record_says_which_weights_they_were_and_what_was_done_with_the_images(pictures, accuracy, tmp_path, saved):
    accuracy("--images", pictures / "folders")
    (record,) = saved(tmp_path / "results")
    checksum = hashlib.sha256((pictures / "greys.npz").read_bytes()).hexdigest()
    assert record["weights"] == f"greys.npz (sha256 {checksum[:12]})"
    assert record["preprocessing"] == "short side to 37 (bilinear), middle 32 x 32, mean 0.485 0.456 0.406, deviation 0.229 0.224 0.225"


def test_other_weights_in_a_file_of_the_same_name_are_counted_anew(pictures, accuracy, tmp_path):
    weights = tmp_path / "w.npz"
    weights.write_bytes((pictures / "greys.npz").read_bytes())
    accuracy("--images", pictures / "folders", weights=weights)
    np.savez(weights, w0=np.zeros((3072, 10)), b0=np.zeros(10))
    done = accuracy("--images", pictures / "folders", weights=weights)
    assert "1 to measure" in done.stdout


def test_a_data_set_that_nobody_named_is_called_by_its_folder_and_claims_nothing(pictures, cnn, tmp_path, saved):
    words = ("--framework", "numpy", "--models", "MLP-64", "--weights", "random", "--images", pictures / "folders", "--results", tmp_path)
    assert cnn("accuracy", *words).returncode == 0
    assert saved(tmp_path)[0]["dataset"] == "folders (a folder of the user's)"


def test_folders_from_1_to_10_are_counted_from_1_and_words_are_refused(pictures, accuracy, tmp_path, saved):
    for number in range(10):
        (tmp_path / "one" / str(number + 1)).parent.mkdir(exist_ok=True)
        (tmp_path / "one" / str(number + 1)).symlink_to(pictures / "folders" / str(number))
    assert accuracy("--images", tmp_path / "one").returncode == 0
    assert saved(tmp_path / "results")[0]["accuracy"] == 0.75
    (tmp_path / "one" / "3").rename(tmp_path / "one" / "shark")
    done = accuracy("--images", tmp_path / "one")
    assert done.returncode == 2 and "the folder 'shark' does not say" in done.stderr and traceless(done)


def test_fewer_outputs_than_classes_are_told_in_the_record(pictures, accuracy, tmp_path, saved):
    np.savez(tmp_path / "two.npz", w0=np.zeros((3072, 2)), b0=np.zeros(2))
    accuracy("--images", pictures / "folders", weights=tmp_path / "two.npz")
    assert "2 outputs, but the images have 10 classes" in saved(tmp_path / "results")[0]["reason"]


def test_answers_that_are_no_numbers_are_not_counted(pictures, accuracy, tmp_path, saved):
    np.savez(tmp_path / "nan.npz", w0=np.full((3072, 10), np.nan), b0=np.zeros(10))
    accuracy("--images", pictures / "folders", weights=tmp_path / "nan.npz")
    (record,) = saved(tmp_path / "results")
    assert record["status"] == "crashed" and "finite" in record["reason"] and "accuracy" not in record


def test_a_framework_without_pretrained_weights_says_so(pictures, accuracy, tmp_path, saved):
    accuracy("--images", pictures / "folders", weights="pretrained")
    (record,) = saved(tmp_path / "results")
    assert record["status"] == "unsupported" and "name an .npz file" in record["reason"]
