"""Cut-out (DeVries & Taylor 2017, "Improved Regularization of Convolutional Neural Networks")."""

import numpy as np
import torch
from torch import Tensor

from datasets.augment.changed import areas, with_boxes, with_holes
from datasets.batches import Batch


def cutout(batch: Batch, strength: float, rng: np.random.Generator) -> Batch:
    """Take the data out of a square in each image, of a share from 0 to `strength` of its area.

    It lies at a random place inside. Nothing is learnt there, other than in the paper: what cannot
    be seen has no label. Boxes that are seen in part stay as they are.
    """
    count, size = len(batch.images), batch.images.shape[-1]
    sides = np.round(size * np.sqrt(rng.uniform(0, strength, count))).astype(np.int64)
    corners = rng.integers(0, size - sides[:, None], (count, 2), endpoint=True)
    squares = np.concatenate([corners, corners + sides[:, None]], axis=1)
    return cut(batch, torch.as_tensor(squares, device=batch.images.device))


def cut(batch: Batch, squares: Tensor) -> Batch:
    """`batch` without the data in `squares`, int64 [B, 4], x0 y0 x1 y1 in pixel edges."""
    at = torch.arange(batch.images.shape[-1], device=squares.device)
    x0, y0, x1, y1 = squares.T[..., None]
    rows, columns = (at >= y0) & (at < y1), (at >= x0) & (at < x1)
    holed = with_holes(batch, rows[:, :, None] & columns[:, None, :])
    covered = [
        torch.cat([boxes[:, :2].clamp(min=square[:2]), boxes[:, 2:].clamp(max=square[2:])], dim=1)
        for boxes, square in zip(batch.boxes, squares, strict=True)
    ]
    left = [1 - areas(part) / areas(of) for part, of in zip(covered, batch.boxes, strict=True)]
    return with_boxes(holed, batch.boxes, left)
