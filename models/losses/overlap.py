"""Losses that measure the overlap of prediction and truth, of segmentation-models-pytorch.

Every class has the same weight in them, whatever its number of pixels.
"""

from segmentation_models_pytorch.losses import DiceLoss, JaccardLoss, LovaszLoss
from torch import Tensor

from datasets.source import IGNORE
from models.losses.pixels import Pixels


def dice(pixels: Pixels) -> Tensor:
    """1 − 2 |A ∩ B| / (|A| + |B|), mean of the classes (Milletari et al. 2016, "V-Net")."""
    return DiceLoss(_mode(pixels), ignore_index=IGNORE)(pixels.outputs, pixels.masks)


def jaccard(pixels: Pixels) -> Tensor:
    """1 − |A ∩ B| / |A ∪ B|, mean of the classes."""
    return JaccardLoss(_mode(pixels), ignore_index=IGNORE)(pixels.outputs, pixels.masks)


def lovasz(pixels: Pixels) -> Tensor:
    """Berman et al. 2018, "The Lovász-Softmax loss"; of one class, the Lovász hinge."""
    # Of ignored pixels alone the library gives an empty tensor, not a scalar.
    return LovaszLoss(_mode(pixels), ignore_index=IGNORE)(pixels.outputs, pixels.masks).sum()


def _mode(pixels: Pixels) -> str:
    return "binary" if pixels.outputs.shape[1] == 1 else "multiclass"
