"""Which predicted boxes are right: COCO's matching (Lin et al. 2014, "Microsoft COCO"), by image.

An image's matches do not depend on other images. Average precision over any of the images, each
counted any number of times, therefore follows from the matches alone.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from runs.tallies import BoxTally

IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)
"""IoU .50:.05:.95, the ten that AP is the mean of."""

MOST_DETECTIONS = 100
"""Only so many count in one image and class, those of the highest scores."""

SHOWN_SCORE = 0.3
"""Detections below this score are not drawn: a picture of a hundred boxes shows nothing."""

Boxes = dict[str, NDArray]
"""Of one image: `boxes` [M, 4] xyxy px, `labels` int [M], and of predictions `scores` [M]."""


def box_matches(
    names: Sequence[str],
    pairs: Sequence[tuple[Boxes, Boxes]],
    classes: int,
    mask_iou: Sequence[NDArray[np.float64]] | None = None,
) -> BoxTally:
    """Match the predictions of each image with its truths, class by class.

    Args:
        names: of the images.
        pairs: (prediction, truth) of each image.
        classes: K; labels are 1 … K.
        mask_iou: `mask_overlaps` of each image, to be matched by as well; None without masks.
    """
    truths = np.zeros((len(pairs), classes), np.int64)
    images, labels, scores = [np.zeros(0, int)], [np.zeros(0, int)], [np.zeros(0, np.float32)]
    matched = [np.zeros((0, len(IOU_THRESHOLDS)), bool)]
    mask_matched = matched.copy()
    for image, (prediction, truth) in enumerate(pairs):
        for label in range(1, classes + 1):
            true = np.flatnonzero(truth["labels"] == label)
            truths[image, label - 1] = len(true)
            ours = np.flatnonzero(prediction["labels"] == label)
            if not len(ours):
                continue
            falling = np.argsort(-prediction["scores"][ours], kind="stable")
            ours = ours[falling[:MOST_DETECTIONS]]
            images.append(np.full(len(ours), image))
            labels.append(np.full(len(ours), label))
            scores.append(prediction["scores"][ours].astype(np.float32))
            matched.append(_right(overlaps(prediction["boxes"][ours], truth["boxes"][true])))
            if mask_iou is not None:
                mask_matched.append(_right(mask_iou[image][np.ix_(ours, true)]))
    return BoxTally(
        names=np.array(names, dtype=np.str_),
        truths=truths,
        image=np.concatenate(images),
        label=np.concatenate(labels),
        score=np.concatenate(scores),
        matched=np.concatenate(matched),
        mask_matched=None if mask_iou is None else np.concatenate(mask_matched),
    )


def _right(iou: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether each of our objects [M, G], by falling score, takes a truth: [M, thresholds]."""
    return taken_truths(iou, IOU_THRESHOLDS) >= 0


def overlaps(ours: NDArray, truths: NDArray) -> NDArray[np.float64]:
    """IoU of each of our boxes [M, 4] with each truth [G, 4], xyxy: float64 [M, G]."""
    (low, high, area), (true_low, true_high, true_area) = _corners(ours), _corners(truths)
    sides = np.minimum(high[:, None], true_high) - np.maximum(low[:, None], true_low)
    shared = np.clip(sides, 0, None).prod(axis=-1)
    both = area[:, None] + true_area - shared
    return np.divide(shared, both, out=np.zeros_like(shared), where=both > 0)


def mask_overlaps(ours: NDArray[np.bool_], truths: NDArray[np.bool_]) -> NDArray[np.float64]:
    """IoU of each of our masks [M, H, W] with each truth [G, H, W]: float64 [M, G]."""
    # float32 counts exactly up to 2^24 pixels, and is multiplied fast.
    pixels = ours.shape[1] * ours.shape[2]
    flat, true = (masks.reshape(len(masks), pixels).astype(np.float32) for masks in (ours, truths))
    shared = (flat @ true.T).astype(np.float64)
    both = ours.sum(axis=(1, 2))[:, None] + truths.sum(axis=(1, 2)) - shared
    return np.divide(shared, both, out=np.zeros_like(shared), where=both > 0)


def _corners(boxes: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    # COCO's boxes are xywh, and ours became that in float32: the same rounding, the same matches.
    low = boxes[:, :2].astype(np.float32)
    size = (boxes[:, 2:].astype(np.float32) - low).astype(np.float64)
    return low.astype(np.float64), low + size, size.prod(axis=1)


def taken_truths(iou: NDArray[np.float64], thresholds: NDArray[np.float64]) -> NDArray[np.int64]:
    """The truth that each box takes: the one that it overlaps best of those that are still free.

    Args:
        iou: [M, G], boxes by falling score.
        thresholds: [T], the least overlap that counts; each is matched on its own.

    Returns:
        int64 [M, T], the index of a truth; -1 for none.
    """
    takes = np.full((len(iou), len(thresholds)), -1)
    free = np.ones((len(thresholds), iou.shape[1]), bool)
    # A box that reaches no truth takes none, and changes nothing for the others.
    for row in np.flatnonzero((iou >= thresholds.min()).any(axis=1)):
        overlap = np.where(free, iou[row], -1.0)
        # Of truths that overlap equally, COCO takes the last.
        best = iou.shape[1] - 1 - overlap[:, ::-1].argmax(axis=1)
        takers = np.flatnonzero(overlap.max(axis=1) >= thresholds)
        takes[row, takers] = best[takers]
        free[takers, best[takers]] = False
    return takes
