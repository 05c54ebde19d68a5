"""The loss terms of a segmenter, joined and weighted by class."""

import torch
from torch import Tensor, nn

from models.losses import LOSSES, loss_terms
from models.losses.class_weights import class_weights
from models.losses.pixels import Pixels
from models.model import Classes


def output_channels(classes: Classes) -> int:
    """Channels of a segmenter's outputs: 1 for one class, else K + 1."""
    return 1 if len(classes.names) == 1 else len(classes.names) + 1


class Criterion(nn.Module):
    """The terms of a loss, in float32 whatever the outputs are computed in.

    A batch of ignored pixels alone costs 0, with a gradient of 0.

    Args:
        classes: how often each class occurs in training.
        loss: terms joined by +, see `LOSSES`.
        weighting: of the classes, see `class_weights`.
        label_smoothing: of the terms that have it.

    Attributes:
        weight: float32 [K + 1], class weights. Follows from the data, so that it is no part of
            the state: a model that is carried over to other data takes their weights.
    """

    weight: Tensor

    def __init__(
        self,
        classes: Classes,
        loss: str,
        weighting: str = "none",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__()
        self.terms = loss_terms(loss)
        self.label_smoothing = label_smoothing
        weights = class_weights(weighting, classes.pixels, classes.areas)
        if len(weights) != len(classes.names) + 1:
            raise ValueError(f"{len(weights)} pixel counts for {len(classes.names)} classes")
        self.register_buffer("weight", torch.tensor(weights), persistent=False)

    def forward(self, outputs: Tensor, masks: Tensor) -> dict[str, Tensor]:
        """Outputs [B, 1 or K + 1, S, S] and masks uint8 [B, S, S] → a scalar for each term."""
        with torch.autocast(outputs.device.type, enabled=False):
            pixels = Pixels(outputs.float(), masks.long(), self.weight, self.label_smoothing)
            return {term: LOSSES[term](pixels) for term in self.terms}
