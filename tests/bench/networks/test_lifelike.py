"""Pictures that are made up: with the contrast of photographs in every octave, and the same each time."""

import numpy as np
import pytest

from bench.networks.lifelike import pictures


def octaves(image):
    """Contrast in each octave of detail, coarse ones first."""
    power = np.abs(np.fft.fft2(image)) ** 2
    frequency = np.hypot(*np.meshgrid(*[np.fft.fftfreq(len(image))] * 2))
    return [power[(frequency >= low) & (frequency < 2 * low)].sum() for low in (1 / 64, 1 / 32, 1 / 16, 1 / 8)]


def test_each_octave_holds_about_as_much_contrast_where_noise_has_it_in_the_finest():
    made = pictures((3, 128, 128), 16, np.random.default_rng(0))
    noise = np.random.default_rng(0).standard_normal((128, 128))
    shares = np.mean([octaves(image[0]) for image in made], axis=0)
    assert shares.max() / shares.min() < 2 and octaves(noise)[-1] / octaves(noise)[0] > 20


def test_they_are_normalized_and_their_channels_go_together():
    made = pictures((3, 64, 64), 200, np.random.default_rng(1))
    assert made.shape == (200, 3, 64, 64) and made.dtype == np.float32
    assert abs(made.mean()) < 0.1 and made.std() == pytest.approx(1, abs=0.15)
    assert np.mean([np.corrcoef(image[0].ravel(), image[1].ravel())[0, 1] for image in made]) > 0.8


def test_they_are_the_same_each_time_and_differ_among_themselves():
    first, again = (pictures((3, 32, 40), 2, np.random.default_rng(2)) for _ in range(2))
    assert np.array_equal(first, again) and np.abs(first[0] - first[1]).max() > 1
