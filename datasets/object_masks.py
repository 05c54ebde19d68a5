"""The pixels of single objects, from a mask of classes and the objects' boxes."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from datasets.boxes import EIGHT_CONNECTED


def object_masks(
    mask: NDArray[np.uint8], boxes: NDArray[np.float32], labels: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Bool [M, H, W]: the pixels of each object.

    They are 8-connected pixels of its class within its box; of several such components, the one
    whose own bounding box is the largest. Where an object is a connected component of the mask,
    that is the component itself, since no other one of its class reaches all four sides of its box.
    Where data bring boxes of their own, neighbours that touch are told apart by them.

    Args:
        mask: class ids [H, W], turned and scaled as the boxes are.
        boxes: [M, 4], x0 y0 x1 y1 in pixel edges.
        labels: [M], class ids from 1.

    Returns:
        No pixel of an object of whose class none is in its box.
    """
    found = np.zeros((len(boxes), *mask.shape), dtype=np.bool_)
    edges = np.hstack([np.floor(boxes[:, :2]), np.ceil(boxes[:, 2:])])
    limits = np.array(mask.shape[::-1] * 2)
    for one, (x0, y0, x1, y1), label in zip(
        found, np.clip(edges, 0, limits).astype(int), labels, strict=True
    ):
        numbered, count = ndimage.label(mask[y0:y1, x0:x1] == label, structure=EIGHT_CONNECTED)
        if count:
            extents = [
                (rows.stop - rows.start) * (columns.stop - columns.start)
                for rows, columns in ndimage.find_objects(numbered)
            ]
            one[y0:y1, x0:x1] = numbered == 1 + int(np.argmax(extents))
    return found
