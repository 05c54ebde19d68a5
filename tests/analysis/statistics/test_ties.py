"""Ties, against tests with known answers and by simulation."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import integrate, stats

from analysis.statistics.bootstrap import Bootstrap, bootstrap, resamples
from analysis.statistics.seeds import angles, seed_noise
from analysis.statistics.tallies import Tally
from analysis.statistics.ties import (
    Comparison,
    ErrorParts,
    compare_with,
    in_errors,
    obstacle,
    p_of_largest,
    step_down,
)
from runs.tallies import BoxTally, PixelTally
from tests.analysis.statistics.samples import IMAGES, seeds


def one_seed(by_image: NDArray[np.float64]) -> Bootstrap:
    """A score that is the mean of the images', of one seed."""
    weights = resamples(len(by_image), 0, 20_000) / len(by_image)
    return Bootstrap(
        IMAGES[: len(by_image)], by_image.mean(keepdims=True), (weights @ by_image)[None]
    )


def compare(best: Bootstrap, *others: Bootstrap) -> list[Comparison]:
    return compare_with(best, others, seed_noise([best, *others]))


def error(once: float, seeds: float, images: int = 40, freedom: int = 4) -> ErrorParts:
    """Of arms with one seed each."""
    return ErrorParts(once, images, (seeds / 2, seeds / 2), (1, 1), freedom)


def test_without_seeds_it_is_the_paired_t_test_over_images() -> None:
    rng = np.random.default_rng(0)
    best = rng.uniform(0.3, 0.9, 40)
    other = best - rng.normal(0.03, 0.08, 40)
    (found,) = compare(one_seed(best), one_seed(other))
    assert found.difference == pytest.approx((best - other).mean())
    assert found.p == pytest.approx(stats.ttest_rel(best, other).pvalue, rel=0.15)


def test_where_images_do_not_matter_it_is_students_test_over_seeds() -> None:
    best, other = (0.61, 0.58, 0.65), (0.51, 0.48, 0.55)  # of about the same variance
    (found,) = compare(seeds(*best), seeds(*other))
    expected = stats.ttest_ind(angles(np.array(best)), angles(np.array(other)))
    assert found.p == pytest.approx(expected.pvalue, rel=0.05)


def test_seeds_that_err_on_different_images_are_counted_once() -> None:
    """The estimate of a two-way analysis of variance, of seeds by images; an angle is a score."""
    rng = np.random.default_rng(1)
    hardness = rng.normal(0.5, 0.05, 40)
    arms = [hardness + rng.normal(0, 0.01, (3, 1)) + rng.normal(0, 0.2, (3, 40)) for _ in "ab"]
    weights = resamples(40, 0, 20_000) / 40
    best, other = (Bootstrap(IMAGES, arm.mean(axis=1), arm @ weights.T) for arm in arms)
    (found,) = compare(best, other)
    images = (arms[0] - arms[1]).mean(axis=0).var(ddof=1) / 40
    residuals = [arm - arm.mean(axis=0) for arm in arms]
    by_image = [((one.T - one.mean(axis=1)) ** 2).sum() / (39 * 40 * 2) for one in residuals]
    own = [
        max(arm.mean(axis=1).var(ddof=1), twice) for arm, twice in zip(arms, by_image, strict=True)
    ]
    between = sum(max(one, sum(own) / 2) / 3 for one in own)
    both = images + between - sum(by_image) / 3
    assert found.error.standard == pytest.approx(np.sqrt(both), rel=0.03)
    assert found.error.standard < 0.9 * np.sqrt(images + between)


def test_arm_with_one_seed_varies_as_those_with_several_do() -> None:
    best, other = (0.4, 0.5, 0.6), 0.5
    (found,) = compare(seeds(*best), seeds(other))
    variance = angles(np.array(best)).var(ddof=1)
    assert found.error.standard == pytest.approx(np.sqrt(variance / 3 + variance))


@pytest.mark.parametrize("size", [0.5, 3.0, 12.0])
@pytest.mark.parametrize("freedom", [1, 2, 6])
def test_of_one_variance_it_is_students_t(freedom: int, size: float) -> None:
    over_seeds = p_of_largest(size, [error(0, 0.02, freedom=freedom)])
    assert over_seeds == pytest.approx(2 * stats.t.sf(size, freedom), rel=1e-3)
    over_images = p_of_largest(size, [error(0.02, 0, images=freedom + 1, freedom=0)])
    assert over_images == pytest.approx(2 * stats.t.sf(size, freedom), rel=1e-3)


