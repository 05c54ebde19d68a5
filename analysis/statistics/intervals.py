"""Between which bounds a score would be on other test images and under other seeds."""

from math import sqrt

import numpy as np
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from analysis.statistics.bootstrap import CONFIDENCE, Bootstrap
from analysis.statistics.seeds import (
    UNKNOWN,
    Array,
    SeedNoise,
    angles,
    scores_of,
    variance_over_images,
)

TAIL = (1 - CONFIDENCE) / 2

HALVINGS = 40
"""Of the range that a quantile lies in, until it is known."""


def interval(sample: Bootstrap, noise: SeedNoise = UNKNOWN) -> tuple[float, float] | None:
    """Bounds of the mean over seeds; None if the sample has an obstacle.

    They are percentiles of the resamples, made as wide as Student's t would be, because plain ones
    are too narrow on few images (Hesterberg 2015, "What Teachers Should Know About the Bootstrap").
    With `noise`, they are those of the sum of two errors: that of the resamples, and Student's t
    times the standard error of the mean over seeds. Without it, they are of these very models on
    other images.
    """
    if sample.obstacle:
        return None
    resampled = angles(sample.resampled.mean(axis=0))
    resampled = resampled[np.isfinite(resampled)]
    bounds = (
        _over_both(sample, resampled, noise) if noise.freedom else _over_images(sample, resampled)
    )
    low, high = scores_of(np.array(bounds)).tolist()
    return low, high


def _over_images(sample: Bootstrap, resampled: Array) -> tuple[float, float]:
    """Percentiles expanded at their tails, which keeps them between 0 and 1."""
    images = sample.drawn.units
    tail = float(ndtr(sqrt(images / (images - 1)) * stdtrit(images - 1, TAIL)))
    low, high = np.quantile(resampled, [tail, 1 - tail])
    return float(low), float(high)


def _over_both(sample: Bootstrap, resampled: Array, noise: SeedNoise) -> tuple[float, float]:
    """Percentiles of the resamples as wide as Student's t, plus the error over seeds."""
    seed, count = noise.of(sample), len(sample.scores)
    centre, error = float(angles(sample.scores.mean())), sqrt(seed.total / count)
    over_images = variance_over_images(resampled, sample.drawn.units)
    if over_images:
        once = max(0.0, over_images - seed.by_image / count)
        wider = float(stdtrit(sample.drawn.units - 1, TAIL) / ndtri(TAIL))
        resampled = centre + (resampled - centre) * wider * sqrt(once / over_images)
    if not error:
        low, high = np.quantile(resampled, [TAIL, 1 - TAIL])
        return float(low), float(high)
    return (
        _quantile(resampled, noise.freedom, error, TAIL),
        _quantile(resampled, noise.freedom, error, 1 - TAIL),
    )


def _quantile(values: Array, freedom: int, error: float, share: float) -> float:
    """Where this share of one of `values` plus Student's t times `error` lies below."""
    far = float(stdtrit(freedom, max(share, 1 - share))) * error
    low, high = float(values.min()) - far, float(values.max()) + far
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if stdtr(freedom, (middle - values) / error).mean() < share:
            low = middle
        else:
            high = middle
    return high
