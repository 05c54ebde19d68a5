"""The variance between seeds, against an analysis of variance."""

import numpy as np
import pytest

from analysis.statistics.bootstrap import Bootstrap, resamples
from analysis.statistics.seeds import UNKNOWN, angles, scores_of, seed_noise
from tests.analysis.statistics.samples import IMAGES, seeds


def test_scale_goes_there_and_back_and_ends_where_scores_do() -> None:
    scores = np.array([0, 0.004, 0.5, 1])
    assert scores_of(angles(scores)) == pytest.approx(scores)
    assert angles(np.array([1 + 1e-16, np.nan])) == pytest.approx([np.pi / 2, np.nan], nan_ok=True)
    assert scores_of(np.array([-0.1, 2])) == pytest.approx([0, 1])


def test_shares_of_as_many_draws_vary_alike_on_the_scale_wherever_they_are() -> None:
    rng = np.random.default_rng(0)
    found = [angles(rng.binomial(200, p, 20_000) / 200).var() for p in (0.05, 0.3, 0.5)]
    assert found == pytest.approx([1 / 800] * 3, rel=0.1)


def test_usual_variance_is_the_mean_square_within_arms() -> None:
    arms = [(0.61, 0.58, 0.65), (0.52, 0.50), (0.3, 0.35, 0.33, 0.36), (0.9,)]
    noise = seed_noise([seeds(*scores) for scores in arms])
    squares = 0.0
    for scores in arms:
        within = [float(np.arcsin(np.sqrt(one))) for one in scores]
        squares += sum((one - sum(within) / len(within)) ** 2 for one in within)
    assert noise.freedom == 2 + 1 + 3
    assert noise.usual.total == pytest.approx(squares / 6)


def test_arm_has_its_own_variance_only_if_that_is_larger() -> None:
    calm, wild, single = seeds(0.50, 0.51), seeds(0.4, 0.6), seeds(0.5)
    noise = seed_noise([calm, wild, single])
    assert noise.of(single) == noise.usual
    assert noise.of(calm).total == noise.usual.total
    assert noise.of(wild).total == pytest.approx(float(angles(wild.scores).var(ddof=1)))


def test_without_two_seeds_nothing_is_known() -> None:
    assert seed_noise([seeds(0.4), seeds(0.5)]) == UNKNOWN


def test_seeds_that_agree_by_chance_vary_at_least_as_their_errors_do() -> None:
    """Two seeds of one score that err on different images would have another one on others."""
    rng = np.random.default_rng(0)
    errors = rng.normal(0, 0.2, (2, 40))
    values = 0.5 + errors - errors.mean(axis=1, keepdims=True)
    weights = resamples(40, 0, 20_000) / 40
    sample = Bootstrap(IMAGES, values.mean(axis=1), values @ weights.T)
    (found,) = [seed_noise([sample]).usual]
    halves = (values[0] - values[1]).var(ddof=1) / 2 / 40
    assert found.by_image == pytest.approx(halves, rel=0.05)
    assert found.total == found.by_image
