"""Confusion counts of pixels, and what is read off them: IoU, precision, recall, F1, accuracy.

Counts are summed over a whole split and divided once, so that no batch and no image weighs more
than its pixels.
"""

import numpy as np
import torch
from torch import Tensor

from datasets.source import BACKGROUND, IGNORE
from models.count_scores import pixel_scores


def confusion(truths: Tensor, found: Tensor, classes: int) -> Tensor:
    """Count pixels by true and found class: int64 [K + 1, K + 1], row: truth, column: found.

    Args:
        truths: class ids of any shape, integer; pixels that are `IGNORE` are left out.
        found: class ids 0 … K of the same shape.
        classes: K + 1, background included.

    Raises:
        ValueError: a truth is no class and not `IGNORE`.
    """
    counted = truths != IGNORE
    places = truths[counted].long() * classes + found[counted]
    counts = torch.bincount(places, minlength=classes**2)
    if len(counts) > classes**2:
        wrong = int(truths[counted].max())
        raise ValueError(f"a mask holds class id {wrong}, but there are only 0 to {classes - 1}")
    return counts.view(classes, classes)


def scores(counts: Tensor, names: tuple[str, ...]) -> dict[str, float]:
    """Metrics in [0, 1] of counts [K + 1, K + 1]; `names` are those of classes 1 … K.

    What is not defined is left out, such as a class that neither truth nor prediction holds; see
    `count_scores.pixel_scores`.

    Raises:
        ValueError: nothing was counted, so that nothing is defined.
    """
    if not counts.any():
        raise ValueError("no metric is defined: the split holds no labelled pixel")
    by_name = pixel_scores(counts.cpu().numpy(), (BACKGROUND, *names))
    return {name: float(value) for name, value in by_name.items() if np.isfinite(value)}
