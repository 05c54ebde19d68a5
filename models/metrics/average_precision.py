"""COCO's average precision and recall (Lin et al. 2014, "Microsoft COCO") over weighted images.

Detections are sorted by score once. A resample only changes how much each of them weighs, so that
precision and recall of all resamples are cumulative sums over one order. Copies of an image thus
follow one another where scores are alike, which COCO leaves to chance.
"""

import numpy as np
from numpy.typing import NDArray

from models.metrics.matching import RECALL_LEVELS
from runs.tallies import BoxTally

METRICS = {"AP50": slice(0, 1), "AP": slice(None), "AP75": slice(5, 6), "AR100": slice(None)}
"""The IoU thresholds, of .50:.05:.95, that each metric is the mean over."""

_CELLS = 4_000_000
"""Numbers in one array at a time: a chunk of resamples × detections."""


def average_precision(matches: BoxTally) -> dict[str, float]:
    """Each of `METRICS`, in [0, 1], over all images together.

    Raises:
        ValueError: there is no true box at all, where average precision is not defined.
    """
    if not matches.truths.any():
        raise ValueError("average precision is not defined: the split holds no object")
    once = np.ones((1, len(matches.names)), np.int32)
    return {metric: float(box_scores(matches, metric, once)[0]) for metric in METRICS}


def box_scores(matches: BoxTally, metric: str, weights: NDArray[np.int32]) -> NDArray[np.float64]:
    """One of `METRICS` of each resample, [R], the mean of the classes that have a truth in it.

    Args:
        matches: detections of N images.
        metric: a key of `METRICS`.
        weights: [R, N], how often each image counts.

    Returns:
        NaN where a resample has no truth at all.
    """
    total = np.zeros(len(weights))
    classes = np.zeros(len(weights))
    for place in range(matches.truths.shape[1]):
        of_class = np.flatnonzero(matches.label == place + 1)
        falling = of_class[np.argsort(-matches.score[of_class], kind="stable")]
        image, right = matches.image[falling], matches.matched[falling, METRICS[metric]]
        truths = weights @ matches.truths[:, place]
        total += _by_chunks(image, right, truths, weights, recall_alone=metric == "AR100")
        classes += truths > 0
    return np.divide(total, classes, out=np.full(len(weights), np.nan), where=classes > 0)


def _by_chunks(
    image: NDArray[np.int64],
    right: NDArray[np.bool_],
    truths: NDArray[np.int64],
    weights: NDArray[np.int32],
    *,
    recall_alone: bool,
) -> NDArray[np.float64]:
    """Mean over thresholds of what one class scores in each resample; 0 without a truth."""
    # After the last right detection, recall and the precision that counts are settled.
    used = 1 + max(np.flatnonzero(right.any(axis=1)), default=-1)
    image, right = image[:used], right[:used]
    score = np.zeros(len(weights))
    rows = max(1, _CELLS // max(1, used))
    for start in range(0, len(weights), rows):
        chunk = slice(start, start + rows)
        weight = weights[chunk][:, image]
        seen = np.cumsum(weight, axis=1, dtype=np.int64)
        for column in right.T:
            places = np.flatnonzero(column)
            found = np.cumsum(weight[:, places], axis=1, dtype=np.int64)
            recall = _quotient(found, truths[chunk, None])
            if recall_alone:
                score[chunk] += recall[:, -1] if len(places) else 0
            else:
                score[chunk] += _area(recall, _quotient(found, seen[:, places]))
    return score / right.shape[1]


def _area(recall: NDArray[np.float64], precision: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over `RECALL_LEVELS` of the best precision at that or above, [R], of points [R, P].

    The points are those of right detections, by falling score. A point stands for the levels of
    recall that it is the first to reach: the others, where recall does not rise, stand for none.
    """
    reached = np.searchsorted(RECALL_LEVELS, recall.ravel(), side="right").reshape(recall.shape)
    levels = np.diff(reached, axis=1, prepend=0)
    best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    return (levels * best).sum(axis=1) / len(RECALL_LEVELS)


def _quotient(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.divide(part, whole, out=np.zeros(part.shape), where=whole > 0)
