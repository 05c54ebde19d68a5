"""What became of what there was to find, image by image: the words that pictures and maps share."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from shapely import Polygon

from datasets import Split
from datasets.source import BACKGROUND


@dataclass(frozen=True, eq=False)
class Truth:
    """What there is to find in one image of side S.

    Attributes:
        mask: uint8 [S, S], class ids and ``datasets.IGNORE``.
        boxes: float32 [M, 4], x0 y0 x1 y1 in pixel edges.
        labels: int64 [M], class ids of the boxes.
        classes: names of class ids 0, 1, 2, …: background first.
    """

    mask: NDArray[np.uint8]
    boxes: NDArray[np.float32]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]


class ImageScores(NamedTuple):
    """How well a model does on each of N images alone.

    Attributes:
        name: of the measure, in a word.
        measure: what the values are, in a clause.
        values: float64 [N], higher is better; NaN where there is nothing to score.
        order: int64 [N], of the images that have a value, from the worst to the best.
    """

    name: str
    measure: str
    values: NDArray[np.float64]
    order: NDArray[np.int64]


class Area(NamedTuple):
    """Part of an image where a model is right or wrong.

    Attributes:
        outline: in pixels of the S × S image.
        kind: "hit", "missed" (something is there, and was not found), "false" (found, and not
            there) or "wrong class".
        truth, found: names of classes; None where there is none.
        confidence: of a detection.
    """

    outline: Polygon
    kind: str
    truth: str | None
    found: str | None
    confidence: float | None = None


def truth_of(split: Split, index: int) -> Truth:
    """What there is to find in one image of a split."""
    boxes, labels = split.objects(index)
    return Truth(split.masks[index], boxes, labels, (BACKGROUND, *split.classes))
