"""Images as a network's weights want them: as torchvision, timm and OpenCV make them, of every kind of pixel, right or refused."""

import numpy as np
import pytest
from PIL import Image

from bench import adapters
from bench.adapters import torch as torch_adapter
from bench.run import pixels
from dlmark.measure.process import run_in_process

needs_torch = pytest.mark.skipif(adapters.version(torch_adapter) is None, reason="PyTorch is not installed here")


@pytest.fixture
def picture(tmp_path):
    """Grey in the middle, black at the edges."""
    content = np.zeros((100, 200, 3), np.uint8)
    content[30:70, 60:140] = 255
    Image.fromarray(content).save(tmp_path / "a.png")
    return str(tmp_path / "a.png")


def photograph(path, size=(151, 205)):
    """Something with detail, of odd sides."""
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)).save(path)
    return path


# ---- what the weights want ----


def test_unless_its_weights_want_otherwise_the_usual_margin_mean_and_deviation_are_taken(picture):
    image = pixels.read(picture, 224)
    assert image.shape == (3, 224, 224) and image.dtype == np.float32
    assert image[:, 112, 112] == pytest.approx((1 - pixels.MEAN) / pixels.STD, rel=1e-5)


def test_mean_and_deviation_are_those_of_the_weights(picture):
    image = pixels.read(picture, 224, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    assert (image.min(), image.max()) == (-1, 1)


def test_a_wider_margin_leaves_less_of_the_edges(picture):
    dark = [float((pixels.read(picture, 64, resize=resize)[0] < 0).mean()) for resize in (64, 73, 200)]
    assert dark[0] > dark[1] > dark[2] == 0


@pytest.mark.parametrize("interpolation", ["bicubic", "nearest", "lanczos", "bilinear-4"])
def test_the_interpolation_is_that_of_the_weights(picture, interpolation):
    assert not np.array_equal(pixels.read(picture, 64), pixels.read(picture, 64, interpolation=interpolation))


def test_squashed_images_lose_nothing_of_their_length(tmp_path):
    Image.fromarray(np.repeat(np.arange(0, 200, dtype=np.uint8)[None, :, None], 50, 0).repeat(3, 2)).save(tmp_path / "a.png")
    whole, middle = (pixels.read(tmp_path / "a.png", 32, resize=32, crop_mode=mode, mean=(0,) * 3, std=(1,) * 3) for mode in ("squash", "center"))
    assert np.ptp(whole) > 3 * np.ptp(middle) > 0


def test_a_way_of_cutting_that_is_not_known_is_refused(picture):
    with pytest.raises(NotImplementedError, match="'border', which is not known here"):
        pixels.read(picture, 32, crop_mode="border")


def test_what_was_done_is_told_in_words():
    said = pixels.words(224, resize=248, interpolation="bicubic", mean=(0.5,) * 3, std=(0.5,) * 3)
    assert said == "short side to 248 (bicubic), middle 224 x 224, mean 0.5 0.5 0.5, deviation 0.5 0.5 0.5"
    assert pixels.words(32) == "short side to 37 (bilinear), middle 32 x 32, mean 0.485 0.456 0.406, deviation 0.229 0.224 0.225"
    assert pixels.words(224, scaling="-1 to 1").endswith("middle 224 x 224, -1 to 1")


def made_by_others(path, models):
    """Of each network what its weights' own transforms make of the image."""
    torchvision = torch_adapter._torchvision()
    import timm

    with Image.open(path) as opened:
        image = opened.convert("RGB")
    for model in models:
        package, _, name = torch_adapter.models["classification"][model].partition("/")
        if package == "torchvision":
            made = torchvision.models.get_model_weights(name).DEFAULT.transforms()(image)
        else:
            made = timm.data.create_transform(**timm.data.resolve_data_config({}, pretrained_cfg=timm.models.get_pretrained_cfg(name).to_dict()))(image)
        yield made.numpy(), torch_adapter.preprocessing("classification", model)


@needs_torch
@pytest.mark.slow
def test_images_are_those_that_torchvisions_and_timms_own_transforms_make(tmp_path):
    path = photograph(tmp_path / "a.png")
    models = ["ResNet-v1b-50", "EfficientNet-B4", "InceptionV3", "ViT-B-16", "MobileNetV4-Conv-Medium", "EfficientNet-Lite1"]
    for model, (expected, how) in zip(models, run_in_process(made_by_others, path, models, silence_s=120, environment=torch_adapter.environment(1))):
        found = pixels.read(path, **how)
        assert found.shape == expected.shape and np.abs(found - expected).max() < 1e-5, model


def test_gluons_images_are_resized_as_opencv_does(tmp_path):
    cv2 = pytest.importorskip("cv2")
    path = photograph(tmp_path / "a.png")
    found = pixels.read(path, 80, resize=80, interpolation="bilinear-4", mean=(0,) * 3, std=(1,) * 3)
    wide = int(80 * 205 / 151)
    left = (wide - 80) // 2
    expected = cv2.resize(np.asarray(Image.open(path)), (wide, 80), interpolation=cv2.INTER_LINEAR)[:, left : left + 80].transpose(2, 0, 1) / 255
    assert np.abs(found - expected).max() < 2.5 / 255
    assert np.abs(pixels.read(path, 80, resize=80, mean=(0,) * 3, std=(1,) * 3) - expected).max() > 0.2


# ---- kinds of pixels ----


def middle(path):
    """Red, green and blue in the middle, of 255."""
    return (pixels.read(path, 8, resize=8, mean=(0,) * 3, std=(1,) * 3)[:, 4, 4] * 255).round(2).tolist()


def saved(path, mode, colour, **options):
    Image.new(mode, (16, 16), colour).save(path, **options)
    return path


@pytest.mark.parametrize("name, mode, colour, right", [
    ("a.png", "1", 1, [255] * 3), ("a.png", "L", 100, [100] * 3), ("a.png", "RGB", (10, 20, 30), [10, 20, 30]),
    ("a.png", "LA", (100, 255), [100] * 3), ("a.png", "RGBA", (10, 20, 30, 255), [10, 20, 30]), ("a.png", "P", 0, [0] * 3),
    ("a.tif", "CMYK", (255, 0, 0, 0), [0, 255, 255]), ("a.png", "I;16", 25_700, [100] * 3), ("a.tif", "I;16", 65_535, [255] * 3),
])  # fmt: skip
def test_every_kind_of_pixel_is_read_right(name, mode, colour, right, tmp_path):
    path = saved(tmp_path / name, mode, colour)
    assert Image.open(path).mode == mode and middle(path) == right
    pixels.look(path)


def test_a_palette_of_which_no_colour_that_is_used_is_transparent_is_read(tmp_path):
    image = Image.new("P", (16, 16), 1)
    image.putpalette([0, 0, 0, 10, 20, 30])
    image.save(tmp_path / "a.png", transparency=0)
    assert middle(tmp_path / "a.png") == [10, 20, 30]


def transparent(path, mode):
    if mode == "P":
        image = Image.new("P", (16, 16), 0)
        image.putpalette([0, 0, 0, 10, 20, 30])
        image.save(path, transparency=0)
        return
    Image.new(mode, (16, 16), (100, 0) if mode == "LA" else (10, 20, 30, 128)).save(path)


@pytest.mark.parametrize("mode", ["LA", "RGBA", "P"])
def test_what_can_be_seen_through_is_refused(mode, tmp_path):
    transparent(tmp_path / "a.png", mode)
    for reader in (pixels.look, middle):
        with pytest.raises(ValueError, match="^is transparent in places, and nobody knows what is behind it$"):
            reader(tmp_path / "a.png")


@pytest.mark.parametrize("mode, colour", [("F", 0.5), ("I", 70_000)])
def test_numbers_of_which_nobody_knows_what_is_white_are_refused(mode, colour, tmp_path):
    path = saved(tmp_path / "a.tif", mode, colour)
    with pytest.raises(ValueError, match=f"^has pixels of the kind {mode}, of which nobody knows what is white"):
        pixels.look(path)


def cut(path):
    photograph(path, (400, 400))
    path.write_bytes(path.read_bytes()[:3_000])


SPOILED = {
    "empty": (lambda path: path.write_bytes(b""), "no known format"), "text": (lambda path: path.write_bytes(b"no picture"), "no known format"),
    "cut": (cut, "can't be read as an image: "), "huge": (lambda path: Image.new("L", (1_000, 500)).save(path), "can't be read as an image: .* pixels"),
    "a strip": (lambda path: Image.new("L", (2_000, 10)).save(path), "is 200 times as long as wide"), "lost": (lambda path: None, "No such file"),
}  # fmt: skip


@pytest.mark.parametrize("suffix", ["png", "jpeg"])
@pytest.mark.parametrize("what", SPOILED)
def test_what_can_not_be_read_is_told_without_the_users_folders(what, suffix, tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 200_000)  # Pillow refuses more than twice as many
    spoil, words = SPOILED[what]
    spoil(tmp_path / f"a.{suffix}")
    for reader in (pixels.look, middle):
        with pytest.raises(ValueError, match=words) as raised:
            reader(tmp_path / f"a.{suffix}")
        assert str(tmp_path) not in str(raised.value) and "\n" not in str(raised.value)
