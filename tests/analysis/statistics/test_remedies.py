"""What would separate tied arms, against the test itself and by simulation."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from analysis.statistics.remedies import MOST_IMAGES, MOST_SEEDS, POWER, Remedy, remedy
from analysis.statistics.ties import LEVEL, Comparison, ErrorParts, p_of_largest

deviations = st.floats(0.005, 0.2)


def tied(apart: float, error: ErrorParts) -> Comparison:
    return Comparison(difference=apart, apart=apart, error=error, p=0.5)


def parts(images: float, seed: float, first: int = 2, other: int = 2) -> ErrorParts:
    """Of arms whose seeds have this standard deviation, and images that one, in angles."""
    return ErrorParts(images**2, 40, (seed**2, seed**2), (first, other), first + other - 2)


def found(apart: float, error: ErrorParts, rivals: int, draws: int = 2000) -> float:
    """How often the arms are separated, if the variances are these and estimated anew."""
    rng = np.random.default_rng(0)
    count, free = error.counts[0], error.freedom
    values = apart + error.standard * rng.standard_normal(draws)
    between = error.seeds[0] * rng.chisquare(free, draws) / free
    images = error.once * rng.chisquare(error.images - 1, draws) / (error.images - 1)
    separated = 0
    for value, seed, once in zip(values, between, images, strict=True):
        estimated = ErrorParts(once, error.images, (seed, seed), (count, count), free)
        size = abs(value) / estimated.standard
        separated += p_of_largest(size, [estimated] * rivals) < LEVEL
    return separated / draws


@settings(max_examples=60, deadline=None)
@given(st.floats(0.01, 0.5), deviations, deviations, st.sampled_from([1, 2]), st.integers(1, 7))
def test_larger_difference_and_fewer_rivals_never_take_more(
    apart: float, images: float, seed: float, other: int, rivals: int
) -> None:
    error = parts(images, seed, other=other)

    def cost(needed: Remedy | None) -> tuple[float, float]:
        return (np.inf, 0) if needed is None else (needed.images or 0, needed.seeds or 0)

    needed = cost(remedy(tied(apart, error), rivals))
    assert cost(remedy(tied(1.1 * apart, error), rivals)) <= needed
    assert needed <= cost(remedy(tied(apart, error), rivals + 1))


@settings(max_examples=60, deadline=None)
@given(st.floats(0.01, 0.5), deviations, deviations)
def test_remedy_is_enough_and_less_is_not(apart: float, images: float, seed: float) -> None:
    """With what it names no more images are needed; with one less, one more is."""
    error = parts(images, seed)
    needed = remedy(tied(apart, error), 3)
    assume(needed is not None and needed.seeds is not None and needed.seeds > 2)
    assert needed and needed.seeds
    if needed.images:
        enough, less = (
            replace(error, once=error.once * 40 / count, images=count)
            for count in (needed.images, needed.images - 1)
        )
        after, before = remedy(tied(apart, enough), 3), remedy(tied(apart, less), 3)
        assert after and not after.images
        assert before == needed
    else:
        count = needed.seeds - 1
        less = replace(error, counts=(count, count), freedom=2 * count - 2)
        assert remedy(tied(apart, less), 3) == needed


@pytest.mark.parametrize(("apart", "images", "seed"), [(0.2, 0.01, 0.06), (0.2, 0.03, 0.05)])
def test_power_is_about_what_it_says(apart: float, images: float, seed: float) -> None:
    error = parts(images, seed)
    needed = remedy(tied(apart, error), 3)
    assert needed and needed.seeds and not needed.images
    with_seeds = [
        replace(error, counts=(count, count), freedom=2 * count - 2)
        for count in (needed.seeds - 1, needed.seeds)
    ]
    before, after = (found(apart, one, 3) for one in with_seeds)
    assert before < POWER + 0.05
    assert after > POWER - 0.05


def test_images_are_named_where_they_are_what_is_lacking() -> None:
    needed = remedy(tied(0.05, parts(0.03, 0.001)), 1)
    assert needed and needed.seeds == MOST_SEEDS
    assert needed.images and 40 < needed.images < 40 * MOST_IMAGES


def test_of_unknown_seeds_images_alone_are_named() -> None:
    needed = remedy(tied(0.05, parts(0.03, 0.0, first=1, other=1)), 1)
    assert needed and needed.seeds is None and needed.images


def test_no_difference_is_never_found() -> None:
    assert remedy(tied(0.0, parts(0.03, 0.01)), 1) is None
