"""The pixels of an image file as 8-bit red, green and blue, right or not at all; and what a network is given of them."""

from pathlib import Path

import numpy as np

MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)
MOST_OBLONG = 100  # times as long as wide; the middle of what is longer shows next to nothing of it


def look(path: Path) -> None:
    """Read the file once, as quickly as tells whether `read` can use it. Raises ValueError, in words that go after the file's name, where it can't."""
    _opened(path, quickly=True)


def read(
    path: str | Path, crop: int, resize: int | None = None, interpolation: str = "bilinear", mean=MEAN, std=STD, crop_mode: str = "center", **_
) -> np.ndarray:
    """One image as a network wants it: (3, crop, crop), float32, less the mean, over the deviation.

    The short side becomes `resize`, and the middle is cut out; with the crop_mode `squash` both sides become it. Unless its weights want
    otherwise, the short side is 256 for 224, and mean and deviation are those of ImageNet's images between 0 and 1. Sizes are rounded as
    torchvision rounds them. `bilinear-4` takes the four nearest pixels alone, as OpenCV does, where Pillow's takes all that fall together.
    """
    if crop_mode not in ("center", "squash"):
        raise NotImplementedError(f"the weights want images cut in the way {crop_mode!r}, which is not known here: use other weights")
    image = _opened(Path(path))
    short = resize or round(crop * 256 / 224)
    width, height = (short if crop_mode == "squash" else int(short * side / min(image.size)) for side in image.size)
    left, top = (int(round((side - crop) / 2)) for side in (width, height))
    image = _resized(image, (width, height), interpolation).crop((left, top, left + crop, top + crop))
    return ((np.asarray(image, np.float32) / 255 - np.float32(mean)) / np.float32(std)).transpose(2, 0, 1)


def _resized(image, sides: tuple[int, ...], interpolation: str):
    from PIL import Image

    if interpolation == "bilinear-4":
        return image.transform(sides, Image.Transform.EXTENT, (0, 0, *image.size), Image.Resampling.BILINEAR)
    return image.resize(sides, Image.Resampling[interpolation.upper()])


def _opened(path: Path, quickly: bool = False):
    """The image in RGB. Raises ValueError where it can't be read, or it is not known what its pixels look like."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            oblong = max(image.size) / min(image.size)
            if quickly:
                image.draft(image.mode, (1, 1))  # a JPEG in an eighth of its size: all of the file is read
            image.load()
    except UnidentifiedImageError:
        raise ValueError("can't be read as an image: its content is of no known format") from None
    except Exception as error:  # whatever a format's reader makes of odd content: each has errors of its own
        said = (getattr(error, "strerror", None) or str(error)).replace(str(path), path.name)
        raise ValueError(f"can't be read as an image: {said.rstrip('.') or type(error).__name__}") from error
    if oblong > MOST_OBLONG:
        raise ValueError(f"is {oblong:,.0f} times as long as wide, and its middle shows next to nothing of it")
    return _rgb(image)


def _rgb(image):
    """In 8-bit RGB. Raises ValueError where that would be a guess."""
    from PIL import Image

    if image.mode.startswith("I;16") and "transparency" not in image.info:  # 65,535 is white; Pillow's own conversion would take all above 255 for white
        grey = np.asarray(image).astype(np.uint32)
        return Image.fromarray(((grey + 128) // 257).astype(np.uint8)).convert("RGB")
    if image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info and image.mode in ("1", "L", "P", "RGB"):
        alpha = image.convert("RGBA").getchannel("A")
        if alpha.getextrema() != (255, 255):
            raise ValueError("is transparent in places, and nobody knows what is behind it")
        return image.convert("RGBA").convert("RGB")
    if image.mode in ("1", "L", "P", "RGB", "RGBX", "CMYK", "YCbCr", "HSV"):
        return image.convert("RGB")
    raise ValueError(f"has pixels of the kind {image.mode}, of which nobody knows what is white: save it with 8 bits a colour")


def words(crop: int, resize: int | None = None, interpolation: str = "bilinear", mean=MEAN, std=STD, crop_mode: str = "center", scaling: str | None = None,
          **_) -> str:  # fmt: skip
    """What `read` does, and the network's adapter after it, for a record."""
    short = resize or round(crop * 256 / 224)
    size = f"both sides to {short}" if crop_mode == "squash" else f"short side to {short}"
    numbers = scaling or "mean {} {} {}, deviation {} {} {}".format(*(f"{float(value):.4g}" for value in (*mean, *std)))
    return f"{size} ({interpolation}), middle {crop} x {crop}, {numbers}"
