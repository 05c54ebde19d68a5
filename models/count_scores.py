"""Metrics of segmentation from counts, in numpy: of pixels by class, and of building footprints.

Counts may have any leading dimensions (resamples of a test set, say). They are summed over images
before they come here, and divided once, so that no image weighs more than its pixels.
"""

from collections.abc import Sequence
from math import nan

import numpy as np
from numpy.typing import NDArray

CLASS_METRICS = ("IoU", "precision", "recall", "F1")
"""There are these for each class, as `IoU/building`."""

METRICS = ("mIoU", "precision", "recall", "F1", "accuracy")
"""The first four are means over classes, accuracy is the share of pixels that are right."""

FOOTPRINT_METRICS = ("footprint_F1", "footprint_precision", "footprint_recall")

Counts = NDArray[np.int64] | NDArray[np.float64]
Scores = dict[str, NDArray[np.float64]]


def pixel_scores(counts: Counts, classes: Sequence[str]) -> Scores:
    """Each metric in [0, 1], of the leading shape […]; NaN where it is not defined.

    A class that neither truth nor prediction holds has no metrics, and is not in the means. Of the
    others, a quotient of nothing by nothing is 0: the precision of a class that is never found, the
    recall of one that is never there. Background is a class. Without any pixel nothing is defined.

    Args:
        counts: [..., K + 1, K + 1], row: truth, column: found.
        classes: their names, background first.
    """
    counts = np.asarray(counts, np.float64)
    right = np.diagonal(counts, axis1=-2, axis2=-1)
    true, found = counts.sum(axis=-1), counts.sum(axis=-2)
    occurs = (true + found) > 0
    table = {
        "IoU": _quotient(right, true + found - right, 0.0),
        "precision": _quotient(right, found, 0.0),
        "recall": _quotient(right, true, 0.0),
        "F1": _quotient(2 * right, true + found, 0.0),
    }
    result = {
        "mIoU" if kind == "IoU" else kind: _quotient(
            (values * occurs).sum(axis=-1), occurs.sum(axis=-1)
        )
        for kind, values in table.items()
    }
    result["accuracy"] = _quotient(right.sum(axis=-1), counts.sum(axis=(-2, -1)))
    for place, name in enumerate(classes):
        for kind, values in table.items():
            of_class = np.where(occurs[..., place], values[..., place], nan)
            result[f"{kind}/{name}"] = of_class
    return result


def footprint_scores(counts: Counts) -> Scores:
    """F1, precision and recall of footprints, each […] in [0, 1]; NaN where it is not defined.

    A quotient of nothing by nothing is not: without proposals there is no precision, without truths
    no recall, and without either no F1.

    Args:
        counts: [..., 3]: found, proposed in vain, missed.
    """
    found, vain, missed = np.moveaxis(np.asarray(counts, np.float64), -1, 0)
    values = (
        _quotient(2 * found, 2 * found + vain + missed),
        _quotient(found, found + vain),
        _quotient(found, found + missed),
    )
    return dict(zip(FOOTPRINT_METRICS, values, strict=True))


def _quotient(part: NDArray, whole: NDArray, of_nothing: float = nan) -> NDArray[np.float64]:
    out = np.full(np.shape(whole), of_nothing)
    return np.divide(part, whole, out=out, where=whole != 0)
