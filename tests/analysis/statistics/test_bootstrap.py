"""The bootstrap, against cases whose uncertainty is known."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from analysis import AnalysisError
from analysis.statistics.bootstrap import bootstrap, interval, resamples
from analysis.statistics.tallies import Tally
from runs.tallies import PixelTally


def shares(right: NDArray[np.int64], pixels: int = 1000) -> Tally:
    """Images of as many pixels each, so that accuracy is the mean of the images' shares."""
    confusion = np.zeros((len(right), 2, 2), np.int64)
    confusion[:, 0, 0], confusion[:, 0, 1] = right, pixels - right
    names = np.array([str(number) for number in range(len(right))])
    return Tally(PixelTally(names, confusion, None), ("background", "building"))


def some(images: int, seed: int = 0) -> NDArray[np.int64]:
    return np.random.default_rng(seed).integers(300, 900, images)


def test_resamples_draw_as_many_images_as_there_are_and_depend_on_the_seed() -> None:
    drawn = resamples(7, seed=3, count=500)
    assert (drawn.sum(axis=1) == 7).all()
    assert drawn.mean(axis=0) == pytest.approx(np.ones(7), abs=0.2)
    assert drawn.var() == pytest.approx(6 / 7, rel=0.1)  # multinomial
    np.testing.assert_array_equal(drawn, resamples(7, seed=3, count=500))
    assert not np.array_equal(drawn, resamples(7, seed=4, count=500))


@pytest.mark.parametrize("images", [20, 200])
def test_interval_of_a_mean_is_students(images: int) -> None:
    right = some(images // 2)
    tally = shares(np.concatenate([right, 1000 - right]))  # symmetric, as Student's is
    found = interval(bootstrap([tally], "accuracy", resamples(images, 0, 100_000)))
    values = np.concatenate([right, 1000 - right]) / 1000
    expected = stats.t.interval(0.95, images - 1, values.mean(), stats.sem(values))
    assert found == pytest.approx(expected, abs=0.008 * (expected[1] - expected[0]))


def test_seeds_are_averaged_on_the_same_images() -> None:
    """One seed errs where the other does not: their mean is the same on whatever is drawn."""
    right = some(30)
    sample = bootstrap([shares(right), shares(1000 - right)], "accuracy", resamples(30, 0))
    assert interval(sample) == pytest.approx((0.5, 0.5))


def test_too_few_images_have_no_interval() -> None:
    sample = bootstrap([shares(some(19))], "accuracy", resamples(19, 0))
    assert interval(sample) is None
    assert sample.obstacle == "19 test images, and 20 are needed"


def test_metric_that_most_images_lack_has_no_interval() -> None:
    tally = shares(np.append(some(1), np.full(29, 1000)))  # one image has predictions of buildings
    sample = bootstrap([tally], "precision/building", resamples(30, 0))
    assert interval(sample) is None
    assert sample.obstacle == "the metric is not defined in many resamples of the test images"


def test_seeds_on_different_images_are_refused() -> None:
    with pytest.raises(AnalysisError, match="tested on different images"):
        bootstrap([shares(some(20)), shares(some(21))], "accuracy", resamples(20, 0))
