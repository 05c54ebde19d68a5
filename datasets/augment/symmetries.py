"""The eight symmetries of the square: seen from above, no direction is up."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

SYMMETRIES = 8

Value = TypeVar("Value", bound=np.generic)


def transform_image(image: NDArray[Value], symmetry: int) -> NDArray[Value]:
    """Turn [..., S, S] by `symmetry` % 4 quarters anticlockwise; 4 to 7 mirror left-right first."""
    mirrored = image[..., ::-1] if symmetry >= 4 else image
    return np.rot90(mirrored, symmetry % 4, axes=(-2, -1))


def transform_boxes(boxes: NDArray[np.float32], symmetry: int, size: int) -> NDArray[np.float32]:
    """Do the same to boxes [M, 4], x0 y0 x1 y1 in pixel edges of an image `size` pixels wide."""
    x0, y0, x1, y1 = boxes.T
    if symmetry >= 4:
        x0, x1 = size - x1, size - x0
    for _ in range(symmetry % 4):
        x0, y0, x1, y1 = y0, size - x1, y1, size - x0
    return np.stack([x0, y0, x1, y1], axis=1)
