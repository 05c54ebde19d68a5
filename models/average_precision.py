"""COCO average precision of box predictions (Lin et al. 2014, "Microsoft COCO")."""

from collections.abc import Iterable

from torch import Tensor
from torchmetrics.detection import MeanAveragePrecision

METRICS = {"AP50": "map_50", "AP": "map", "AP75": "map_75", "AR100": "mar_100"}
"""Our name of each metric → torchmetrics'. AP is the mean over IoU .50:.05:.95."""

Boxes = dict[str, Tensor]


def average_precision(pairs: Iterable[tuple[list[Boxes], list[Boxes]]]) -> dict[str, float]:
    """AP50, AP, AP75 and AR100 in [0, 1] over all images of a split together.

    Args:
        pairs: batches of (predictions, truths), each a list with an entry an image:
            `boxes` [M, 4] xyxy px, `labels` [M] int64, and for predictions `scores` [M].

    Raises:
        ValueError: if there is no true box at all, where average precision is not defined.
    """
    metric = MeanAveragePrecision(box_format="xyxy", backend="faster_coco_eval")
    objects = 0
    for predictions, truths in pairs:
        metric.update(predictions, truths)
        objects += sum(len(truth["boxes"]) for truth in truths)
    if objects == 0:
        raise ValueError("average precision is not defined: the split holds no object")
    scores = metric.compute()
    return {ours: float(scores[theirs]) for ours, theirs in METRICS.items()}
