"""The SpaceNet metric of building footprints, from counts.

Van Etten, Lindenbaum and Bacastow 2018, "SpaceNet: A Remote Sensing Dataset and Challenge Series".
Counts are summed over the images of an area; only then are they divided. `footprints` makes them.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.metrics.confusion import Scores, quotient


class Counts(NamedTuple):
    """Buildings of one image; `footprint_scores` divides their sums."""

    true_positives: int = 0
    false_positives: int = 0
    false_negatives: int = 0


class Sums(NamedTuple):
    """`Counts` summed over images, float64 […]."""

    found: NDArray[np.float64]
    false: NDArray[np.float64]
    missed: NDArray[np.float64]


FOOTPRINT_METRICS: dict[str, Callable[[Sums], NDArray[np.float64]]] = {
    "footprint_F1": lambda sums: quotient(
        2 * sums.found, 2 * sums.found + sums.false + sums.missed
    ),
    "footprint_precision": lambda sums: quotient(sums.found, sums.found + sums.false),
    "footprint_recall": lambda sums: quotient(sums.found, sums.found + sums.missed),
}


def footprint_scores(counts: ArrayLike) -> Scores:
    """Each of `FOOTPRINT_METRICS`, […] in [0, 1]; NaN where it is not defined.

    A quotient of nothing by nothing is not: without proposals there is no precision, without truths
    no recall, and without either no F1.

    Args:
        counts: [..., 3]: found, false positives, missed.
    """
    sums = Sums(*np.moveaxis(np.asarray(counts, np.float64), -1, 0))
    return {metric: formula(sums) for metric, formula in FOOTPRINT_METRICS.items()}
