"""What the samples with boxes share: scenes as JPEG files."""

import warnings
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning

QUALITY = 90


def write_jpeg(file: Path, image: NDArray[np.float64]) -> None:
    """Write red, green and blue [3, H, W] in 0..1 as 8 bit."""
    pixels = np.round(np.clip(image, 0, 1) * 255).astype(np.uint8)
    _, height, width = pixels.shape
    profile = {"driver": "JPEG", "count": 3, "dtype": "uint8", "QUALITY": QUALITY}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(file, "w", height=height, width=width, **profile) as raster:
            raster.write(pixels)
