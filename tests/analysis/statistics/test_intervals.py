"""Intervals, against those of Student."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from analysis.statistics.bootstrap import bootstrap, resamples
from analysis.statistics.intervals import interval
from analysis.statistics.seeds import SeedNoise, SeedVariance, angles, scores_of, seed_noise
from tests.analysis.statistics.samples import seeds
from tests.analysis.statistics.test_bootstrap import shares, some


def symmetric(images: int) -> NDArray[np.int64]:
    right = some(images // 2)
    return np.concatenate([right, 1000 - right])


@pytest.mark.parametrize("images", [20, 200])
def test_interval_of_a_mean_is_students(images: int) -> None:
    right = symmetric(images)
    found = interval(bootstrap([shares(right)], "accuracy", resamples(images, 0, 100_000)))
    values = right / 1000
    expected = stats.t.interval(0.95, images - 1, values.mean(), stats.sem(values))
    assert found == pytest.approx(expected, abs=0.008 * (expected[1] - expected[0]))


def test_seeds_are_averaged_on_the_same_images() -> None:
    """One seed errs where the other does not: their mean is the same on whatever is drawn."""
    right = some(30)
    sample = bootstrap([shares(right), shares(1000 - right)], "accuracy", resamples(30, 0))
    assert interval(sample) == pytest.approx((0.5, 0.5))


def test_where_images_do_not_matter_it_is_students_over_seeds() -> None:
    sample = seeds(0.31, 0.33, 0.36)
    found = interval(sample, seed_noise([sample]))
    values = angles(sample.scores)
    centre = angles(sample.scores.mean())
    expected = stats.t.interval(0.95, 2, centre, stats.sem(values))
    assert found == pytest.approx(scores_of(np.array(expected)))


def test_both_errors_are_in_the_interval() -> None:
    """The sum of two values of Student's t, drawn."""
    right = symmetric(40)
    more = [shares(right), shares(right + 60), shares(right - 60)]
    sample = bootstrap(more, "accuracy", resamples(40, 0, 20_000))
    found = interval(sample, seed_noise([sample]))
    rng = np.random.default_rng(0)
    images = stats.sem(right / 1000) * rng.standard_t(39, 400_000)
    between = stats.sem(sample.scores) * rng.standard_t(2, 400_000)
    expected = 0.5 + np.quantile(images + between, [0.025, 0.975])
    assert found == pytest.approx(tuple(expected), abs=0.02)


def test_what_seeds_and_images_share_is_counted_once() -> None:
    """Where seeds differ by next to nothing, what is left is the error over images."""
    right = symmetric(20)
    sample = bootstrap([shares(right)], "accuracy", resamples(20, 0, 50_000))
    alone = interval(sample) or (-1, -1)
    unshared = interval(sample, SeedNoise(SeedVariance(1e-12), 3)) or (-1, -1)
    assert unshared == pytest.approx(alone, abs=0.02 * (alone[1] - alone[0]))
    half = float(angles(sample.resampled[0]).var()) * 20 / 19 / 2
    shared = interval(sample, SeedNoise(SeedVariance(1e-12, half), 3)) or (-1, -1)
    width = (shared[1] - shared[0]) / (unshared[1] - unshared[0])
    assert width == pytest.approx(0.5**0.5, abs=0.01)


def test_arm_near_zero_has_no_bound_below_zero_and_a_narrow_interval() -> None:
    noise = seed_noise([seeds(0.30, 0.34)])
    low, high = interval(seeds(0.002), noise) or (-1, -1)
    middle = interval(seeds(0.3), noise) or (-1, -1)
    assert 0 <= low < 0.002 < high
    assert high - low < (middle[1] - middle[0]) / 2


def test_too_few_images_have_no_interval() -> None:
    sample = bootstrap([shares(some(19))], "accuracy", resamples(19, 0))
    assert interval(sample) is None
    assert sample.obstacle == "19 test images, and 20 are needed"


def test_metric_that_most_images_lack_has_no_interval() -> None:
    tally = shares(np.append(some(1), np.full(29, 1000)))  # one image has predictions of buildings
    sample = bootstrap([tally], "precision/building", resamples(30, 0))
    assert interval(sample) is None
    assert sample.obstacle == "the metric is not defined in many resamples of the test images"
