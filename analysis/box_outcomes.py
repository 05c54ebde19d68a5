"""Boxes against the truth: which are hits, which images come off well, where errors lie.

A detection is shown, and counts here, if it is as sure as ``models.tasks.detection.SHOWN_SCORE``. It is a
hit if it takes a true box of its class by COCO's rule at an IoU of 0.5: the surest detection first,
each takes the truth that it overlaps best of those that are left.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

from analysis.outcomes import Area, ImageScores, Truth
from analysis.predictions import Found
from analysis.tallies import BoxTally
from models.metrics.box_matches import IOU_THRESHOLDS, overlaps, taken_truths


class Outcomes(NamedTuple):
    """One image's boxes.

    Attributes:
        shown: int64 [D], which detections are shown.
        takes: int64 [D], for each of them the truth that it takes; -1 for a false one.
        missed: int64 [F], truths that none takes.
    """

    shown: NDArray[np.int64]
    takes: NDArray[np.int64]
    missed: NDArray[np.int64]


def outcomes(truth: Truth, found: Found) -> Outcomes:
    """Match the detections of an image that are shown."""
    shown = np.flatnonzero(found["scores"] >= shown_score())
    shown = shown[np.argsort(-found["scores"][shown], kind="stable")]
    iou = overlaps(found["boxes"][shown], truth.boxes)
    iou[found["labels"][shown][:, None] != truth.labels] = 0
    takes = taken_truths(iou, IOU_THRESHOLDS[0])
    return Outcomes(shown, takes, np.setdiff1d(np.arange(len(truth.boxes)), takes))


def image_scores(tally: BoxTally, metric: str) -> ImageScores:  # noqa: ARG001
    """Each image by F1 of what is shown, since AP says little of one image.

    Of images that score alike, the better one has more hits, then fewer errors: the best image is
    not one with a single easy object, nor the worst one where a single object was missed.
    """
    size = len(tally.names)
    shown = tally.score >= shown_score()
    detections = np.bincount(tally.image[shown], minlength=size)
    hits = np.bincount(tally.image[shown & tally.matched[:, 0]], minlength=size)
    errors = tally.truths.sum(axis=1) + detections - 2 * hits
    values = np.full(size, np.nan)
    np.divide(2 * hits, 2 * hits + errors, out=values, where=hits + errors > 0)
    order = np.lexsort((-errors, hits, values))  # NaN last
    return ImageScores(
        "F1",
        f"F1 at IoU 0.5 of detections of at least {shown_score()}",
        values,
        order[: int(np.isfinite(values).sum())],
    )


def areas(truth: Truth, found: Found) -> Iterator[Area]:
    """Every true box that was missed, and every detection that is shown: a hit or false."""
    shown, takes, missed = outcomes(truth, found)
    for row, taken in zip(shown, takes, strict=True):
        true = None if taken < 0 else truth.classes[truth.labels[taken]]
        yield Area(
            shapely.box(*found["boxes"][row].tolist()),
            "false" if true is None else "hit",
            true,
            truth.classes[found["labels"][row]],
            round(float(found["scores"][row]), 4),
        )
    for row in missed:
        outline = shapely.box(*truth.boxes[row].tolist())
        yield Area(outline, "missed", truth.classes[truth.labels[row]], None)


def shown_score() -> float:
    """How sure a detection must be to be shown."""
    from models.tasks.detection import SHOWN_SCORE  # brings torch along

    return SHOWN_SCORE
