"""Batches of tensors from a split."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datasets.augment import SYMMETRIES, transform_boxes, transform_image
from datasets.cache import Split


@dataclass(frozen=True, eq=False)
class Batch:
    """B images with everything a task may learn from.

    Attributes:
        images: float32 [B, C, S, S], standardised with the training split's mean and std.
        masks: uint8 [B, S, S], class ids.
        boxes: B tensors float32 [M, 4], x0 y0 x1 y1 in pixel edges.
        labels: B tensors int64 [M], class ids from 1.
        names: B names.
    """

    images: Tensor
    masks: Tensor
    boxes: list[Tensor]
    labels: list[Tensor]
    names: list[str]

    def to(self, device: torch.device | str) -> "Batch":
        """Copy every tensor to `device`."""
        return Batch(
            self.images.to(device),
            self.masks.to(device),
            [boxes.to(device) for boxes in self.boxes],
            [labels.to(device) for labels in self.labels],
            self.names,
        )


def batches(
    split: Split,
    batch_size: int,
    *,
    rng: np.random.Generator | None = None,
    augment: bool = False,
) -> Iterator[Batch]:
    """All of `split` once.

    Args:
        rng: shuffles, and draws the augmentation; None keeps the split's order.
        augment: turn and mirror each image, its mask and its boxes by a random symmetry of the
            square; needs `rng`.

    The last batch may be short. When shuffling, a last batch of one image is left out (unless it is
    the only one), since batch normalisation cannot train on a single image of 1 × 1 features.
    """
    if augment and rng is None:
        raise ValueError("augment=True needs a random generator: pass rng.")
    order = np.arange(len(split)) if rng is None else rng.permutation(len(split))
    if rng is not None:
        order = order[: batch_count(split, batch_size) * batch_size]
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        if rng is not None and augment:
            symmetries = rng.integers(SYMMETRIES, size=len(rows))
        else:
            symmetries = np.zeros(len(rows), dtype=np.int64)
        yield _batch(split, rows, symmetries)


def batch_count(split: Split, batch_size: int) -> int:
    """Number of batches that one shuffled pass over `split` gives."""
    full, rest = divmod(len(split), batch_size)
    leaves_one_out = rest == 1 and full > 0
    return full + (rest > 0 and not leaves_one_out)


def batch_of(split: Split, rows: NDArray[np.int64]) -> Batch:
    """The images `rows` of `split` as one batch, as they are."""
    return _batch(split, rows, np.zeros(len(rows), dtype=np.int64))


def _batch(split: Split, rows: NDArray[np.int64], symmetries: NDArray[np.int64]) -> Batch:
    images = np.empty((len(rows), *split.images.shape[1:]), dtype=np.float32)
    masks = np.empty((len(rows), *split.masks.shape[1:]), dtype=np.uint8)
    boxes, labels = [], []
    for place, (row, symmetry) in enumerate(zip(rows, symmetries, strict=True)):
        images[place] = transform_image(split.images[row], symmetry)
        masks[place] = transform_image(split.masks[row], symmetry)
        found, ids = split.objects(row)
        boxes.append(torch.from_numpy(transform_boxes(found, symmetry, masks.shape[-1])))
        labels.append(torch.from_numpy(ids.copy()))
    images -= split.mean[:, None, None]
    images /= split.std[:, None, None]
    names = [split.names[row] for row in rows]
    return Batch(torch.from_numpy(images), torch.from_numpy(masks), boxes, labels, names)
