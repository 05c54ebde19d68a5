"""How much scores vary between seeds, learnt from all arms that were trained under several.

Two or three seeds say little of one arm's variance, so that the arms are taken together. Scores
near 0 or 1 vary less than those in between; the arcsine of their square root, which stabilises the
variance of proportions (Bartlett 1947, "The Use of Transformations"), varies by about the same
everywhere. Everything here is on that scale: angles, from 0 to π / 2.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.statistics.bootstrap import Bootstrap

Array = NDArray[np.float64]


def angles(scores: Array) -> Array:
    """Scores of 0 … 1 on the scale on which they vary alike; NaN stays NaN."""
    return np.arcsin(np.sqrt(np.minimum(scores, 1)))  # a mean of ones may be rounded up


def scores_of(found: Array) -> Array:
    """The scores of these angles, 0 of those below the scale and 1 of those above it."""
    return np.sin(np.clip(found, 0, np.pi / 2)) ** 2


@dataclass(frozen=True)
class SeedVariance:
    """The variance of a score between seeds, one seed an arm, in squared angles.

    Attributes:
        total: on these very images.
        by_image: the part of it that is due to errors on different images; resampling the images
            shows that part as well, and it must not be counted twice.
    """

    total: float = 0.0
    by_image: float = 0.0


@dataclass(frozen=True)
class SeedNoise:
    """What is known of the variance between seeds.

    Attributes:
        usual: of all arms together.
        freedom: its degrees of freedom; 0 where no arm has two seeds, so that nothing is known.
    """

    usual: SeedVariance = SeedVariance()
    freedom: int = 0

    def of(self, sample: Bootstrap) -> SeedVariance:
        """That of an arm: its own or the usual one, whichever is larger.

        Few seeds that came out close together by chance must not make an arm look sure of itself;
        those that are far apart may be so because this arm varies more than others.
        """
        if len(sample.scores) == 1:
            return self.usual
        own = _own(sample)
        return SeedVariance(max(own.total, self.usual.total), own.by_image)


UNKNOWN = SeedNoise()
"""No arm has two seeds."""


def seed_noise(samples: Sequence[Bootstrap]) -> SeedNoise:
    """Pool the variances between the seeds of each arm, weighted by their degrees of freedom."""
    several = [sample for sample in samples if len(sample.scores) > 1]
    if not several:
        return UNKNOWN
    weights = [len(sample.scores) - 1 for sample in several]
    own = [_own(sample) for sample in several]
    usual = SeedVariance(
        float(np.average([one.total for one in own], weights=weights)),
        float(np.average([one.by_image for one in own], weights=weights)),
    )
    return SeedNoise(usual, sum(weights))


def variance_over_images(resampled: Array, images: float) -> float:
    """What resampling says of the variance of a score on as many images."""
    # A bootstrap's variance is that of N images divided by N, not by N − 1.
    return float(np.nanvar(resampled)) * images / (images - 1)


def _own(sample: Bootstrap) -> SeedVariance:
    """The variance between an arm's seeds: at least what their errors on different images make."""
    count, resampled = len(sample.scores), angles(sample.resampled)
    apart = resampled - resampled.mean(axis=0)
    by_image = sum(variance_over_images(one, sample.drawn.units) for one in apart) / (count - 1)
    return SeedVariance(max(float(angles(sample.scores).var(ddof=1)), by_image), by_image)
