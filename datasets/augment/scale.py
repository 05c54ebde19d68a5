"""Scale jitter: a mix of ground sampling distances."""

import math
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from datasets.augment.changed import areas, with_boxes, with_holes
from datasets.batches import Batch
from datasets.source import IGNORE


def scale(batch: Batch, strength: float, rng: np.random.Generator) -> Batch:
    """Zoom each image by its own factor, and keep its size: a random crop, or a random place.

    Factors are drawn by magnitude from 1/(1 + `strength`) to 1 + `strength`: a ground sampling
    distance of 10 m becomes 10 m / factor. Pixels stay square. Images are resampled bilinearly, the
    others by their nearest pixel; what lies beyond the image holds no data. Boxes are cut off at
    the border, and dropped where they come to be less than a pixel wide or high.

    (Large scale jittering: Ghiasi et al. 2021, "Simple Copy-Paste is a Strong Data Augmentation
    Method for Instance Segmentation".)
    """
    count, size = len(batch.images), batch.images.shape[-1]
    factors = np.exp(rng.uniform(-1, 1, count) * math.log1p(strength))
    corners = rng.uniform(size=(count, 2)) * (size - size / factors)[:, None]
    return zoomed(batch, _like(factors, batch), _like(corners, batch))


def zoomed(batch: Batch, factors: Tensor, corners: Tensor) -> Batch:
    """The part of each image that begins at its corner, magnified by its factor.

    Args:
        factors: float32 [B].
        corners: float32 [B, 2], x y in pixel edges of the images as they are.
    """
    count, size = len(batch.images), batch.images.shape[-1]
    places = torch.zeros(count, 2, 3, device=batch.images.device)
    places[:, 0, 0] = places[:, 1, 1] = 1 / factors
    places[:, :, 2] = (1 / factors - 1)[:, None] + 2 * corners / size
    grid = F.affine_grid(places, [count, 1, size, size], align_corners=False)
    images = F.grid_sample(batch.images, grid, padding_mode="border", align_corners=False)
    valid = torch.ones_like(batch.masks) if batch.valid is None else batch.valid
    # Beyond the image nearest sampling gives 0, which these two are to mean no data.
    labels = torch.stack([batch.masks.float() - IGNORE, valid.float()], dim=1)
    masks, seen = F.grid_sample(labels, grid, mode="nearest", align_corners=False).unbind(dim=1)
    moved = replace(batch, images=images, masks=(masks + IGNORE).to(torch.uint8), footprints=None)
    moved = with_holes(replace(moved, valid=None), seen == 0)
    boxes = [
        (one - corner.repeat(2)) * factor
        for one, corner, factor in zip(batch.boxes, corners, factors, strict=True)
    ]
    inside = [one.clamp(0, size) for one in boxes]
    return with_boxes(moved, inside, [_left(*pair) for pair in zip(inside, boxes, strict=True)])


def _left(inside: Tensor, boxes: Tensor) -> Tensor:
    """The share [M] of `boxes` that is `inside`; 0 of less than a pixel."""
    wide = (inside[:, 2:] - inside[:, :2] >= 1).all(dim=1)
    return wide * areas(inside) / areas(boxes)


def _like(numbers: NDArray[np.float64], batch: Batch) -> Tensor:
    return torch.as_tensor(numbers, dtype=torch.float32, device=batch.images.device)
