"""Boxes against the truth: which are hits, which images score high, and how it is drawn.

A detection is shown, and counts here, if its score is at least `SHOWN_SCORE`. It is a hit if it
takes a true box of its class by COCO's rule at an IoU of 0.5: the surest detection first, each
takes the truth that it overlaps best of those that are left.

The lines of the error panel differ in style as well as in colour, so that they can be distinguished
in grey and with any colour vision.
"""

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import NamedTuple

import numpy as np
import shapely
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from matplotlib.typing import LineStyleType
from numpy.typing import NDArray

from analysis.pictures.images import Area, ImageScores, Mark, Scene, Truth
from analysis.pictures.layers import Frame, frames_layer
from analysis.statistics.tallies import Tally
from models.metrics.matching import IOU_THRESHOLDS, SHOWN_SCORE, overlaps, taken_truths
from runs.predictions import Found
from runs.tallies import BoxTally


class Line(NamedTuple):
    """How the frame of a box is drawn; `dashes` are lengths of strokes and gaps, in widths."""

    colour: str
    dashes: tuple[float, ...] = ()


LINES = {
    "hit": Line("#0072B2"),
    "missed": Line("#D55E00", (3, 1.2)),
    "false": Line("#000000", (0.8, 0.8)),
}
LINE, CASING = 1.3, 2.4  # points
MANY = 40
"""More frames than these in a panel are half as thick."""

MOST_LABELLED = 15
"""Of more boxes than these in a panel, no scores are written: they would hide each other."""


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
    shown = np.flatnonzero(found["scores"] >= SHOWN_SCORE)
    shown = shown[np.argsort(-found["scores"][shown], kind="stable")]
    iou = overlaps(found["boxes"][shown], truth.boxes)
    iou[found["labels"][shown][:, None] != truth.labels] = 0
    takes = taken_truths(iou, IOU_THRESHOLDS[:1])[:, 0]
    return Outcomes(shown, takes, np.setdiff1d(np.arange(len(truth.boxes)), takes))


