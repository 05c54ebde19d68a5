"""Losses of whole images against PyTorch's, and their weights."""

import pytest
import torch
import torch.nn.functional as F

from models.losses import LossError
from models.losses.image_labels import IMAGE_LOSSES, ImageLogits, check_image_loss

LOGITS = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
CLASSES = torch.tensor([0, 1, 2, 2, 1, 0])
WEIGHTS = torch.tensor([1.0, 0.5, 1.5])


def loss(name: str, truths: torch.Tensor, weights: torch.Tensor, smoothing: float) -> torch.Tensor:
    return IMAGE_LOSSES[name](ImageLogits(LOGITS, truths, weights, smoothing))


def test_cross_entropy_is_that_of_pytorch_weighted_and_smoothed() -> None:
    ours = loss("cross_entropy", F.one_hot(CLASSES, 3).bool(), WEIGHTS, 0.1)
    expected = F.cross_entropy(LOGITS, CLASSES, WEIGHTS, label_smoothing=0.1)
    torch.testing.assert_close(ours, expected)


def test_bce_is_that_of_pytorch_and_a_class_of_weight_0_does_not_count() -> None:
    truths = torch.rand(6, 3, generator=torch.Generator().manual_seed(1)) < 0.5
    ours = loss("bce", truths, torch.ones(3), 0.0)
    torch.testing.assert_close(ours, F.binary_cross_entropy_with_logits(LOGITS, truths.float()))
    without = loss("bce", truths, torch.tensor([1.0, 1.0, 0.0]), 0.0)
    expected = F.binary_cross_entropy_with_logits(LOGITS[:, :2], truths[:, :2].float())
    torch.testing.assert_close(without, expected)


def test_smoothing_of_bce_moves_targets_towards_a_half() -> None:
    truths = torch.ones(6, 3, dtype=torch.bool)
    expected = F.binary_cross_entropy_with_logits(LOGITS, torch.full((6, 3), 0.9))
    torch.testing.assert_close(loss("bce", truths, torch.ones(3), 0.2), expected)


def test_an_unknown_loss_is_refused_with_the_known_ones() -> None:
    with pytest.raises(LossError, match="loss 'lovasz' of whole images does not exist"):
        check_image_loss("lovasz")
