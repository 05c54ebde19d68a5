"""Weighted sums of scores, against tests with known answers."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from analysis.statistics.bootstrap import Bootstrap, resamples
from analysis.statistics.contrasts import contrast
from analysis.statistics.seeds import UNKNOWN, seed_noise
from analysis.statistics.ties import compare_with, p_of_largest
from tests.analysis.statistics.samples import IMAGES, seeds

RNG = np.random.default_rng(0)
BASE = RNG.uniform(0.4, 0.6, 40)
WEIGHTS = resamples(40, 0, 20_000) / 40


def one_seed(by_image: NDArray[np.float64]) -> Bootstrap:
    """A score that is the mean of the images', of one seed."""
    return Bootstrap(IMAGES, by_image.mean(keepdims=True), (WEIGHTS @ by_image)[None])


def test_of_two_arms_it_is_the_paired_t_interval() -> None:
    other = BASE + RNG.normal(0.03, 0.08, 40)
    found = contrast([(1.0, one_seed(other)), (-1.0, one_seed(BASE))], UNKNOWN)
    expected = stats.ttest_1samp(other - BASE, 0).confidence_interval(0.95)
    assert found.value == pytest.approx((other - BASE).mean())
    assert [found.low, found.high] == pytest.approx(list(expected), abs=0.001)


def test_of_several_pairs_it_is_the_t_interval_of_their_mean_difference() -> None:
    """Errors that the pairs share on an image are not averaged out, as they are not independent."""
    shared = RNG.normal(0.03, 0.08, 40)
    pairs = [(BASE + shared + RNG.normal(0, 0.02, 40), BASE) for _ in range(3)]
    terms = [
        (sign / 3, one_seed(by_image))
        for pair in pairs
        for sign, by_image in zip((1, -1), pair, strict=True)
    ]
    found = contrast(terms, UNKNOWN)
    mean = np.mean([first - second for first, second in pairs], axis=0)
    expected = stats.ttest_1samp(mean, 0).confidence_interval(0.95)
    assert [found.low, found.high] == pytest.approx(list(expected), abs=0.001)


def test_where_images_do_not_matter_it_is_students_interval_over_seeds() -> None:
    best, other = (0.85, 0.82, 0.88), (0.80, 0.77, 0.83)
    samples = [seeds(*best), seeds(*other)]
    found = contrast([(1.0, samples[0]), (-1.0, samples[1])], seed_noise(samples))
    expected = stats.ttest_ind(best, other).confidence_interval(0.95)
    assert [found.low, found.high] == pytest.approx(list(expected), abs=0.004)


def test_it_agrees_with_the_test_of_the_ranking() -> None:
    other = one_seed(BASE + RNG.normal(0.02, 0.08, 40))
    found = contrast([(1.0, other), (-1.0, one_seed(BASE))], UNKNOWN)
    (tie,) = compare_with(other, [one_seed(BASE)], UNKNOWN)
    size = abs(found.value) / found.error.standard
    assert p_of_largest(size, [found.error]) == pytest.approx(tie.p, rel=0.05)
    assert (found.low <= 0 <= found.high) == tie.tied


def test_same_predictions_have_no_error() -> None:
    found = contrast([(1.0, one_seed(BASE)), (-1.0, one_seed(BASE))], UNKNOWN)
    assert (found.value, found.low, found.high) == (0, 0, 0)
