"""Ties, against tests with known answers and by simulation."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from analysis.statistics.bootstrap import Bootstrap, bootstrap, resamples
from analysis.statistics.tallies import Tally
from analysis.statistics.ties import compare_with, holm, obstacle
from runs.tallies import BoxTally, PixelTally

IMAGES = np.array([str(number) for number in range(40)])


def seeds(*scores: float) -> Bootstrap:
    """Seeds that score alike on every image, so that only seeds vary."""
    values = np.array(scores)
    return Bootstrap(IMAGES, values, np.repeat(values[:, None], 100, axis=1))


def one_seed(by_image: NDArray[np.float64]) -> Bootstrap:
    """A score that is the mean of the images', of one seed."""
    weights = resamples(len(by_image), 0, 20_000) / len(by_image)
    return Bootstrap(
        IMAGES[: len(by_image)], by_image.mean(keepdims=True), (weights @ by_image)[None]
    )


def test_holm_corrects_as_in_the_worked_example() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.7, 0.8]) == [1, 1]


def test_without_seeds_it_is_the_paired_t_test_over_images() -> None:
    rng = np.random.default_rng(0)
    best = rng.uniform(0.3, 0.9, 40)
    other = best - rng.normal(0.03, 0.08, 40)
    (found,) = compare_with(one_seed(best), [one_seed(other)])
    assert found.difference == pytest.approx((best - other).mean())
    assert found.error == pytest.approx(stats.sem(best - other), rel=0.03)
    assert found.p == pytest.approx(stats.ttest_rel(best, other).pvalue, rel=0.15)


def test_where_images_do_not_matter_it_is_welchs_test_over_seeds() -> None:
    best, other = (0.61, 0.58, 0.65), (0.52, 0.50, 0.55, 0.51)
    (found,) = compare_with(seeds(*best), [seeds(*other)])
    expected = stats.ttest_ind(best, other, equal_var=False)
    assert found.p == pytest.approx(expected.pvalue)
    assert found.freedom == pytest.approx(expected.df)


def test_seeds_that_err_on_different_images_are_counted_once() -> None:
    """The estimate of a two-way analysis of variance, of seeds by images."""
    rng = np.random.default_rng(1)
    hardness = rng.normal(0.5, 0.2, 40)
    arms = [hardness + rng.normal(0, 0.02, (3, 1)) + rng.normal(0, 0.2, (3, 40)) for _ in "ab"]
    weights = resamples(40, 0, 20_000) / 40
    best, other = (Bootstrap(IMAGES, arm.mean(axis=1), arm @ weights.T) for arm in arms)
    (found,) = compare_with(best, [other])
    images = (arms[0] - arms[1]).mean(axis=0).var(ddof=1) / 40
    between = sum(arm.mean(axis=1).var(ddof=1) / 3 for arm in arms)
    residuals = [arm - arm.mean(axis=0) for arm in arms]
    twice = sum((one - one.mean(axis=1, keepdims=True)) ** 2 for one in residuals).sum()
    both = images + between - twice / (2 * 39 * 3 * 40)
    assert found.error == pytest.approx(np.sqrt(both), rel=0.03)
    assert found.error < 0.9 * np.sqrt(images + between)


def test_arm_with_one_seed_varies_as_those_with_several_do() -> None:
    best, other = (0.6, 0.7, 0.8), 0.5
    (found,) = compare_with(seeds(*best), [seeds(other)])
    assert found.error == pytest.approx(np.sqrt(0.01 / 3 + 0.01))


def test_arms_of_one_prediction_are_tied() -> None:
    (found,) = compare_with(one_seed(np.linspace(0, 1, 40)), [one_seed(np.linspace(0, 1, 40))])
    assert (found.difference, found.p, found.tied) == (0, 1, True)


def test_arm_that_is_better_everywhere_by_the_same_is_no_tie() -> None:
    (found,) = compare_with(seeds(0.6), [seeds(0.5)])
    assert (found.p, found.tied) == (0, False)


