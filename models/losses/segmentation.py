"""Losses of segmentation by name, over outputs [B, 1 or K + 1, S, S] and masks uint8 [B, S, S].

One class is told from background by one logit z, whose sigmoid is the softmax over [0, z]; several
classes have a logit each, background's first. Pixels that are `IGNORE` never count.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from segmentation_models_pytorch.losses import DiceLoss, JaccardLoss, LovaszLoss
from torch import Tensor, nn

from datasets.source import IGNORE
from models.heads.options import SegmenterOptions
from models.losses.class_weights import class_weights
from models.losses.names import LOSSES, check_loss, loss_terms
from models.model import Classes

__all__ = ["LOSSES", "Criterion", "check_loss", "class_logits", "output_channels"]

FOCAL_GAMMA = 2.0
"""As in the paper: a pixel that is right with p = 0.9 counts a hundredth."""


def output_channels(classes: Classes) -> int:
    """Channels of a segmenter's outputs: 1 for one class, else K + 1."""
    return 1 if len(classes.names) == 1 else len(classes.names) + 1


def class_logits(outputs: Tensor) -> Tensor:
    """Outputs [B, 1 or K + 1, S, S] → a logit for each class id, [B, K + 1, S, S]."""
    if outputs.shape[1] > 1:
        return outputs
    return torch.cat([torch.zeros_like(outputs), outputs], dim=1)


class Criterion(nn.Module):
    """The terms of `options.loss`, in float32 whatever the outputs are computed in.

    A batch of ignored pixels alone costs 0, with a gradient of 0.

    Attributes:
        weight: float32 [K + 1], class weights. Follows from the data, so that it is no part of
            the state: a model that is carried over to other data takes their weights.
    """

    weight: Tensor

    def __init__(self, classes: Classes, options: SegmenterOptions) -> None:
        super().__init__()
        self.terms = loss_terms(options.loss)
        self.label_smoothing = options.label_smoothing
        weights = class_weights(options.class_weights, classes.pixels, classes.areas)
        if len(weights) != len(classes.names) + 1:
            raise ValueError(f"{len(weights)} pixel counts for {len(classes.names)} classes")
        self.register_buffer("weight", torch.tensor(weights), persistent=False)
        mode = "binary" if output_channels(classes) == 1 else "multiclass"
        self.dice = DiceLoss(mode, ignore_index=IGNORE)
        self.jaccard = JaccardLoss(mode, ignore_index=IGNORE)
        self.lovasz = LovaszLoss(mode, ignore_index=IGNORE)

    def forward(self, outputs: Tensor, masks: Tensor) -> dict[str, Tensor]:
        """Outputs [B, 1 or K + 1, S, S] and masks uint8 [B, S, S] → a scalar for each term."""
        formulas: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
            "cross_entropy": self._cross_entropy,
            "bce": self._bce,
            "focal": self._focal,
            "dice": self.dice,
            "jaccard": self.jaccard,
            "lovasz": self._lovasz,
        }
        with torch.autocast(outputs.device.type, enabled=False):
            outputs, masks = outputs.float(), masks.long()
            return {term: formulas[term](outputs, masks) for term in self.terms}

    def _cross_entropy(self, outputs: Tensor, masks: Tensor) -> Tensor:
        """Weighted and smoothed as torch's mean is."""
        total = F.cross_entropy(
            class_logits(outputs),
            masks,
            self.weight,
            ignore_index=IGNORE,
            reduction="sum",
            label_smoothing=self.label_smoothing,
        )
        return total * _reciprocal(self._pixel_weights(masks).sum())

    def _bce(self, outputs: Tensor, masks: Tensor) -> Tensor:
        """Each class against the rest, background too; of one class, that against background."""
        first = 1 if outputs.shape[1] == 1 else 0
        ids = torch.arange(first, first + outputs.shape[1], device=masks.device)
        truth = (masks[:, None] == ids[:, None, None]).float()
        losses = F.binary_cross_entropy_with_logits(outputs, truth, reduction="none")
        return self._weighted_mean(losses.mean(dim=1), masks)

    def _focal(self, outputs: Tensor, masks: Tensor) -> Tensor:
        """−(1 − p)^γ log p of the true class (Lin et al. 2017, "Focal Loss for Dense Object
        Detection"); α is the class weight. With γ = 0 it is the cross-entropy."""
        losses = F.cross_entropy(
            class_logits(outputs), masks, ignore_index=IGNORE, reduction="none"
        )
        return self._weighted_mean((1 - (-losses).exp()) ** FOCAL_GAMMA * losses, masks)

    def _lovasz(self, outputs: Tensor, masks: Tensor) -> Tensor:
        """Berman et al. 2018, "The Lovász-Softmax loss"; of one class, the Lovász hinge."""
        # Of ignored pixels alone the library gives an empty tensor, not a scalar.
        return self.lovasz(outputs, masks).sum()

    def _pixel_weights(self, masks: Tensor) -> Tensor:
        counted = masks != IGNORE
        return self.weight[masks * counted] * counted

    def _weighted_mean(self, losses: Tensor, masks: Tensor) -> Tensor:
        weights = self._pixel_weights(masks)
        return (losses * weights).sum() * _reciprocal(weights.sum())


def _reciprocal(total: Tensor) -> Tensor:
    """1 / total, and 0 where there is nothing to take a mean of."""
    return torch.where(total > 0, 1 / total, 0.0)
