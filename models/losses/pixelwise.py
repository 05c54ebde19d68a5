"""Losses that are a mean over pixels, weighted by class."""

import torch
import torch.nn.functional as F
from torch import Tensor

from datasets.source import IGNORE
from models.losses.pixels import Pixels, class_logits, reciprocal

FOCAL_GAMMA = 2.0
"""As in the paper: a pixel that is right with p = 0.9 counts a hundredth."""


def cross_entropy(pixels: Pixels) -> Tensor:
    """−log p of the true class, weighted and smoothed as torch's mean is."""
    total = F.cross_entropy(
        class_logits(pixels.outputs),
        pixels.masks,
        pixels.class_weights,
        ignore_index=IGNORE,
        reduction="sum",
        label_smoothing=pixels.label_smoothing,
    )
    return total * reciprocal(pixels.weights().sum())


def bce(pixels: Pixels) -> Tensor:
    """Each class against the rest, background too; of one class, that against background."""
    channels = pixels.outputs.shape[1]
    first = 1 if channels == 1 else 0
    ids = torch.arange(first, first + channels, device=pixels.masks.device)
    truth = (pixels.masks[:, None] == ids[:, None, None]).float()
    losses = F.binary_cross_entropy_with_logits(pixels.outputs, truth, reduction="none")
    return pixels.weighted_mean(losses.mean(dim=1))


def focal(pixels: Pixels) -> Tensor:
    """−(1 − p)^γ log p of the true class; α is the class weight. With γ = 0: cross-entropy.

    Lin et al. 2017, "Focal Loss for Dense Object Detection".
    """
    losses = F.cross_entropy(
        class_logits(pixels.outputs), pixels.masks, ignore_index=IGNORE, reduction="none"
    )
    return pixels.weighted_mean((1 - (-losses).exp()) ** FOCAL_GAMMA * losses)
