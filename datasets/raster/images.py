"""Pixels of one's own images, and which of them hold data."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datasets.orientation import orientation_of
from datasets.rasters import Raster, opened
from datasets.source import Window


def read_image(
    file: Path, numbers: tuple[int, ...], window: Window, nodata: float | None
) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
    """Pixels [C, H, W] of a part of a file in its stored type, and which [H, W] hold data.

    Args:
        numbers: of the bands, from 1, in the order wanted.
        nodata: stored value without data; None: what the file declares, see `with_data`.

    Raises:
        DataError: naming the file, if it cannot be read.
    """
    with opened(file) as reader:
        turned = orientation_of(reader, file)
        return Raster(reader, numbers, turned, file, nodata, tiled=True).held(window)
