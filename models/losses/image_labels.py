"""Losses of the classes of whole images, by name.

Adding one is a function of `ImageLogits` here, and its line in `IMAGE_LOSSES`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from models.losses import LossError, pixelwise
from models.losses.pixels import Pixels, reciprocal
from runs.errors import did_you_mean


@dataclass(frozen=True, eq=False)
class ImageLogits:
    """A classifier's outputs for a batch, and the truth.

    Attributes:
        logits: float32 [B, K], of class ids 1 … K.
        truths: bool [B, K], the classes of each image.
        class_weights: float32 [K].
        label_smoothing: from 0 to below 1.
    """

    logits: Tensor
    truths: Tensor
    class_weights: Tensor
    label_smoothing: float


ImageLoss = Callable[[ImageLogits], Tensor]
"""A scalar."""


def cross_entropy(images: ImageLogits) -> Tensor:
    """−log p of the one class of each image, as of an image of one pixel."""
    classes = images.truths.int().argmax(dim=1)
    return pixelwise.cross_entropy(
        Pixels(
            images.logits[..., None, None],
            classes[:, None, None],
            images.class_weights,
            images.label_smoothing,
        )
    )


def bce(images: ImageLogits) -> Tensor:
    """Each class against the rest: mean over images, and over classes by their weights.

    Smoothing moves each target towards 1/2: 1 becomes 1 − s/2, and 0 becomes s/2.
    """
    smoothing = images.label_smoothing
    targets = images.truths.float() * (1 - smoothing) + smoothing / 2
    losses = F.binary_cross_entropy_with_logits(images.logits, targets, reduction="none")
    weights = images.class_weights
    return (losses.mean(dim=0) * weights).sum() * reciprocal(weights.sum())


IMAGE_LOSSES: dict[str, ImageLoss] = {"cross_entropy": cross_entropy, "bce": bce}


def check_image_loss(name: str) -> str:
    """`name`, if there is such a loss. LossError: there is none."""
    if name not in IMAGE_LOSSES:
        hint = did_you_mean(name, IMAGE_LOSSES)
        raise LossError(f"loss '{name}' of whole images does not exist{hint}")
    return name
