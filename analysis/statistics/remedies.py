"""What it would take to distinguish two arms that are tied: more seeds, or more test images."""

from dataclasses import dataclass, replace
from math import ceil

from scipy.special import ndtri

from analysis.statistics.ties import LEVEL, Comparison, ErrorParts, in_errors, p_of_largest

POWER = 0.8
"""How likely the arms should then be distinguished."""

MOST_SEEDS = 10
MOST_IMAGES = 100
"""Times as many test images as there are."""


@dataclass(frozen=True)
class Remedy:
    """What would do, if the difference and the variances were as they were estimated.

    Attributes:
        seeds: of each of the two arms; None where nothing is known of seeds.
        images: independent test images, if there are too few for `MOST_SEEDS` seeds; None if there
            are enough.
    """

    seeds: int | None
    images: int | None = None


def remedy(comparison: Comparison, rivals: int) -> Remedy | None:
    """The fewest seeds that would do, or else the fewest images; None if even many of both do not.

    Args:
        comparison: of two arms that are tied.
        rivals: how many arms are tied with the first one; `p` is corrected for as many.
    """

    def enough(error: ErrorParts) -> bool:
        # The difference comes out larger than this with a probability of POWER.
        size = in_errors(comparison.apart, error) - float(ndtri(POWER))
        return size > 0 and p_of_largest(size, [error] * rivals) < LEVEL

    error = comparison.error
    known = error.freedom > 0
    if known:
        for count in range(max(error.counts), MOST_SEEDS + 1):
            if enough(_with_seeds(error, count)):
                return Remedy(count)
        error = _with_seeds(error, MOST_SEEDS)
    low, high = error.images, MOST_IMAGES * error.images
    if not enough(_with_images(error, high)):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(_with_images(error, middle)) else (middle, high)
    return Remedy(MOST_SEEDS if known else None, ceil(high))


def _with_seeds(error: ErrorParts, count: int) -> ErrorParts:
    """The error if both arms had as many seeds."""
    more = sum(count - one for one in error.counts)
    return replace(error, counts=(count, count), freedom=error.freedom + more)


def _with_images(error: ErrorParts, images: float) -> ErrorParts:
    return replace(error, once=error.once * error.images / images, images=images)
