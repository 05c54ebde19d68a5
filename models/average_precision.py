"""COCO average precision of box predictions (Lin et al. 2014, "Microsoft COCO")."""

from torch import Tensor
from torchmetrics.detection import MeanAveragePrecision

from models.box_matches import IOU_THRESHOLDS, RECALL_LEVELS

METRICS = {"AP50": "map_50", "AP": "map", "AP75": "map_75", "AR100": "mar_100"}
"""Our name of each metric → torchmetrics'. AP is the mean over IoU .50:.05:.95."""

Boxes = dict[str, Tensor]


def average_precision(predictions: list[Boxes], truths: list[Boxes]) -> dict[str, float]:
    """AP50, AP, AP75 and AR100 in [0, 1] over all images of a split together.

    Args:
        predictions, truths: an entry an image: `boxes` [M, 4] xyxy px, `labels` [M] int64, and for
            predictions `scores` [M].

    Raises:
        ValueError: if there is no true box at all, where average precision is not defined.
    """
    if not any(len(truth["boxes"]) for truth in truths):
        raise ValueError("average precision is not defined: the split holds no object")
    # torchmetrics' own thresholds are rounded to float32, and what meets one exactly can miss it.
    metric = MeanAveragePrecision(
        box_format="xyxy",
        iou_thresholds=IOU_THRESHOLDS.tolist(),
        rec_thresholds=RECALL_LEVELS.tolist(),
        backend="faster_coco_eval",
    )
    metric.update(predictions, truths)
    scores = metric.compute()
    return {ours: float(scores[theirs]) for ours, theirs in METRICS.items()}
