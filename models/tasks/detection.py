"""Detection: how a detector is scored on a split, and drawn on a few of its images."""

from collections.abc import Iterable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.utils import draw_bounding_boxes

from datasets.batches import Batch
from datasets.boxes import on_data
from datasets.colours import SKY, VERMILION, Colour
from datasets.object_masks import object_masks
from datasets.source import IGNORE
from models.heads import HEADS
from models.metrics.average_precision import METRICS, average_precision
from models.metrics.matching import SHOWN_SCORE, Boxes, box_matches, mask_overlaps
from models.metrics.scored import Keep, Scored
from models.model import Model
from models.tasks.key import enlarged, enlargement, with_key
from models.tasks.task import Finds, Task
from runs.classes import BACKGROUND

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

    What is found where images hold no data does not count. Of a model that finds masks, average
    precision of masks as well; pixels that the truth ignores are of none.

    Raises:
        ValueError: the split has no object.
    """
    model.eval()
    names: list[str] = []
    pairs: list[tuple[Boxes, Boxes]] = []
    mask_iou: list[NDArray[np.float64]] = []
    for batch in data:
        found = [_arrays(image) for image in model.predict(batch.images.to(device))]
        if batch.valid is not None:
            found = [
                _on_data(image, valid.numpy())
                for image, valid in zip(found, batch.valid, strict=True)
            ]
        truths = [
            {"boxes": boxes.numpy(), "labels": labels.numpy()}
            for boxes, labels in zip(batch.boxes, batch.labels, strict=True)
        ]
        for image, truth, mask in zip(found, truths, batch.masks.numpy(), strict=True):
            if "masks" in image:  # too large to keep
                mask_iou.append(_mask_overlaps(image.pop("masks"), truth, mask))
        if keep is not None:
            keep(batch.names, found)
        names += batch.names
        pairs += zip(found, truths, strict=True)
    tally = box_matches(names, pairs, len(classes), mask_iou or None)
    return Scored(average_precision(tally), tally)


def _arrays(boxes: dict[str, Tensor]) -> Boxes:
    return {key: value.cpu().numpy() for key, value in boxes.items()}


def _on_data(found: Boxes, valid: NDArray[np.bool_]) -> Boxes:
    seen = on_data(found["boxes"], valid)
    return {key: values[seen] for key, values in found.items()}


def _mask_overlaps(
    found: NDArray[np.bool_], truth: Boxes, mask: NDArray[np.uint8]
) -> NDArray[np.float64]:
    true = object_masks(mask, truth["boxes"], truth["labels"])
    return mask_overlaps(found & (mask != IGNORE), true)


def draw_detections(
    model: Model,
    batch: Batch,
    pictures: Tensor,
    device: torch.device,
    classes: Mapping[str, Colour],
) -> Tensor:
    """True and predicted boxes on `pictures` uint8 [B, 3, S, S] → [B, 3, H, W], with a key.

    Colours tell truth from prediction; where there are several classes, a box has the name of its
    own.
    """
    model.eval()
    predicted = model.predict(batch.images.to(device))
    sure = [found["scores"] >= SHOWN_SCORE for found in predicted]
    boxes, labels = (
        [found[key][rows].cpu() for found, rows in zip(predicted, sure, strict=True)]
        for key in ("boxes", "labels")
    )
    scale = enlargement(pictures.shape[-1])
    shown = _boxed(enlarged(pictures), scale, "ground truth", batch.boxes, batch.labels, classes)
    shown = _boxed(shown, scale, "prediction", boxes, labels, classes)
    return with_key(shown, (), list(COLOURS.items()))


def draw_true_boxes(batch: Batch, pictures: Tensor, classes: Mapping[str, Colour]) -> Tensor:
    """True boxes on `pictures` uint8 [B, 3, S, S] → [B, 3, H, W], as `draw_detections` does."""
    kind, scale = "ground truth", enlargement(pictures.shape[-1])
    shown = _boxed(enlarged(pictures), scale, kind, batch.boxes, batch.labels, classes)
    return with_key(shown, (), [(kind, COLOURS[kind])])


def _boxed(
    pictures: Tensor,
    scale: int,
    kind: str,
    boxes: Iterable[Tensor],
    labels: Iterable[Tensor],
    classes: Mapping[str, Colour],
) -> Tensor:
    """Boxes of the images on `pictures`, which are `scale` times as large."""
    names_of_ids = (BACKGROUND, *classes)
    drawn = []
    for picture, boxes_of, labels_of in zip(pictures, boxes, labels, strict=True):
        if not len(boxes_of):
            drawn.append(picture)
            continue
        names = [names_of_ids[label] for label in labels_of.tolist()]
        drawn.append(
            draw_bounding_boxes(
                picture,
                boxes_of * scale,
                labels=names if len(classes) > 1 else None,
                colors=COLOURS[kind],
                width=2,
            )
        )
    return torch.stack(drawn)


DETECTION = Task(
    heads=HEADS["detection"],
    needs="boxes",
    metrics=tuple(METRICS),
    evaluate=score_detector,
    draw=draw_detections,
    draw_truth=draw_true_boxes,
)
