"""Metrics of pixels from confusion counts: IoU, precision, recall, F1, accuracy.

Counts may have any leading dimensions (resamples of a test set, say). They are summed over images
before they come here, and divided once, so that every pixel counts the same.
"""

from collections.abc import Callable, Sequence
from math import nan
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from runs.classes import BACKGROUND

Counts = NDArray[np.int64] | NDArray[np.float64]
Scores = dict[str, NDArray[np.float64]]


class ClassPixels(NamedTuple):
    """Pixels of each class, float64 [..., K + 1]: right ones, all true ones, all found ones."""

    right: NDArray[np.float64]
    true: NDArray[np.float64]
    found: NDArray[np.float64]


def quotient(part: NDArray, whole: NDArray, of_nothing: float = nan) -> NDArray[np.float64]:
    """`part` / `whole`, and `of_nothing` where `whole` is 0."""
    out = np.full(np.shape(whole), of_nothing)
    return np.divide(part, whole, out=out, where=whole != 0)


CLASS_METRICS: dict[str, Callable[[ClassPixels], NDArray[np.float64]]] = {
    "IoU": lambda pixels: quotient(pixels.right, pixels.true + pixels.found - pixels.right, 0.0),
    "precision": lambda pixels: quotient(pixels.right, pixels.found, 0.0),
    "recall": lambda pixels: quotient(pixels.right, pixels.true, 0.0),
    "F1": lambda pixels: quotient(2 * pixels.right, pixels.true + pixels.found, 0.0),
}
"""Each is there for every class, as `IoU/building`, and as the mean of the classes."""

MEAN_NAMES = {"IoU": "mIoU"}
"""Names of means over classes that are not the name of the metric itself."""

METRICS = (*(MEAN_NAMES.get(metric, metric) for metric in CLASS_METRICS), "accuracy")
"""Those over all classes: the means, and the share of pixels that are right."""


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
    pixels = ClassPixels(right, counts.sum(axis=-1), counts.sum(axis=-2))
    occurs = (pixels.true + pixels.found) > 0
    table = {metric: formula(pixels) for metric, formula in CLASS_METRICS.items()}
    result = {
        MEAN_NAMES.get(metric, metric): quotient(
            (values * occurs).sum(axis=-1), occurs.sum(axis=-1)
        )
        for metric, values in table.items()
    }
    result["accuracy"] = quotient(right.sum(axis=-1), counts.sum(axis=(-2, -1)))
    for index, name in enumerate(classes):
        for metric, values in table.items():
            of_class = np.where(occurs[..., index], values[..., index], nan)
            result[f"{metric}/{name}"] = of_class
    return result


def scores(counts: Counts, names: tuple[str, ...]) -> dict[str, float]:
    """Metrics in [0, 1] of counts [K + 1, K + 1]; `names` are those of classes 1 … K.

    What is not defined is left out, such as a class that neither truth nor prediction holds; see
    `pixel_scores`.

    Raises:
        ValueError: nothing was counted, so that nothing is defined.
    """
    if not np.any(counts):
        raise ValueError("no metric is defined: the split holds no labelled pixel")
    by_name = pixel_scores(counts, (BACKGROUND, *names))
    return {name: float(value) for name, value in by_name.items() if np.isfinite(value)}
