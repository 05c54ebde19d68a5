"""What RetinaNet and FCOS have in common: a class and a box for each place of each map.

Neither has a class for the background, so that of K object classes there are K outputs, and class
ids, which count from 1, count from 0 within.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from datasets.batches import Batch
from models.heads.regions import seen
from models.heads.torchvision_detector import Target, TorchvisionDetector


class DenseDetector(TorchvisionDetector):
    """A detector of one stage, whose `network` has one `head` on all maps."""

    def targets(self, batch: Batch) -> list[Target]:
        """What is to be found in each image of a batch, class ids from 0."""
        return [{**one, "labels": one["labels"] - 1} for one in super().targets(batch)]

    def pass_through(self, images: Tensor) -> None:
        """All layers."""
        self.network.head(list(self.pyramid(images).values()))

    @torch.no_grad()
    def predict(self, images: Tensor) -> list[dict[str, Tensor]]:
        """Images [B, C, S, S] → an image: boxes [M, 4] (xyxy, px), scores [M], labels [M]."""
        return [{**one, "labels": one["labels"] + 1} for one in super().predict(images)]


def float32(outputs: dict[str, Tensor]) -> dict[str, Tensor]:
    """Outputs of a head as float32: boxes are decoded in their type.

    In the bfloat16 of autocast, a coordinate of 100 px would be rounded to half a pixel.
    """
    return {name: values.float() for name, values in outputs.items()}


def unseen_background(
    matched: list[Tensor], regions: list[Tensor], targets: list[Target]
) -> Iterator[Tensor]:
    """Of each image, bool [A]: the regions [A, 4] that are of no object and show no data.

    Args:
        matched: [A] of each image, the object that a region is of; -1 for none.
    """
    for of_objects, places, target in zip(matched, regions, targets, strict=True):
        none = of_objects == -1
        yield none & ~seen(places, target["valid"]) if "valid" in target else none & False
