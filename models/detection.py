"""Detection: how a detector is scored on a split, and shown on a few of its images."""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor
from torchvision.utils import draw_bounding_boxes

from datasets.batches import Batch
from models.average_precision import Boxes, average_precision
from models.model import Model

SHOWN_SCORE = 0.3
"""Boxes below this score are not drawn: a picture of a hundred boxes shows nothing."""


def score_detector(
    model: Model, data: Iterable[Batch], device: torch.device, classes: tuple[str, ...]
) -> dict[str, float]:
    """COCO average precision of `model` over all batches of a split together, mean of `classes`."""
    del classes  # the average is over whichever there are
    return average_precision(_predict(model, data, device))


def _predict(
    model: Model, data: Iterable[Batch], device: torch.device
) -> Iterator[tuple[list[Boxes], list[Boxes]]]:
    model.eval()
    for batch in data:
        found = model.predict(batch.images.to(device))
        predictions = [{key: value.cpu() for key, value in image.items()} for image in found]
        truths = [
            {"boxes": boxes, "labels": labels}
            for boxes, labels in zip(batch.boxes, batch.labels, strict=True)
        ]
        yield predictions, truths


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