def test_what_cannot_be_compared_says_why() -> None:
    few = Bootstrap(IMAGES[:19], np.array([0.5]), np.full((1, 9), 0.5))
    elsewhere = Bootstrap(np.char.add(IMAGES, "b"), np.array([0.5]), np.full((1, 9), 0.5))
    assert obstacle(seeds(0.5), few) == "19 test images, and 20 are needed"
    assert obstacle(seeds(0.5), elsewhere) == "tested on other images"
    assert obstacle(seeds(0.5), seeds(0.4)) is None


class World:
    """Images that are hard or easy for all models, and models that differ by seed and image."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.hardness = self.rng.normal(0, 0.8, len(IMAGES))
        self.buildings = self.rng.poisson(3, len(IMAGES))

    def skill(self, skill: float) -> NDArray[np.float64]:
        seed, image = self.rng.normal(0, 0.15), self.rng.normal(0, 0.4, len(IMAGES))
        return skill + seed + image + self.hardness

    def segmenter(self, skill: float) -> Tally:
        right = 1 / (1 + np.exp(-1 - self.skill(skill)))
        confusion = np.empty((len(IMAGES), 2, 2), np.int64)
        for true, pixels in enumerate((300, 20 * self.buildings)):
            confusion[:, true, true] = self.rng.binomial(pixels, right)
            confusion[:, true, 1 - true] = pixels - confusion[:, true, true]
        return Tally(PixelTally(IMAGES, confusion, None), ("background", "building"))

    def detector(self, skill: float) -> Tally:
        quality = self.skill(skill)
        found = self.rng.binomial(self.buildings, 1 / (1 + np.exp(-1 - quality)))
        false = self.rng.poisson(2, len(IMAGES))
        image = np.repeat(np.arange(len(IMAGES)), found + false)
        right = np.concatenate([np.arange(f + n) < f for f, n in zip(found, false, strict=True)])
        iou = np.where(right, 0.5 + 0.45 * self.rng.beta(2, 2, len(image)), 0)
        score = np.where(right, self.rng.beta(4, 2, len(image)), self.rng.beta(2, 4, len(image)))
        matched = iou[:, None] >= np.linspace(0.5, 0.95, 10)
        label = np.ones(len(image), np.int64)
        truths = self.buildings[:, None].astype(np.int64)
        boxes = BoxTally(IMAGES, truths, image, label, score.astype(np.float32), matched)
        return Tally(boxes, ("background", "building"))


def share_of_ties(
    model: Callable[[World, float], Tally], metric: str, skill: float, repeats: int, worlds: int
) -> float:
    """How often an arm of this skill is tied with one of skill 0."""
    ties = 0
    for seed in range(worlds):
        world, weights = World(seed), resamples(len(IMAGES), seed, 200)
        best, other = (
            bootstrap([model(world, arm) for _ in range(repeats)], metric, weights)
            for arm in (0, skill)
        )
        ties += compare_with(best, [other])[0].tied
    return ties / worlds


@pytest.mark.parametrize(
    ("model", "metric", "worlds"),
    [(World.segmenter, "mIoU", 200), (World.detector, "AP50", 100)],
)
def test_identical_arms_are_tied_about_95_times_of_100(
    model: Callable[[World, float], Tally], metric: str, worlds: int
) -> None:
    """The bounds are three standard errors of a share of 0.95 wide."""
    share = share_of_ties(model, metric, 0, 3, worlds)
    assert abs(share - 0.95) < 3 * np.sqrt(0.95 * 0.05 / worlds)


def test_without_repeats_seed_noise_is_taken_for_a_difference() -> None:
    """What the table warns of: one seed an arm, and images alone are too sure of themselves."""
    assert share_of_ties(World.segmenter, "mIoU", 0, 1, 100) < 0.92


@pytest.mark.parametrize(("model", "metric"), [(World.segmenter, "mIoU"), (World.detector, "AP50")])
def test_clearly_better_arm_is_found(model: Callable[[World, float], Tally], metric: str) -> None:
    assert share_of_ties(model, metric, -2, 3, 25) < 0.1
