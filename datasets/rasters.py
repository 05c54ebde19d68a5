"""Image files through GDAL: GeoTIFF, PNG and JPEG alike, and never more than is asked for."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio import Affine
from rasterio.crs import CRS
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from datasets.source import DataError, Place, Problem, Window


@dataclass(frozen=True)
class RasterInfo:
    """What the header of an image file says.

    Attributes:
        height, width: in pixels.
        count: number of bands.
        dtype: name of the stored type, of the first band.
        crs: coordinate reference system; None if the file is not georeferenced.
        transform: pixel edges (column, row) to coordinates of `crs`; the identity if there are
            none.
    """

    height: int
    width: int
    count: int
    dtype: str
    crs: CRS | None
    transform: Affine

    @property
    def place(self) -> Place | None:
        """Where the file lies; None if it lacks a reference system or coordinates."""
        if self.crs is None or self.transform.is_identity:
            return None
        a, b, c, d, e, f = self.transform[:6]
        return Place(self.crs.to_wkt(), (a, b, c, d, e, f))


def raster_info(file: Path) -> RasterInfo:
    """Read the header only. DataError naming the file if that is not possible."""
    with _opened(file) as raster:
        return RasterInfo(
            raster.height,
            raster.width,
            raster.count,
            raster.dtypes[0],
            raster.crs,
            raster.transform,
        )


def read_raster(file: Path, window: Window | None = None) -> NDArray[np.generic]:
    """Pixels [bands, H, W] in the stored type: those of `window`, or all.

    Raises:
        DataError: naming the file, if it cannot be read or `window` reaches beyond it.
    """
    with _opened(file) as raster:
        if window is None:
            return np.asarray(raster.read())
        x, y, width, height = window
        if x + width > raster.width or y + height > raster.height:  # GDAL would give fewer pixels
            problem = Problem(
                file,
                f"is {raster.height} × {raster.width}: the tile of {height} × {width} at row {y},"
                f" column {x} reaches beyond it",
            )
            raise DataError(f"{file} {problem.reason}", [problem])
        return np.asarray(raster.read(window=rasterio.windows.Window(x, y, width, height)))


# By default GDAL reads a truncated JPEG or PNG without complaint; what is missing is made up.
STRICT = {"GDAL_ERROR_ON_LIBJPEG_WARNING": True, "GDAL_PNG_WHOLE_IMAGE_OPTIM": False}


@contextmanager
def _opened(file: Path) -> Iterator[rasterio.DatasetReader]:
    with rasterio.Env(**STRICT), warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        try:
            with rasterio.open(file) as raster:
                yield raster
        except RasterioError as error:
            cause = str(error.__cause__ or error).replace(f"'{file}' ", "")
            reason = f"cannot be read: {cause.removeprefix(f'{file}: ')}"
            raise DataError(f"{file} {reason}", [Problem(file, reason)]) from None
