"""Batches of tensors from a split."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from shapely import Polygon
from torch import Tensor

from datasets.augment.symmetries import SYMMETRIES, transform_boxes, transform_image
from datasets.cache import Split
from datasets.one_ahead import one_ahead
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
        """Copy every tensor to `device`; from pinned memory, without waiting for it.

        To the CPU, it waits.
        """
        ahead = torch.device(device).type != "cpu"
        return self._each(lambda one: one.to(device, non_blocking=ahead))

    def pinned(self) -> "Batch":
        """In memory that a GPU copies from by itself."""
        return self._each(Tensor.pin_memory)

    def _each(self, change: Callable[[Tensor], Tensor]) -> "Batch":
        return replace(
            self,
            images=change(self.images),
            masks=change(self.masks),
            boxes=[change(boxes) for boxes in self.boxes],
            labels=[change(labels) for labels in self.labels],
            valid=None if self.valid is None else change(self.valid),
            image_labels=None if self.image_labels is None else change(self.image_labels),
        )


CPU = torch.device("cpu")


def batches(
    split: Split,
    batch_size: int,
    *,
    rng: np.random.Generator | None = None,
    augment: bool = False,
    order: NDArray[np.int64] | None = None,
    device: torch.device = CPU,
) -> Iterator[Batch]:
    """All of `split` once, its images on `device`; labels stay on the CPU, see `Batch.to`.

    While a batch is worked on, a thread reads the next one. Images travel in the type that they are
    stored in, and are standardised on `device`. All that is drawn is drawn before the first batch:
    what is drawn from `rng` meanwhile changes nothing.

    Args:
        rng: shuffles, and draws the augmentation; None keeps the order.
        augment: turn and mirror each image, its mask and its boxes by a random symmetry of the
            square; needs `rng`.
        order: the images in this order, without `rng`; None for that of the split.

    The last batch may be short. When shuffling, a last batch of one image is left out (unless it is
    the only one), since batch normalisation cannot train on a single image of 1 × 1 features.
    """
    if augment and rng is None:
        raise ValueError("augment=True needs a random generator: pass rng.")
    if rng is not None:
        order = rng.permutation(len(split))[: batch_count(split, batch_size) * batch_size]
    elif order is None:
        order = np.arange(len(split))
    together = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
    turns = [
        rng.integers(SYMMETRIES, size=len(rows)) if rng is not None and augment else _unturned(rows)
        for rows in together
    ]
    scaling = _Scaling.of(split, device)
    outlined = split.outlines is not None and not augment
    read = partial(_stored, split, outlined=outlined, pinned=device.type == "cuda")
    with closing(one_ahead(map(read, together, turns))) as stored:
        for batch in stored:
            yield scaling.of_batch(batch)


def batch_count(split: Split, batch_size: int) -> int:
    """Number of batches that one shuffled pass over `split` gives."""
    full, rest = divmod(len(split), batch_size)
    leaves_one_out = rest == 1 and full > 0
    return full + (rest > 0 and not leaves_one_out)


def batch_of(split: Split, rows: NDArray[np.int64], device: torch.device = CPU) -> Batch:
    """The images `rows` of `split` as one batch, as they are, the images on `device`."""
    outlined = split.outlines is not None
    stored = _stored(split, rows, _unturned(rows), outlined=outlined, pinned=False)
    return _Scaling.of(split, device).of_batch(stored)


def _unturned(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.zeros(len(rows), dtype=np.int64)


def _stored(
    split: Split,
    rows: NDArray[np.int64],
    symmetries: NDArray[np.int64],
    *,
    outlined: bool,
    pinned: bool,
) -> Batch:
    """A batch on the CPU, its images as they are stored.

    Args:
        outlined: with the footprints.
        pinned: in memory that a GPU copies from while others work.
    """
    images = np.empty((len(rows), *split.images.shape[1:]), dtype=split.images.dtype)
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
    with_classes = split.image_labels
    batch = Batch(
        torch.from_numpy(images),
        torch.from_numpy(masks),
        boxes,
        labels,
        [split.names[row] for row in rows],
        split.sizes[rows],
        footprints=[split.footprints(row) for row in rows] if outlined else None,
        valid=None if valid is None else torch.from_numpy(valid),
        rows=rows,
        image_labels=None if with_classes is None else torch.from_numpy(with_classes[rows]),
    )
    return batch.pinned() if pinned else batch


@dataclass(frozen=True, eq=False)
class _Scaling:
    """How stored images become those of a `Batch`, on a device.

    Attributes:
        low, width: float32 [C, 1, 1], what becomes 0 and how much more becomes 1; None without a
            stretch.
        mean, std: float32 [C, 1, 1].
    """

    low: Tensor | None
    width: Tensor | None
    mean: Tensor
    std: Tensor

    @classmethod
    def of(cls, split: Split, device: torch.device) -> "_Scaling":
        def there(values: NDArray[np.float32]) -> Tensor:
            return torch.as_tensor(values[:, None, None], device=device)

        low, width = None, None
        if split.stretch is not None:
            low, width = there(split.stretch[0]), there(split.stretch[1] - split.stretch[0])
        return cls(low, width, there(split.mean), there(split.std))

    def of_batch(self, stored: Batch) -> Batch:
        """The batch with standardised images on the device."""
        device = self.mean.device
        # In place: a batch is several megabytes, and nobody else has it as it is stored.
        images = stored.images.to(device, non_blocking=True).float()
        if self.low is not None and self.width is not None:
            images.sub_(self.low).div_(self.width).clamp_(0, 1)
        images.sub_(self.mean).div_(self.std)
        if stored.valid is not None:
            images.masked_fill_(~stored.valid.to(device, non_blocking=True)[:, None], 0)
        return replace(stored, images=images)
