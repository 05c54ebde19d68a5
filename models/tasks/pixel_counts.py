"""Pixels by true and found class: what every score of a segmenter follows from."""

import torch
from torch import Tensor

from datasets.source import IGNORE


def confusion(truths: Tensor, found: Tensor, classes: int) -> Tensor:
    """Count pixels by true and found class: int64 [K + 1, K + 1], as `confusions` of one image."""
    return confusions(truths[None], found[None], classes)[0]


def confusions(truths: Tensor, found: Tensor, classes: int) -> Tensor:
    """Count the pixels of each image by true and found class, all images at once.

    Args:
        truths: class ids [B, ...], integer; pixels that are `IGNORE` are left out.
        found: class ids 0 … K of the same shape.
        classes: K + 1, background included.

    Returns:
        int64 [B, K + 1, K + 1], row: truth, column: found.

    Raises:
        ValueError: a truth is neither a class nor `IGNORE`.
    """
    # What is ignored is counted in a row of its own, which is dropped.
    rows = truths.long().masked_fill(truths == IGNORE, classes).flatten(1)
    highest = int(truths.masked_fill(truths == IGNORE, 0).max())
    if highest >= classes:
        raise ValueError(f"a mask holds class id {highest}, but there are only 0 to {classes - 1}")
    first = (classes + 1) * torch.arange(len(truths), device=truths.device)[:, None]
    cells = (first + rows) * classes + found.flatten(1)
    counts = torch.bincount(cells.flatten(), minlength=len(truths) * (classes + 1) * classes)
    return counts.view(len(truths), classes + 1, classes)[:, :classes]
