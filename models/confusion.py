"""Confusion counts of pixels, and what is read off them: IoU, precision, recall, F1, accuracy.

Counts are summed over a whole split and divided once, so that no batch and no image weighs more
than its pixels.
"""

import torch
from torch import Tensor

from datasets.source import BACKGROUND, IGNORE

CLASS_METRICS = ("IoU", "precision", "recall", "F1")
"""There are these for each class, as `IoU/building`."""

METRICS = ("mIoU", "precision", "recall", "F1", "accuracy")
"""The first four are means over classes, accuracy is the share of pixels that are right."""


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

    A class that neither truth nor prediction holds has no metrics, and is not in the means. Of the
    others, a quotient of nothing by nothing is 0: the precision of a class that is never found, the
    recall of one that is never there. Background is a class.

    Raises:
        ValueError: nothing was counted, so that nothing is defined.
    """
    counts = counts.double().cpu()
    if not counts.any():
        raise ValueError("no metric is defined: the split holds no labelled pixel")
    right, true, found = counts.diagonal(), counts.sum(dim=1), counts.sum(dim=0)
    table = {
        "IoU": right / (true + found - right),
        "precision": _share(right, found),
        "recall": _share(right, true),
        "F1": 2 * right / (true + found),
    }
    occurs = (true + found) > 0
    means = {
        "mIoU" if kind == "IoU" else kind: table[kind][occurs].mean() for kind in CLASS_METRICS
    }
    result = {name: float(mean) for name, mean in means.items()}
    result["accuracy"] = float(right.sum() / counts.sum())
    for place, name in enumerate((BACKGROUND, *names)):
        if occurs[place]:
            result |= {f"{kind}/{name}": float(table[kind][place]) for kind in CLASS_METRICS}
    return result


def _share(part: Tensor, whole: Tensor) -> Tensor:
    return torch.where(whole > 0, part / whole, 0.0)
