"""Boxes: of masks, and of those that data bring the ones that count."""

from typing import Any

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
        mask: as for `components`.
        min_area: smallest component kept, in mask pixels (of the component, not of its box).

    Returns:
        Boxes [M, 4] and class ids [M], as `components` gives them.
    """
    boxes, labels, areas = components(mask)
    return boxes[areas >= min_area], labels[areas >= min_area]


def components(
    mask: NDArray[np.uint8],
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]:
    """The 8-connected components of each class.

    Args:
        mask: class ids [H, W]; 0 is background and `IGNORE` no object. Components of different
            classes never join.

    Returns:
        Boxes [M, 4], x0 y0 x1 y1 in pixel edges: a single pixel at x = 3, y = 5 is [3, 5, 4, 6];
        class ids [M]; and areas [M] in pixels of the mask. By class, then in the order in which a
        row scan meets them.
    """
    boxes = [np.empty((0, 4), dtype=np.float32)]
    labels = [np.empty(0, dtype=np.int64)]
    areas = [np.empty(0, dtype=np.int64)]
    for class_id in np.unique(mask[(mask > 0) & (mask != IGNORE)]):
        numbered, count = ndimage.label(mask == class_id, structure=EIGHT_CONNECTED)
        areas.append(np.bincount(numbered.ravel(), minlength=count + 1)[1:])
        edges = [(x.start, y.start, x.stop, y.stop) for y, x in ndimage.find_objects(numbered)]
        boxes.append(np.array(edges, dtype=np.float32))
        labels.append(np.full(count, class_id, dtype=np.int64))
    return np.concatenate(boxes), np.concatenate(labels), np.concatenate(areas)


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


def on_data(boxes: NDArray[np.floating[Any]], valid: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Bool [M]: the boxes [M, 4], x0 y0 x1 y1 in pixel edges, that lie on pixels with data.

    A box does if half of the pixels it touches do, which are bool [H, W].
    """
    sums = np.pad(np.cumsum(np.cumsum(valid, axis=0, dtype=np.int64), axis=1), ((1, 0), (1, 0)))
    height, width = valid.shape
    edges = [np.floor(boxes[:, :2]), np.ceil(boxes[:, 2:])]
    x0, y0, x1, y1 = np.clip(np.hstack(edges), 0, (width, height) * 2).astype(np.int64).T
    inside = sums[y1, x1] - sums[y0, x1] - sums[y1, x0] + sums[y0, x0]
    return 2 * inside >= (y1 - y0) * (x1 - x0)
