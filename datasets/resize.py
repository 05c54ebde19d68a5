"""Images and masks to another size, in one frame: pixel edges map to pixel edges.

Position x of an image of width W lies at x · size / W afterwards, in image and mask alike, which is
what lets boxes be made from the resized mask and drawn on the resized image.
"""

from functools import lru_cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Value = TypeVar("Value", bound=np.generic)


def resize_image(image: NDArray[np.generic], size: int) -> NDArray[np.generic]:
    """Bilinear, [C, H, W] to [C, size, size]; averages over the source pixels when shrinking.

    Keeps the type, uint8, uint16 or float32; integers are rounded to the nearest.
    """
    if image.shape[1:] == (size, size):
        return image
    rows, columns = (_triangle_weights(length, size) for length in image.shape[1:])
    bands = (band.astype(np.float32, copy=False) for band in image)
    resized = np.stack([(columns @ (rows @ band).T).T for band in bands])
    if image.dtype.kind == "u":
        np.rint(resized, out=resized)
    return np.asarray(resized, dtype=image.dtype)


def resize_mask(mask: NDArray[Value], size: int) -> NDArray[Value]:
    """Nearest neighbour, [H, W] to [size, size]."""
    if mask.shape == (size, size):
        return mask
    rows, columns = (
        np.floor((np.arange(size) + 0.5) * length / size).astype(np.intp) for length in mask.shape
    )
    return mask[np.ix_(rows, columns)]


@lru_cache
def _triangle_weights(length: int, size: int) -> sparse.csr_array:
    """Interpolation along one axis as a matrix [size, length], float32, whose rows sum to 1."""
    scale = length / size
    centres = (np.arange(size) + 0.5) * scale - 0.5
    distance = np.abs(centres[:, None] - np.arange(length))
    weights: NDArray[np.float64] = np.clip(1 - distance / max(scale, 1.0), 0, None)
    weights /= weights.sum(axis=1, keepdims=True)
    return sparse.csr_array(weights.astype(np.float32))
