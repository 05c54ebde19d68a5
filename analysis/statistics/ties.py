"""Which arms cannot be distinguished from the best one, by a test of their scores on test.

A score depends on two random things: which images are in the test set, and which seed the model
was trained under. Both are in the standard error of a difference, as in studies of several
readers of the same images (Obuchowski & Rockette 1995; Hillis 2007), where an arm's seeds are its
readers. Scores are compared on the scale of `seeds.angles`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from math import inf, sqrt

import numpy as np
from scipy.special import erf, gammaincinv

from analysis.statistics.bootstrap import Bootstrap, scene_numbers
from analysis.statistics.seeds import Array, SeedNoise, angles, variance_over_images

LEVEL = 0.05

NODES = 32
"""Values that each variance is given."""


@dataclass(frozen=True)
class ErrorParts:
    """The error of a difference between two arms, or of a sum over more, in squared angles.

    Attributes:
        once: its variance over images, without what `seeds` have of it.
        images: how many independent ones there are, see `bootstrap.drawn_of`.
        seeds: the variance between seeds, of one seed of each arm.
        counts: how many seeds each arm has.
        freedom: degrees of freedom of the variance between seeds; 0 if it is not known.
    """

    once: float
    images: float
    seeds: tuple[float, ...]
    counts: tuple[int, ...]
    freedom: int

    @property
    def over_seeds(self) -> float:
        """The variance that the means over seeds have from their seeds."""
        return sum(one / count for one, count in zip(self.seeds, self.counts, strict=True))

    @property
    def standard(self) -> float:
        """The standard error."""
        return sqrt(self.once + self.over_seeds)


@dataclass(frozen=True)
class Comparison:
    """The best arm against another.

    Attributes:
        difference: the best's mean score over its seeds minus the other's.
        apart: the same as angles.
        error: of `apart`.
        p: two-sided, and corrected for the number of comparisons.
    """

    difference: float
    apart: float
    error: ErrorParts
    p: float

    @property
    def tied(self) -> bool:
        """Whether the two cannot be distinguished."""
        return self.p >= LEVEL


def compare_with(
    best: Bootstrap, others: Sequence[Bootstrap], noise: SeedNoise
) -> list[Comparison]:
    """Compare `best` with each of `others`; `p` is corrected for all of them.

    The standard error of a difference holds the variance over images, by a bootstrap that draws
    the same images for both arms, and the variance between seeds, which is `noise.of` each arm. If
    nothing is known of seeds, images are all that is tested.

    Both variances are estimates. The p value is the mean over what they may be, given those (the
    test of Behrens and Fisher, whose size is below its level; Robinson 1976): of one variance alone
    it is that of Student's t. Of several comparisons the largest difference, in standard errors,
    has the p value of the largest of as many independent ones under the same variances (Hochberg
    1974, the studentised maximum modulus, which bounds dependent ones as well), the next the p
    value of one less, and so on (Holm 1979).

    No pair may have an `obstacle`.
    """
    found = [_difference(best, other, noise) for other in others]
    errors = [error for _, _, error in found]
    corrected = step_down([apart for _, apart, _ in found], errors)
    return [
        Comparison(difference, apart, error, p)
        for (difference, apart, error), p in zip(found, corrected, strict=True)
    ]


def obstacle(best: Bootstrap, other: Bootstrap) -> str | None:
    """Why the two cannot be compared; None if they can."""
    if other.obstacle or best.obstacle:
        return other.obstacle or best.obstacle
    if not np.array_equal(best.names, other.names):
        return "tested on other images"
    if scene_numbers(best.of_scenes) != scene_numbers(other.of_scenes):
        return "the scenes of its images are others, or not known"
    return None


def step_down(apart: Sequence[float], errors: Sequence[ErrorParts]) -> list[float]:
    """The corrected p value of each difference, in angles."""
    sizes = [in_errors(one, error) for one, error in zip(apart, errors, strict=True)]
    order = sorted(range(len(sizes)), key=lambda at: -sizes[at])
    steps = [
        p_of_largest(sizes[at], [errors[one] for one in order[k:]]) for k, at in enumerate(order)
    ]
    corrected = dict(zip(order, accumulate(steps, max), strict=True))
    return [corrected[at] for at in range(len(sizes))]


def p_of_largest(size: float, errors: Sequence[ErrorParts]) -> float:
    """How likely it is that one of several differences is as large as `size` standard errors.

    If none is real, and they are independent given both variances. `errors` share the images and
    the degrees of freedom.
    """
    if size in (0, inf):
        return float(size == 0)
    images, seeds, weights = _variances(errors[0].images - 1, errors[0].freedom)
    all_smaller = np.ones(len(weights))
    for error in errors:
        if error.standard:
            variance = error.once * images + error.over_seeds * seeds
            all_smaller *= erf(size * error.standard / np.sqrt(2 * variance))
    return min(1.0, float(weights @ (1 - all_smaller)))


@lru_cache(maxsize=64)
def _variances(images: float, seeds: int) -> tuple[Array, Array, Array]:
    """What two variances may be, in units of their estimates; and the weight of each pair of them.

    `images` and `seeds` are the degrees of freedom of the estimates.
    """
    (of_images, first), (of_seeds, second) = _variance(images), _variance(seeds)
    pairs = np.meshgrid(of_images, of_seeds, indexing="ij")
    return pairs[0].ravel(), pairs[1].ravel(), np.outer(first, second).ravel()


def _variance(freedom: float) -> tuple[Array, Array]:
    """Gauss-Legendre nodes of degrees of freedom over χ², denser where the variance is large."""
    if not freedom:
        return np.ones(1), np.ones(1)
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    roots = (nodes + 1) / 2
    return freedom / (2 * gammaincinv(freedom / 2, roots**3)), weights / 2 * 3 * roots**2


def _difference(
    best: Bootstrap, other: Bootstrap, noise: SeedNoise
) -> tuple[float, float, ErrorParts]:
    """The difference of two arms as scores and as angles, and the error of the latter."""
    pair = (best, other)
    first, second = (sample.scores.mean() for sample in pair)
    resampled = [angles(sample.resampled.mean(axis=0)) for sample in pair]
    seeds, counts = [noise.of(sample) for sample in pair], [len(sample.scores) for sample in pair]
    over_images = variance_over_images(resampled[0] - resampled[1], best.drawn.units)
    twice = sum(seed.by_image / count for seed, count in zip(seeds, counts, strict=True))
    error = ErrorParts(
        once=max(0.0, over_images - twice),
        images=best.drawn.units,
        seeds=(seeds[0].total, seeds[1].total),
        counts=(counts[0], counts[1]),
        freedom=noise.freedom,
    )
    return float(first - second), float(angles(first) - angles(second)), error


def in_errors(apart: float, error: ErrorParts) -> float:
    """A difference in standard errors."""
    if apart == 0:  # the same predictions, perhaps: these have no error, either
        return 0.0
    return abs(apart) / error.standard if error.standard else inf
