"""COCO's average precision and recall (Lin et al. 2014, "Microsoft COCO") over weighted images.

Detections are sorted by score once. A resample only changes the weight of each of them, so that
precision and recall of all resamples are cumulative sums over one order. Copies of an image
therefore follow one another where scores are equal; COCO does not define their order.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from runs.tallies import BoxTally

RECALL_LEVELS = np.linspace(0, 1, 101)
"""Precision is read at these levels, and averaged."""

_CELLS = 4_000_000
"""Numbers in one array at a time: a chunk of resamples × detections."""

Sums = NDArray[np.int64]


class BoxMetric(NamedTuple):
    """A metric of boxes.

    Attributes:
        thresholds: the IoU thresholds, of .50:.05:.95, that it is the mean over.
        formula: `formula(found, seen, truths)` gives the scores [R] of R resamples at one
            threshold. The points [R, P] are those of right detections, by falling score: `found`
            counts right detections down to there, `seen` all detections. `truths` is [R].
    """

    thresholds: slice
    formula: Callable[[Sums, Sums, Sums], NDArray[np.float64]]


def _precision(found: Sums, seen: Sums, truths: Sums) -> NDArray[np.float64]:
    """Mean over `RECALL_LEVELS` of the best precision at that recall or above.

    A point stands for the levels of recall that it is the first to reach: the others, where recall
    does not rise, stand for none.
    """
    recall, precision = _quotient(found, truths[:, None]), _quotient(found, seen)
    reached = np.searchsorted(RECALL_LEVELS, recall.ravel(), side="right").reshape(recall.shape)
    levels = np.diff(reached, axis=1, prepend=0)
    best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    return (levels * best).sum(axis=1) / len(RECALL_LEVELS)


def _recall(found: Sums, seen: Sums, truths: Sums) -> NDArray[np.float64]:  # noqa: ARG001
    """The share of truths that are found by any detection."""
    return _quotient(found.max(axis=1, initial=0), truths)


METRICS = {
    "AP50": BoxMetric(slice(0, 1), _precision),
    "AP": BoxMetric(slice(None), _precision),
    "AP75": BoxMetric(slice(5, 6), _precision),
    "AR100": BoxMetric(slice(None), _recall),
}


MASK_METRICS = {f"mask_{name}": METRICS[name] for name in ("AP50", "AP")}
"""The same where objects overlap by their masks instead of their boxes."""


def average_precision(tally: BoxTally) -> dict[str, float]:
    """Each of `METRICS`, in [0, 1], over all images together; of masks, too, if it has them.

    Raises:
        ValueError: there is no true box at all, where average precision is not defined.
    """
    if not tally.truths.any():
        raise ValueError("average precision is not defined: the split holds no object")
    once = np.ones((1, len(tally.names)), np.int32)
    metrics = METRICS if tally.mask_matched is None else METRICS | MASK_METRICS
    return {metric: float(box_scores(tally, metric, once)[0]) for metric in metrics}


def box_scores(tally: BoxTally, metric: str, weights: NDArray[np.int32]) -> NDArray[np.float64]:
    """A metric of each resample, [R], the mean of the classes that have a truth in it.

    Args:
        tally: of N images.
        metric: a key of `METRICS`; of `MASK_METRICS` if the tally has masks.
        weights: [R, N], how often each image counts.

    Returns:
        NaN where a resample has no truth at all.
    """
    of_masks = metric in MASK_METRICS
    matched = tally.mask_matched if of_masks else tally.matched
    assert matched is not None, "the tally has no masks"
    thresholds, formula = MASK_METRICS[metric] if of_masks else METRICS[metric]
    total = np.zeros(len(weights))
    classes = np.zeros(len(weights))
    for label in range(1, tally.truths.shape[1] + 1):
        of_class = np.flatnonzero(tally.label == label)
        falling = of_class[np.argsort(-tally.score[of_class], kind="stable")]
        right = matched[falling, thresholds]
        truths = weights @ tally.truths[:, label - 1]
        total += _by_chunks(tally.image[falling], right, truths, weights, formula)
        classes += truths > 0
    return np.divide(total, classes, out=np.full(len(weights), np.nan), where=classes > 0)


def _by_chunks(
    image: NDArray[np.int64],
    right: NDArray[np.bool_],
    truths: Sums,
    weights: NDArray[np.int32],
    formula: Callable[[Sums, Sums, Sums], NDArray[np.float64]],
) -> NDArray[np.float64]:
    """Mean over thresholds of what one class scores in each resample; 0 without a truth."""
    # What follows the last right detection changes no point.
    used = 1 + max(np.flatnonzero(right.any(axis=1)), default=-1)
    image, right = image[:used], right[:used]
    score = np.zeros(len(weights))
    rows = max(1, _CELLS // max(1, used))
    for start in range(0, len(weights), rows):
        chunk = slice(start, start + rows)
        weight = weights[chunk][:, image]
        seen = np.cumsum(weight, axis=1, dtype=np.int64)
        for column in right.T:
            points = np.flatnonzero(column)
            found = np.cumsum(weight[:, points], axis=1, dtype=np.int64)
            score[chunk] += formula(found, seen[:, points], truths[chunk])
    return score / right.shape[1]


def _quotient(part: Sums, whole: Sums) -> NDArray[np.float64]:
    return np.divide(part, whole, out=np.zeros(part.shape), where=whole > 0)
