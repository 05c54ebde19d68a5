"""Detection: how a detector is scored on a split, and shown on a few of its images."""

from collections.abc import Iterable
from functools import partial

import numpy as np
import torch
from torch import Tensor
from torchvision.utils import draw_bounding_boxes

from datasets.batches import Batch
from models.average_precision import Boxes, average_precision
from models.box_matches import box_matches
from models.model import Model
from models.scored import Scored, Tally

SHOWN_SCORE = 0.3
"""Boxes below this score are not drawn: a picture of a hundred boxes shows nothing."""


def score_detector(
    model: Model, data: Iterable[Batch], device: torch.device, classes: tuple[str, ...]
) -> Scored:
    """COCO average precision of `model` over all batches of a split together, mean of `classes`."""
    model.eval()
    names: list[str] = []
    predictions: list[Boxes] = []
    truths: list[Boxes] = []
    for batch in data:
        found = model.predict(batch.images.to(device))
        names += batch.names
        predictions += [{key: value.cpu() for key, value in image.items()} for image in found]
        truths += [
            {"boxes": boxes, "labels": labels}
            for boxes, labels in zip(batch.boxes, batch.labels, strict=True)
        ]
    metrics = average_precision(predictions, truths)
    return Scored(metrics, partial(_tally, names, predictions, truths, len(classes)))


def _tally(names: list[str], predictions: list[Boxes], truths: list[Boxes], classes: int) -> Tally:
    pairs = [
        (_arrays(found), _arrays(truth)) for found, truth in zip(predictions, truths, strict=True)
    ]
    return {"names": np.array(names), **box_matches(pairs, classes)}


def _arrays(boxes: Boxes) -> Tally:
    return {key: value.numpy() for key, value in boxes.items()}


def draw_detections(model: Model, batch: Batch, pictures: Tensor, device: torch.device) -> Tensor:
    """True boxes in green, predicted ones in red, on `pictures` uint8 [B, 3, S, S]."""
    model.eval()
    drawn = []
    for picture, truth, found in zip(
        pictures, batch.boxes, model.predict(batch.images.to(device)), strict=True
    ):
        shown = draw_bounding_boxes(picture, truth, colors="lime")
        sure = found["scores"] >= SHOWN_SCORE
        drawn.append(draw_bounding_boxes(shown, found["boxes"][sure].cpu(), colors="red"))
    return torch.stack(drawn)
