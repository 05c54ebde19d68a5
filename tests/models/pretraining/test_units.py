"""Stored values against those that published weights were trained on."""

import pytest

from datasets.spectrum import SENSORS, Band, band
from models.backbones.published import Published, Scale
from models.pretraining.units import warnings

SENTINEL2 = SENSORS["sentinel-2"][1:4]
RGB = tuple(map(band, ("red", "green", "blue")))
REFLECTANCE = Scale((0.0,), (10_000.0,))
IMAGENET = Scale((124.0, 116.0, 104.0), (58.0, 57.0, 57.0))
RADAR = Scale((-12.6,), (5.3,))


def told(
    scale: Scale | None, mean: float, std: float, bands: tuple[Band, ...] = SENTINEL2
) -> list[str]:
    weights = Published("W", "owner/name@main", "w.pth", RGB, "mit", scale)
    return list(warnings(weights, bands, [mean] * len(bands), [std] * len(bands)))


@pytest.mark.parametrize(
    ("scale", "mean", "std"),
    [(REFLECTANCE, 1400, 900), (IMAGENET, 90, 40), (RADAR, -11, 4), (None, 0.2, 0.1)],
)
def test_the_same_units_are_no_matter(scale: Scale | None, mean: float, std: float) -> None:
    assert told(scale, mean, std) == []


@pytest.mark.parametrize(
    ("scale", "mean", "std", "what"),
    [
        (REFLECTANCE, 0.14, 0.09, "mean 0.14, deviation 0.09, and theirs were divided by 10,000"),
        (REFLECTANCE, 100, 40, "divided by 10,000"),
        (IMAGENET, 1400, 900, "theirs mean 104, deviation 57"),
        (IMAGENET, 0.4, 0.2, "B2 has mean 0.4"),
        (RADAR, 0.1, 0.08, "theirs mean -12.6, deviation 5.3"),
    ],
)
def test_another_order_of_magnitude_is_named(
    scale: Scale, mean: float, std: float, what: str
) -> None:
    (line,) = told(scale, mean, std)
    assert what in line and "does not reach the network" in line


def test_weights_of_rgb_on_more_bands_are_warned_of() -> None:
    (line,) = told(None, 0, 1, SENSORS["sentinel-2"][:5])
    assert "stands for B1, B5, which they have never seen" in line


def test_bands_that_the_weights_do_not_know_are_not_compared() -> None:
    assert told(IMAGENET, 0.4, 0.2, (band("slope"),)) == []