def image_scores(tally: Tally, metric: str) -> ImageScores:  # noqa: ARG001 - AP is of many images
    """Each image by F1 of what is shown, since AP says little of one image.

    Of images of one score, the better one has more hits, then fewer errors: the best image does
    not just have a single easy object, and in the worst one more than one object was missed.
    """
    counts, size = tally.counts, len(tally.names)
    assert isinstance(counts, BoxTally), "a detector's tally is of boxes"
    shown = counts.score >= SHOWN_SCORE
    detections = np.bincount(counts.image[shown], minlength=size)
    hits = np.bincount(counts.image[shown & counts.matched[:, 0]], minlength=size)
    errors = counts.truths.sum(axis=1) + detections - 2 * hits
    values = np.full(size, np.nan)
    np.divide(2 * hits, 2 * hits + errors, out=values, where=hits + errors > 0)
    order = np.lexsort((-errors, hits, values))  # NaN last
    return ImageScores(
        "F1",
        f"F1 at IoU 0.5 of detections of at least {SHOWN_SCORE}",
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


def draw_truth(axes: Axes, scene: Scene) -> None:
    """The true boxes on a darkened picture, each class in its colour."""
    scene.show(axes, scene.picture // 2)
    lines = _class_lines(scene.truth, scene.truth.labels)
    _draw_frames(axes, scene.truth.boxes, lines, casing="black")


def draw_found(axes: Axes, scene: Scene, found: Found) -> None:
    """The detections that are shown, with their scores unless there are many."""
    scene.show(axes, scene.picture // 2)
    rows = outcomes(scene.truth, found).shown[::-1]  # the surest on top
    lines = _class_lines(scene.truth, found["labels"][rows])
    _draw_frames(axes, found["boxes"][rows], lines, casing="black")
    for row in rows if len(rows) <= MOST_LABELLED else ():
        _write_score(axes, found["boxes"][row], float(found["scores"][row]))


def draw_errors(axes: Axes, scene: Scene, found: Found) -> None:
    """Hits, false detections and missed truths on a pale grey picture."""
    grey = scene.picture.mean(axis=2, keepdims=True).repeat(3, axis=2)
    scene.show(axes, (160 + grey * 95 / 255).astype(np.uint8))
    kinds = _by_kind(scene, found)
    lines = [LINES[kind] for kind, boxes in kinds.items() for _ in boxes]
    _draw_frames(axes, np.concatenate(list(kinds.values())), lines, casing="white")


def truth_layer(scene: Scene) -> str:
    """The frames of the true boxes."""
    lines = _class_lines(scene.truth, scene.truth.labels)
    return _layer(scene, scene.truth.boxes, lines, "#000000")


def found_layer(scene: Scene, found: Found) -> str:
    """The frames of the detections that are shown, with their scores unless there are many."""
    rows = outcomes(scene.truth, found).shown[::-1]
    lines = _class_lines(scene.truth, found["labels"][rows])
    scores = [f"{score:.2f}" for score in found["scores"][rows].tolist()]
    few = len(rows) <= MOST_LABELLED
    return _layer(scene, found["boxes"][rows], lines, "#000000", scores if few else ())


def error_layer(scene: Scene, found: Found) -> str:
    """The frames of hits, false detections and missed truths."""
    kinds = _by_kind(scene, found)
    lines = [LINES[kind] for kind, boxes in kinds.items() for _ in boxes]
    return _layer(scene, np.concatenate(list(kinds.values())), lines, "#ffffff")


def _layer(
    scene: Scene,
    boxes: NDArray[np.float32],
    lines: Sequence[Line],
    casing: str,
    texts: Sequence[str] = (),
) -> str:
    frames = [
        Frame((x0, y0, x1, y1), line.colour, line.dashes, text or "")
        for (x0, y0, x1, y1), line, text in zip_longest(boxes.tolist(), lines, texts)
    ]
    return frames_layer(frames, len(scene.picture), scene.size, casing)


def legend(scene: Scene, founds: list[Found]) -> dict[str, list[Mark]]:
    """The classes that occur, if the data have several, and the kinds of lines."""
    truth = scene.truth
    shown = [found["labels"][outcomes(truth, found).shown] for found in founds]
    ids = np.unique(np.concatenate([truth.labels, *shown]))
    lines = zip(ids.tolist(), _class_lines(truth, ids), strict=True)
    several = len(truth.classes) > 2
    return {
        "classes": [Mark(truth.classes[one], *line) for one, line in lines if several],
        "error": [Mark(kind, *line) for kind, line in LINES.items()],
    }


def in_words(scene: Scene, found: Found) -> str:
    """How many boxes are what."""
    counts = {kind: len(boxes) for kind, boxes in _by_kind(scene, found).items()}
    return ", ".join(f"{count} {kind}" for kind, count in counts.items())


def _by_kind(scene: Scene, found: Found) -> dict[str, NDArray[np.float32]]:
    """Boxes [M, 4] by the names of `LINES`."""
    shown, takes, missed = outcomes(scene.truth, found)
    boxes = found["boxes"][shown]
    return {
        "hit": boxes[takes >= 0],
        "missed": scene.truth.boxes[missed],
        "false": boxes[takes < 0],
    }


def _draw_frames(
    axes: Axes, boxes: NDArray[np.float32], lines: Sequence[Line], casing: str
) -> None:
    """Frame boxes [M, 4], each by its line; many of them by thin ones."""
    weight = 1 if len(boxes) <= MANY else 0.5
    # Pixel edges: imshow has the middle of the first pixel at 0.
    for (x0, y0, x1, y1), line in zip((boxes - 0.5).tolist(), lines, strict=True):
        frame = Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False)
        frame.set(edgecolor=line.colour, linewidth=weight * LINE, linestyle=_linestyle(line))
        frame.set_path_effects([withStroke(linewidth=weight * CASING, foreground=casing)])
        axes.add_patch(frame)


def _linestyle(line: Line) -> LineStyleType:
    return (0, line.dashes) if line.dashes else "-"


def _write_score(axes: Axes, box: NDArray[np.float32], score: float) -> None:
    corner = float(box[0]), float(box[1]) - 1
    text = axes.text(*corner, f"{score:.2f}", color="white", fontsize=5, clip_on=True)
    text.set_path_effects([withStroke(linewidth=1.2, foreground="black")])


def _class_lines(truth: Truth, labels: NDArray[np.int64]) -> list[Line]:
    """A line for each of the labels, in the colour of its class."""
    return [Line("#{:02x}{:02x}{:02x}".format(*truth.colours[label])) for label in labels.tolist()]
