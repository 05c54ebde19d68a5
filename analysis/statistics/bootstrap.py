"""How much a score depends on the test images: the bootstrap (Efron 1979).

The test images are drawn again, with replacement and as many as there are, and every score is
computed anew of what was drawn. All arms are scored on the same draws, so that they can be compared
draw by draw.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.loading import AnalysisError
from analysis.statistics.tallies import Tally, Weights

RESAMPLES = 2000
CONFIDENCE = 0.95

FEWEST_IMAGES = 20
"""Fewer are too small a sample of all possible test images."""

FEWEST_DEFINED = 0.95
"""A score must be defined in this share of the resamples to have an interval."""


@dataclass(frozen=True, eq=False)
class Bootstrap:
    """A metric of an arm's seeds on the test images, and on resamples of them.

    Attributes:
        names: str [N], the images.
        scores: [k], of each seed on the images as they are.
        resampled: [k, R], of each seed on each resample; NaN where it is not defined.
    """

    names: NDArray[np.str_]
    scores: NDArray[np.float64]
    resampled: NDArray[np.float64]

    @property
    def obstacle(self) -> str | None:
        """Why other test images cannot be estimated from these; None if they can."""
        if len(self.names) < FEWEST_IMAGES:
            return f"{len(self.names)} test images, and {FEWEST_IMAGES} are needed"
        if np.isfinite(self.resampled).all(axis=0).mean() < FEWEST_DEFINED:
            return "the metric is not defined in many resamples of the test images"
        return None


def resamples(images: int, seed: int, count: int = RESAMPLES) -> Weights:
    """How often each image is drawn in each resample: [count, images], rows sum to `images`."""
    drawn = np.random.default_rng(seed).integers(images, size=(count, images))
    drawn += images * np.arange(count)[:, None]
    counts = np.bincount(drawn.ravel(), minlength=count * images)
    return counts.reshape(count, images).astype(np.int32)


def bootstrap(tallies: Sequence[Tally], metric: str, weights: Weights) -> Bootstrap:
    """Score the seeds of an arm, a tally each, on the test images and on resamples of them.

    Raises:
        AnalysisError: the tallies are of different images, or of another number than `weights`.
    """
    names = tallies[0].names
    if any(not np.array_equal(names, tally.names) for tally in tallies):
        raise AnalysisError("the seeds of one arm were tested on different images")
    return Bootstrap(
        names,
        np.concatenate([tally.scores(metric) for tally in tallies]),
        np.stack([tally.scores(metric, weights) for tally in tallies]),
    )
