"""Boxes: of masks, and of those that data bring the ones that count."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from datasets.source import IGNORE

EIGHT_CONNECTED = np.ones((3, 3), dtype=bool)


def mask_to_boxes(
    mask: NDArray[np.uint8], min_area: float
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The bounding box of each 8-connected component of each class.

    Args:
        mask: class ids [H, W]; 0 is background and `IGNORE` no object. Components of different
            classes never join.
        min_area: smallest component kept, in mask pixels (of the component, not of its box).

    Returns:
        Boxes [M, 4], x0 y0 x1 y1 in pixel edges: a single pixel at x = 3, y = 5 is [3, 5, 4, 6];
        and their class ids [M]. By class, then in the order in which a row scan meets them.
    """
    boxes = [np.empty((0, 4), dtype=np.float32)]
    labels = [np.empty(0, dtype=np.int64)]
    for class_id in np.unique(mask[(mask > 0) & (mask != IGNORE)]):
        components, count = ndimage.label(mask == class_id, structure=EIGHT_CONNECTED)
        areas = np.bincount(components.ravel(), minlength=count + 1)[1:]
        edges = [(x.start, y.start, x.stop, y.stop) for y, x in ndimage.find_objects(components)]
        kept = np.array(edges, dtype=np.float32)[areas >= min_area]
        boxes.append(kept)
        labels.append(np.full(len(kept), class_id, dtype=np.int64))
    return np.concatenate(boxes), np.concatenate(labels)


def select_boxes(
    boxes: NDArray[np.float32], labels: NDArray[np.int64], size: int, min_area: float
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """What of boxes [M, 4] lies in an image `size` pixels wide and is large enough.

    Args:
        min_area: smallest box kept, in pixels, after it is cut off at the border. One without any
            width or height is never kept.
    """
    inside = np.clip(boxes, 0, size)
    sides = inside[:, 2:] - inside[:, :2]
    kept = (sides > 0).all(axis=1) & (sides.prod(axis=1) >= min_area)
    return inside[kept], labels[kept]
