"""Which pixels hold data, by their values."""

import numpy as np
from numpy.typing import NDArray


def with_data(
    pixels: NDArray[np.generic], valid: NDArray[np.bool_] | None, nodata: float | None
) -> NDArray[np.bool_]:
    """Bool [H, W]: where `pixels` [C, H, W] hold data.

    They do not where one of them is not finite. A nodata value that is negative says so of a pixel
    even in one band; any other one, 0 above all, is also a value that a band may have: a pixel
    holds no data if all bands have it.

    Args:
        valid: what the file says of its pixels; None: nothing.
        nodata: the value that holds no data; None: there is none.
    """
    found = np.ones(pixels.shape[1:], np.bool_) if valid is None else valid.copy()
    if pixels.dtype.kind == "f":
        found &= np.isfinite(pixels).all(axis=0)
    if nodata is not None and nodata < 0:
        found &= (pixels != nodata).all(axis=0)
    elif nodata is not None:
        found &= (pixels != nodata).any(axis=0)
    return found
