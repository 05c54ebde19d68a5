"""Detection: how a detector is scored on a split, and drawn on a few of its images."""

from collections.abc import Iterable

import torch
from torch import Tensor
from torchvision.utils import draw_bounding_boxes

from datasets.batches import Batch
from datasets.colours import SKY, VERMILION
from models.heads import HEADS
from models.metrics.average_precision import METRICS, average_precision
from models.metrics.matching import SHOWN_SCORE, Boxes, box_matches
from models.metrics.scored import Keep, Scored
from models.model import Model
from models.tasks.key import enlarged, enlargement, with_key
from models.tasks.task import Finds, Task

COLOURS = {"ground truth": SKY, "prediction": VERMILION}
"""Of the boxes in pictures."""


def score_detector(
    model: Finds,
    data: Iterable[Batch],
    device: torch.device,
    classes: tuple[str, ...],
    keep: Keep | None = None,
) -> Scored:
    """COCO average precision of `model` over all batches of a split together, mean of `classes`.

    Raises:
        ValueError: the split has no object.
    """
    model.eval()
    names: list[str] = []
    pairs: list[tuple[Boxes, Boxes]] = []
    for batch in data:
        found = [_arrays(image) for image in model.predict(batch.images.to(device))]
        truths = [
            {"boxes": boxes.numpy(), "labels": labels.numpy()}
            for boxes, labels in zip(batch.boxes, batch.labels, strict=True)
        ]
        if keep is not None:
            keep(batch.names, found)
        names += batch.names
        pairs += zip(found, truths, strict=True)
    tally = box_matches(names, pairs, len(classes))
    return Scored(average_precision(tally), tally)


def _arrays(boxes: dict[str, Tensor]) -> Boxes:
    return {key: value.cpu().numpy() for key, value in boxes.items()}


def draw_detections(
    model: Model,
    batch: Batch,
    pictures: Tensor,
    device: torch.device,
    classes: tuple[str, ...],
) -> Tensor:
    """True and predicted boxes on `pictures` uint8 [B, 3, S, S] → [B, 3, H, W], with a key.

    Where there are several classes, a box has the name of its own.
    """
    model.eval()
    scale = enlargement(pictures.shape[-1])
    drawn = []
    for picture, boxes, labels, found in zip(
        enlarged(pictures),
        batch.boxes,
        batch.labels,
        model.predict(batch.images.to(device)),
        strict=True,
    ):
        sure = found["scores"] >= SHOWN_SCORE
        shown = picture
        for kind, boxes_of, labels_of in (
            ("ground truth", boxes, labels),
            ("prediction", found["boxes"][sure].cpu(), found["labels"][sure].cpu()),
        ):
            names = [classes[label - 1] for label in labels_of.tolist()]
            shown = draw_bounding_boxes(
                shown,
                boxes_of * scale,
                labels=names if len(classes) > 1 else None,
                colors=COLOURS[kind],
                width=2,
            )
        drawn.append(shown)
    return with_key(torch.stack(drawn), (), list(COLOURS.items()))


DETECTION = Task(
    heads=HEADS["detection"],
    needs="boxes",
    metrics=tuple(METRICS),
    evaluate=score_detector,
    draw=draw_detections,
)
