"""Metrics of the classes of whole images: F1, accuracy, average precision.

Everything is computed of all images together, each counted as often as its weight says: counts and
ranks are summed before anything is divided.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.metrics.confusion import quotient
from runs.tallies import LabelTally

_CELLS = 4_000_000
"""Numbers in one array at a time: a chunk of resamples × images."""

Floats = NDArray[np.float64]
Weights = NDArray[np.int32]


def _f1(tally: LabelTally, label: int, weights: Weights) -> Floats:
    """2 right / (true + found); of a class that is neither true nor found it is not defined."""
    truths, found = tally.truths[:, label], tally.found[:, label]
    return quotient(2 * (weights @ (truths & found)), weights @ (1 * truths + found))


def _average_precision(tally: LabelTally, label: int, weights: Weights) -> Floats:
    """Σ (R_n − R_{n−1}) P_n over the images by falling confidence; equal ones are one step.

    R and P are recall and precision of the images down to there: the area under their curve,
    without interpolation. It is not defined without an image of the class.
    """
    truths, confidences = tally.truths[:, label], tally.confidences[:, label]
    order = np.argsort(-confidences, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(confidences[order]) != 0, True))
    scores = np.empty(len(weights))
    rows = max(1, _CELLS // len(order))
    for start in range(0, len(weights), rows):
        weight = weights[start : start + rows][:, order]
        seen = np.cumsum(weight, axis=1, dtype=np.int64)[:, ends]
        right = np.cumsum(weight * truths[order], axis=1, dtype=np.int64)[:, ends]
        gained = np.diff(right, axis=1, prepend=0)
        precision = quotient(right, seen, 0.0)
        scores[start : start + rows] = quotient((gained * precision).sum(axis=1), right[:, -1])
    return scores


CLASS_METRICS = {"F1": _f1, "AP": _average_precision}
"""Each is there for every class, as `F1/forest`, and as the mean of the classes that have it."""

MEANS = {"F1": "F1", "mAP": "AP"}
"""Names of the means over classes (macro averages), and what they are means of."""

METRICS = ("F1", "accuracy", "mAP")
"""Those over all classes."""


def label_scores(
    tally: LabelTally, metric: str, classes: Sequence[str], weights: Weights
) -> Floats:
    """A metric in [0, 1] of each resample, [R]; NaN where it is not defined.

    Accuracy is the share of images all of whose classes are right, and no other is found.

    Args:
        tally: of N images.
        metric: one of `METRICS`, or of `CLASS_METRICS` as `F1/forest`.
        classes: names of class ids 1, 2, ….
        weights: [R, N], how often each image counts.

    Raises:
        KeyError: there is no such metric.
    """
    if metric == "accuracy":
        right = (tally.truths == tally.found).all(axis=1)
        return quotient(weights @ right, weights.sum(axis=1))
    kind, _, name = metric.partition("/")
    if name:
        if name not in classes:
            raise KeyError(metric)
        return CLASS_METRICS[kind](tally, list(classes).index(name), weights)
    of_classes = np.array(
        [CLASS_METRICS[MEANS[metric]](tally, at, weights) for at in range(len(classes))]
    )
    defined = np.isfinite(of_classes)
    return quotient(np.where(defined, of_classes, 0).sum(axis=0), defined.sum(axis=0))


def scores(tally: LabelTally, classes: Sequence[str]) -> dict[str, float]:
    """Every metric of all images together; what is not defined is left out."""
    once = np.ones((1, len(tally.names)), np.int32)
    names = [*METRICS, *(f"{kind}/{name}" for kind in CLASS_METRICS for name in classes)]
    found = {name: float(label_scores(tally, name, classes, once)[0]) for name in names}
    return {name: value for name, value in found.items() if np.isfinite(value)}
