"""What a loss of segmentation is computed from."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from datasets.source import IGNORE


@dataclass(frozen=True, eq=False)
class Pixels:
    """A segmenter's outputs for a batch, and the truth.

    For one class there is one logit z, against background: its sigmoid is the softmax over [0, z].
    For several classes there is a logit each, background's first.

    Attributes:
        outputs: float32 [B, 1 or K + 1, S, S], logits.
        masks: int64 [B, S, S], class ids and `IGNORE`, which never counts.
        class_weights: float32 [K + 1].
        label_smoothing: from 0 to below 1.
    """

    outputs: Tensor
    masks: Tensor
    class_weights: Tensor
    label_smoothing: float

    def weights(self) -> Tensor:
        """The class weight of each pixel's truth, [B, S, S]; 0 where it is ignored."""
        counted = self.masks != IGNORE
        return self.class_weights[self.masks * counted] * counted

    def weighted_mean(self, losses: Tensor) -> Tensor:
        """Mean of `losses` [B, S, S] by `weights`; 0 where no pixel counts."""
        weights = self.weights()
        return (losses * weights).sum() * reciprocal(weights.sum())


Loss = Callable[[Pixels], Tensor]
"""A scalar; of ignored pixels alone it is 0, with a gradient of 0."""


def class_logits(outputs: Tensor) -> Tensor:
    """Outputs [B, 1 or K + 1, S, S] → a logit for each class id, [B, K + 1, S, S]."""
    if outputs.shape[1] > 1:
        return outputs
    return torch.cat([torch.zeros_like(outputs), outputs], dim=1)


def reciprocal(total: Tensor) -> Tensor:
    """1 / `total`, and 0 where that is 0: there is nothing to take a mean of."""
    return torch.where(total > 0, 1 / total, 0.0)
