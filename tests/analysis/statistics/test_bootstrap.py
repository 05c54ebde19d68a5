"""The bootstrap, against cases whose uncertainty is known."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from analysis import AnalysisError
from analysis.statistics.bootstrap import (
    bootstrap,
    drawn_of,
    resamples,
    scene_resamples,
)
from analysis.statistics.intervals import interval
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


def in_scenes(tally: Tally, scenes: list[str]) -> Tally:
    return replace(tally, counts=replace(tally.counts, scenes=np.array(scenes)))


def test_images_that_are_no_tiles_are_drawn_as_they_always_were() -> None:
    scenes = [f"image {number}" for number in range(30)]
    np.testing.assert_array_equal(scene_resamples(scenes, 5, 100), resamples(30, 5, 100))
    tally = shares(some(30))
    alone = interval(bootstrap([tally], "accuracy", resamples(30, 5)))
    told = bootstrap([in_scenes(tally, scenes)], "accuracy", scene_resamples(scenes, 5))
    assert interval(told) == alone


def test_tiles_of_a_scene_are_drawn_together() -> None:
    scenes = [*"aabbbcd"]
    drawn = scene_resamples(scenes, seed=0, count=50)
    assert (drawn[:, 0] == drawn[:, 1]).all() and (drawn[:, 2] == drawn[:, 4]).all()
    assert (drawn[:, [0, 2, 5, 6]].sum(axis=1) == 4).all()


def test_scenes_count_as_many_if_they_are_of_one_size_and_as_less_if_not() -> None:
    assert drawn_of(np.array([*"aabbcc"])) == (6, 3, 3)
    kish = (4 + 1 + 1) ** 2 / (16 + 1 + 1)
    assert drawn_of(np.array([*"aaaabc"])).units == pytest.approx(2 / (1 / 3 + 1 / kish))
    assert drawn_of(np.array([*"abcd"])) == (4, 4, 4)


def test_few_scenes_are_too_few_however_many_tiles_they_have() -> None:
    scenes = [*"abcdefghi"] * 10
    tally = in_scenes(shares(some(90)), scenes)
    sample = bootstrap([tally], "accuracy", scene_resamples(scenes, 0))
    assert sample.obstacle == "90 test tiles of 9 scenes, and 10 scenes are needed"
    assert interval(sample) is None


def test_seeds_on_images_of_different_scenes_are_refused() -> None:
    tally = shares(some(20))
    with pytest.raises(AnalysisError, match="different scenes"):
        bootstrap([tally, in_scenes(tally, [*"ab"] * 10)], "accuracy", resamples(20, 0))


def test_the_interval_of_a_mean_over_scenes_is_student_s() -> None:
    """Ten tiles each, alike within a scene: what is known is as many numbers as scenes."""
    by_scene = some(12, seed=3)
    scenes = [str(number) for number in range(12) for _ in range(10)]
    tally = in_scenes(shares(by_scene.repeat(10)), scenes)
    found = interval(bootstrap([tally], "accuracy", scene_resamples(scenes, 0, 100_000)))
    assert found is not None
    half = stats.t.ppf(0.975, 11) * (by_scene / 1000).std(ddof=1) / np.sqrt(12)
    assert found[1] - found[0] == pytest.approx(2 * half, rel=0.08)