def test_of_two_variances_it_is_the_test_of_behrens_and_fisher() -> None:
    """Whose error is the sum of two values of Student's t, drawn."""
    rng = np.random.default_rng(0)
    drawn = 0.3 * rng.standard_t(39, 10**6) + 0.4 * rng.standard_t(4, 10**6)
    expected = (abs(drawn) > 2.5 * 0.5).mean()
    assert p_of_largest(2.5, [error(0.09, 0.16)]) == pytest.approx(expected, rel=0.01)


def test_of_several_it_is_the_studentised_maximum_modulus() -> None:
    def larger(ratio: float) -> float:
        alone = 2 * stats.norm.cdf(3.2 * np.sqrt(ratio)) - 1
        return float((1 - alone**5) * stats.chi2.pdf(4 * ratio, 4) * 4)

    expected = integrate.quad(larger, 0, np.inf)[0]
    assert p_of_largest(3.2, [error(0, 0.02)] * 5) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("seed", range(10))
def test_correction_keeps_the_order_and_is_between_none_and_bonferronis(seed: int) -> None:
    rng = np.random.default_rng(seed)
    errors = [error(*rng.uniform(0, 0.02, 2)) for _ in range(6)]
    apart = rng.normal(0, 0.5, 6)
    sizes = np.array([in_errors(*pair) for pair in zip(apart, errors, strict=True)])
    alone = [p_of_largest(*pair) for pair in zip(sizes, [[one] for one in errors], strict=True)]
    found = np.array(step_down(apart.tolist(), errors))
    assert (np.diff(found[np.argsort(-sizes)]) >= 0).all()
    assert (found >= np.array(alone) - 1e-12).all()
    assert found[sizes.argmax()] <= sum(p_of_largest(sizes.max(), [one]) for one in errors)
    shuffled = rng.permutation(6)
    again = step_down(apart[shuffled].tolist(), [errors[at] for at in shuffled])
    assert again == pytest.approx(found[shuffled])


def test_difference_that_is_clear_does_not_count_against_the_next_one() -> None:
    errors = [error(0.01, 0.01)] * 3
    _, middle, small = step_down([1e9, 0.4, 0.0], errors)
    assert middle == pytest.approx(p_of_largest(in_errors(0.4, errors[0]), errors[:2]))
    assert small == 1


def test_arms_of_one_prediction_are_tied() -> None:
    (found,) = compare(one_seed(np.linspace(0, 1, 40)), one_seed(np.linspace(0, 1, 40)))
    assert (found.difference, found.p, found.tied) == (0, 1, True)


def test_arm_that_is_better_everywhere_by_the_same_is_no_tie() -> None:
    (found,) = compare(seeds(0.6), seeds(0.5))
    assert (found.p, found.tied) == (0, False)


def test_what_cannot_be_compared_says_why() -> None:
    few = Bootstrap(IMAGES[:19], np.array([0.5]), np.full((1, 9), 0.5))
    elsewhere = Bootstrap(np.char.add(IMAGES, "b"), np.array([0.5]), np.full((1, 9), 0.5))
    assert obstacle(seeds(0.5), few) == "19 test images, and 20 are needed"
    assert obstacle(seeds(0.5), elsewhere) == "tested on other images"
    tiles = replace(seeds(0.4), scenes=np.repeat([*"abcdefghij"], len(IMAGES) // 10))
    assert obstacle(seeds(0.5), tiles) == "the scenes of its images are others, or not known"
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
        ties += compare(best, other)[0].tied
    return ties / worlds


@pytest.mark.parametrize(
    ("model", "metric", "worlds"),
    [(World.segmenter, "mIoU", 200), (World.detector, "AP50", 100)],
)
def test_identical_arms_are_tied_95_times_of_100_or_more(
    model: Callable[[World, float], Tally], metric: str, worlds: int
) -> None:
    """But for three standard errors of a share of 0.95; `benchmarks/ties.py` simulates more."""
    share = share_of_ties(model, metric, 0, 3, worlds)
    assert share > 0.95 - 3 * np.sqrt(0.95 * 0.05 / worlds)


def test_without_repeats_seed_noise_is_taken_for_a_difference() -> None:
    """What the table warns of: one seed an arm, and images alone are too sure of themselves."""
    assert share_of_ties(World.segmenter, "mIoU", 0, 1, 100) < 0.92


@pytest.mark.parametrize(("model", "metric"), [(World.segmenter, "mIoU"), (World.detector, "AP50")])
def test_clearly_better_arm_is_found(model: Callable[[World, float], Tally], metric: str) -> None:
    assert share_of_ties(model, metric, -2, 3, 25) < 0.1
