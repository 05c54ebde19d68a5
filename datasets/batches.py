"""Batches of tensors from a split."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from shapely import Polygon
from torch import Tensor

from datasets.augment.symmetries import SYMMETRIES, transform_boxes, transform_image
from datasets.cache import Split
from datasets.source import IGNORE


@dataclass(frozen=True, eq=False)
class Batch:
    """B images with everything a task may learn from.

    Attributes:
        images: float32 [B, C, S, S], stretched if the data are to be, then standardised with the
            training split's mean and std.
        masks: uint8 [B, S, S], class ids and `IGNORE`; zeros if the data have no masks.
        boxes: B tensors float32 [M, 4], x0 y0 x1 y1 in pixel edges.
        labels: B tensors int64 [M], class ids from 1.
        names: B names.
        sizes: int64 [B, 2], height and width in pixels of the file, before resizing.
        footprints: B lists of outlines in pixels of the file; None if the data have none, or the
            images may be turned.
        valid: bool [B, S, S], the pixels that hold data; None if all do. In the others, images are
            0, and masks `IGNORE`.
        rows: int64 [B], which images of their split they are; None if they are of none.
        image_labels: bool [B, K], the classes of each image as a whole; None if the data have none.
    """

    images: Tensor
    masks: Tensor
    boxes: list[Tensor]
    labels: list[Tensor]
    names: list[str]
    sizes: NDArray[np.int64]
    footprints: list[list[Polygon]] | None
    valid: Tensor | None = None
    rows: NDArray[np.int64] | None = None
    image_labels: Tensor | None = None

    def to(self, device: torch.device | str) -> "Batch":
        """Copy every tensor to `device`."""
        return replace(
            self,
            images=self.images.to(device),
            masks=self.masks.to(device),
            boxes=[boxes.to(device) for boxes in self.boxes],
            labels=[labels.to(device) for labels in self.labels],
            valid=None if self.valid is None else self.valid.to(device),
            image_labels=None if self.image_labels is None else self.image_labels.to(device),
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
            yield _batch(split, rows, rng.integers(SYMMETRIES, size=len(rows)))
        else:
            yield batch_of(split, rows)


def batch_count(split: Split, batch_size: int) -> int:
    """Number of batches that one shuffled pass over `split` gives."""
    full, rest = divmod(len(split), batch_size)
    leaves_one_out = rest == 1 and full > 0
    return full + (rest > 0 and not leaves_one_out)


def batch_of(split: Split, rows: NDArray[np.int64]) -> Batch:
    """The images `rows` of `split` as one batch, as they are."""
    batch = _batch(split, rows, np.zeros(len(rows), dtype=np.int64))
    if split.outlines is None:
        return batch
    return replace(batch, footprints=[split.footprints(row) for row in rows])


def _batch(split: Split, rows: NDArray[np.int64], symmetries: NDArray[np.int64]) -> Batch:
    images = np.empty((len(rows), *split.images.shape[1:]), dtype=np.float32)
    masks = np.empty((len(rows), *split.masks.shape[1:]), dtype=np.uint8)
    valid = None if split.holes is None else np.ones(masks.shape, dtype=np.bool_)
    boxes, labels = [], []
    for index, (row, symmetry) in enumerate(zip(rows, symmetries, strict=True)):
        images[index] = transform_image(split.images[row], symmetry)
        masks[index] = transform_image(split.masks[row], symmetry)
        if valid is not None and (with_data := split.valid(row)) is not None:
            valid[index] = transform_image(with_data, symmetry)
            masks[index][~valid[index]] = IGNORE
        found, ids = split.objects(row)
        boxes.append(torch.from_numpy(transform_boxes(found, symmetry, masks.shape[-1])))
        labels.append(torch.from_numpy(ids.copy()))
    _standardise(images, split)
    if valid is not None:
        np.copyto(images, 0, where=~valid[:, None])
    return Batch(
        torch.from_numpy(images),
        torch.from_numpy(masks),
        boxes,
        labels,
        [split.names[row] for row in rows],
        split.sizes[rows],
        footprints=None,
        valid=None if valid is None else torch.from_numpy(valid),
        rows=rows,
        image_labels=None
        if split.image_labels is None
        else torch.from_numpy(split.image_labels[rows]),
    )


def _standardise(images: NDArray[np.float32], split: Split) -> None:
    """In place: a batch is several megabytes, and trials make many."""
    if split.stretch is not None:
        low, high = split.stretch[..., None, None]
        images -= low
        images /= high - low
        np.clip(images, 0, 1, out=images)
    images -= split.mean[:, None, None]
    images /= split.std[:, None, None]
