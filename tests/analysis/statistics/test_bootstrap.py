"""The bootstrap, against cases whose uncertainty is known."""

import numpy as np
import pytest
from numpy.typing import NDArray

from analysis import AnalysisError
from analysis.statistics.bootstrap import bootstrap, resamples
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


def test_seeds_on_different_images_are_refused() -> None:
    with pytest.raises(AnalysisError, match="tested on different images"):
        bootstrap([shares(some(20)), shares(some(21))], "accuracy", resamples(20, 0))
