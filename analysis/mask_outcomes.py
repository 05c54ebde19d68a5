"""Masks against the truth: which pixels are right, which images come off well, where errors lie."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from rasterio.features import shapes
from shapely import Polygon

from analysis.outcomes import Area, ImageScores, Truth
from analysis.predictions import Found
from analysis.tallies import PixelTally
from datasets import IGNORE

OUTCOMES = ("nothing there", "right", "wrong class", "missed", "false", "not counted")
"""What a pixel may be: its number in ``outcomes`` is its position here."""

NOTHING, RIGHT, WRONG_CLASS, MISSED, FALSE, NOT_COUNTED = range(len(OUTCOMES))


def outcomes(truth: NDArray[np.uint8], found: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Positions in ``OUTCOMES`` of the pixels of two masks [S, S] of class ids."""
    something, seen = truth > 0, found > 0
    return np.select(
        [truth == IGNORE, something & seen & (truth == found), something & seen, something, seen],
        [np.uint8(one) for one in (NOT_COUNTED, RIGHT, WRONG_CLASS, MISSED, FALSE)],
        np.uint8(NOTHING),
    )


def image_scores(tally: PixelTally, metric: str) -> ImageScores:
    """Each image by the run's own metric on it alone; alike ones in the order of the split."""
    values = tally.by_image(metric)
    order = np.argsort(values, kind="stable")  # NaN last
    return ImageScores(metric, metric, values, order[: int(np.isfinite(values).sum())])


def areas(truth: Truth, found: Found) -> Iterator[Area]:
    """Each connected area of wrong pixels that are of one class and were taken for one."""
    result = outcomes(truth.mask, found["mask"])
    wrong = np.isin(result, (WRONG_CLASS, MISSED, FALSE))
    pairs = truth.mask.astype(np.int32) * IGNORE + found["mask"]
    for outline, pair in shapes(pairs, mask=wrong, connectivity=4):
        true, ours = divmod(int(pair), IGNORE)
        kind = FALSE if not true else MISSED if not ours else WRONG_CLASS
        shell, *holes = outline["coordinates"]
        yield Area(Polygon(shell, holes), OUTCOMES[kind], truth.classes[true], truth.classes[ours])
