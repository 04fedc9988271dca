"""Made-up pictures that resemble photographs in what matters to a network: large shapes and fine detail, light and dark, colours that go together."""

import numpy as np


def pictures(shape: tuple[int, ...], count: int, random: np.random.Generator) -> np.ndarray:
    """Normalized images, (count, channels, height, width), float32, the same for the same `random`.

    Photographs hold as much contrast in every octave of detail: their spectrum falls as one over the frequency (Field 1987), where white
    noise has all of it in the finest. The channels share most of it, and pictures differ in light and contrast. Over many pictures the
    mean is near 0 and the deviation near 1, as of photographs less ImageNet's mean over its deviation.
    """
    channels, height, width = shape
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width))
    frequency[0, 0] = np.inf  # the light is chosen apart

    def detail(channels: int) -> np.ndarray:
        found = np.fft.irfft2(np.fft.rfft2(random.standard_normal((count, channels, height, width))) / frequency, s=(height, width))
        return found / found.std(axis=(2, 3), keepdims=True)

    shared, own = detail(1), detail(channels)
    light, contrast = 0.5 * random.standard_normal((count, 1, 1, 1)), random.uniform(0.5, 1.2, (count, 1, 1, 1))
    tint = 0.2 * random.standard_normal((count, channels, 1, 1))
    return ((0.95 * shared + 0.3 * own) * contrast + light + tint).astype(np.float32)
