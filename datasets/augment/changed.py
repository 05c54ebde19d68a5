"""A batch with other images, holes or boxes, its parts in step."""

from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor

from datasets.batches import Batch
from datasets.source import IGNORE

LEAST_LEFT = 0.25
"""The share of a box that must still be seen; otherwise it is dropped with its label."""


def with_images(batch: Batch, images: Tensor) -> Batch:
    """`batch` with other images float32 [B, C, S, S]; pixels without data stay 0."""
    if batch.valid is not None:
        images = images.masked_fill(~batch.valid[:, None], 0)
    return replace(batch, images=images)


def with_holes(batch: Batch, holes: Tensor) -> Batch:
    """`batch` without data in `holes`, bool [B, S, S]: 0, `IGNORE` and not valid."""
    return replace(
        batch,
        images=batch.images.masked_fill(holes[:, None], 0),
        masks=batch.masks.masked_fill(holes, IGNORE),
        valid=~holes if batch.valid is None else batch.valid & ~holes,
    )


def with_boxes(batch: Batch, boxes: Sequence[Tensor], left: Sequence[Tensor]) -> Batch:
    """`batch` with other boxes, those dropped of which too little is left.

    Args:
        boxes: B tensors [M, 4], x0 y0 x1 y1 in pixel edges.
        left: B tensors [M], the share of each box's area that can be seen.
    """
    kept = [share >= LEAST_LEFT for share in left]
    return replace(
        batch,
        boxes=[one[rows] for one, rows in zip(boxes, kept, strict=True)],
        labels=[labels[rows] for labels, rows in zip(batch.labels, kept, strict=True)],
    )


def areas(boxes: Tensor) -> Tensor:
    """Areas [M] of boxes [M, 4], those without width or height 0."""
    return (boxes[:, 2:] - boxes[:, :2]).clamp(min=0).prod(dim=1)
