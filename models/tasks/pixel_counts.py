"""Pixels by true and found class: what every score of a segmenter follows from."""

import torch
from torch import Tensor

from datasets.source import IGNORE


def confusion(truths: Tensor, found: Tensor, classes: int) -> Tensor:
    """Count pixels by true and found class: int64 [K + 1, K + 1], row: truth, column: found.

    Args:
        truths: class ids of any shape, integer; pixels that are `IGNORE` are left out.
        found: class ids 0 … K of the same shape.
        classes: K + 1, background included.

    Raises:
        ValueError: a truth is neither a class nor `IGNORE`.
    """
    counted = truths != IGNORE
    cells = truths[counted].long() * classes + found[counted]
    counts = torch.bincount(cells, minlength=classes**2)
    if len(counts) > classes**2:
        wrong = int(truths[counted].max())
        raise ValueError(f"a mask holds class id {wrong}, but there are only 0 to {classes - 1}")
    return counts.view(classes, classes)
