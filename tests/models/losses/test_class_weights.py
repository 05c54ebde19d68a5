"""Class weights: each recipe against its paper's formula, and what they have in common."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.losses.class_weights import (
    RECIPES,
    ClassWeightsError,
    check_class_weights,
    class_weights,
)

LANDCOVER = (5810, 86, 3330, 610, 160)
"""LandCover.ai's classes, in hundredths of a percent."""


def weights_of(
    spec: str, pixels: tuple[int, ...], areas: tuple[int, ...] | None = None
) -> tuple[float, ...]:
    """Where `areas` are not given, every image holds every class."""
    return class_weights(spec, pixels, (sum(pixels),) * len(pixels) if areas is None else areas)


def scaled(weights: list[float]) -> tuple[float, ...]:
    return tuple(float(weight) for weight in np.array(weights) / np.mean(weights))


def test_with_none_all_weights_are_equal() -> None:
    assert weights_of("none", (9, 0, 1)) == (1, 1, 1)


def test_inverse_is_one_over_the_pixels() -> None:
    assert weights_of("inverse", LANDCOVER) == pytest.approx(scaled([1 / n for n in LANDCOVER]))


def test_median_frequency_counts_a_class_in_the_images_that_hold_it() -> None:
    """Two images of 100 px; class 2 is rare in all, but fills half of the image it is in."""
    images = [np.repeat([0, 1], [80, 20]), np.repeat([0, 2], [50, 50])]
    pixels = tuple(int(sum((image == c).sum() for image in images)) for c in range(3))
    areas = tuple(sum(image.size for image in images if c in image) for c in range(3))
    frequencies = [130 / 200, 20 / 100, 50 / 100]
    expected = scaled([np.median(frequencies) / f for f in frequencies])
    assert weights_of("median_frequency", pixels, areas) == pytest.approx(expected)
    assert weights_of("inverse", pixels) != pytest.approx(expected)


def test_effective_number_follows_its_formula() -> None:
    beta = (610 - 1) / 610
    expected = scaled([(1 - beta) / (1 - beta**n) for n in LANDCOVER])
    assert weights_of("effective_number", LANDCOVER) == pytest.approx(expected)


def test_effective_number_lies_between_none_and_inverse_at_any_resolution() -> None:
    inverse = weights_of("inverse", LANDCOVER)
    for scale in (1, 10**6):
        weights = weights_of("effective_number", tuple(scale * n for n in LANDCOVER))
        assert 5 < weights[1] / weights[0] < inverse[1] / inverse[0] / 5
        assert weights == pytest.approx(weights_of("effective_number", LANDCOVER), rel=0.01)


def test_numbers_keep_their_ratios() -> None:
    assert weights_of("1, 2, 0", (5, 5, 5)) == pytest.approx((1, 2, 0))
    assert weights_of("10,20", (5, 5)) == pytest.approx((2 / 3, 4 / 3))


@given(
    st.sampled_from([*RECIPES, "1,2,3,4"]),
    st.lists(st.integers(0, 10**10), min_size=4, max_size=4).filter(any),
)
def test_the_mean_over_the_classes_that_occur_is_one(spec: str, pixels: list[int]) -> None:
    weights = np.array(weights_of(spec, tuple(pixels)))
    occurs = np.array(pixels) > 0
    assert np.isfinite(weights).all()
    assert weights[occurs].mean() == pytest.approx(1)
    assert (weights[occurs] > 0).all()
    assert (weights[~occurs] == (1 if spec == "none" else 0)).all()


@given(
    st.sampled_from(["inverse", "median_frequency", "effective_number"]),
    st.lists(st.integers(1, 10**10), min_size=2, max_size=6),
)
def test_a_rarer_class_never_has_a_lower_weight(spec: str, pixels: list[int]) -> None:
    weights = weights_of(spec, tuple(pixels))
    by_rarity = [weight for _, weight in sorted(zip(pixels, weights, strict=True), reverse=True)]
    assert all(b >= a * (1 - 1e-6) for a, b in pairwise(by_rarity))


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ("invers", "did you mean 'inverse'"),
        ("1; 2; 3", "neither a recipe nor numbers"),
        ("1, 2", "2 numbers for 3 classes"),
        ("1, -2, 1", "none is below 0"),
        ("1, nan, 1", "weights are finite"),
        ("0, 0, 0", "one is above 0"),
    ],
)
def test_what_is_not_a_weighting_is_refused(spec: str, reason: str) -> None:
    with pytest.raises(ClassWeightsError, match=reason):
        check_class_weights(spec, 3)


def test_numbers_can_be_checked_before_the_classes_are_known() -> None:
    check_class_weights("1, 2")


@pytest.mark.parametrize(
    ("spec", "pixels", "reason"),
    [
        ("inverse", (0, 0), "no labelled pixel"),
        ("0, 1", (9, 0), "every class in the training split has the weight 0"),
    ],
)
def test_weights_of_nothing_are_refused(spec: str, pixels: tuple[int, ...], reason: str) -> None:
    with pytest.raises(ClassWeightsError, match=reason):
        weights_of(spec, pixels)
