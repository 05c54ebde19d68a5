"""An image that a model is shown: which of its bands, in which type, and where it holds no data."""

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
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import DatasetReader

from datasets.rasters import STRICT
from datasets.source import Window
from deploy.errors import ModelError
from runs.records import DataRecord

CACHE_MB = 64
"""What GDAL may keep of files. Its own default, a share of the machine's memory, grows with it."""

KEPT_TYPES = ("uint8", "uint16")
"""Stored types that are shown to models as they are; every other is shown as float32."""


@dataclass(frozen=True, eq=False)
class Image:
    """An image whose bands are those of a model.

    Attributes:
        name: for messages.
        reader: the open file.
        bands: numbers of its bands, from 1, in the order of the model's.
        dtype: what pixels are read as.
        neutral: value of each band where the file holds no data.
    """

    name: str
    reader: DatasetReader
    bands: tuple[int, ...]
    dtype: np.dtype[np.generic]
    neutral: NDArray[np.generic]

    @property
    def height(self) -> int:
        """In pixels."""
        return int(self.reader.height)

    @property
    def width(self) -> int:
        """In pixels."""
        return int(self.reader.width)

    @property
    def crs(self) -> CRS | None:
        """Coordinate reference system; None if the image is not georeferenced."""
        return self.reader.crs

    @property
    def transform(self) -> Affine:
        """Pixel edges (column, row) to coordinates of `crs`."""
        return self.reader.transform

    def read(self, window: Window) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
        """Pixels [C, H, W] of `window`, which may reach beyond the image, and where they hold data.

        A pixel holds data unless the file's nodata value, mask or alpha band says otherwise, or
        one of its values is not finite. Where there are none, each band is `neutral`.

        Raises:
            ModelError: the file is damaged.
        """
        x, y, width, height = window
        inside = rasterio.windows.Window(
            x, y, min(width, self.width - x), min(height, self.height - y)
        )
        read = np.s_[: inside.height, : inside.width]
        pixels = np.empty((len(self.bands), height, width), self.dtype)
        valid = np.zeros((height, width), dtype=np.bool_)
        try:
            pixels[:, *read] = self.reader.read(self.bands, window=inside)
            valid[read] = True
            if self._masked:
                valid[read] = self.reader.dataset_mask(window=inside) > 0
        except RasterioError as error:
            raise ModelError(f"{self.name} cannot be read: {error.__cause__ or error}") from None
        if self.dtype.kind == "f":
            valid &= np.isfinite(pixels).all(axis=0)
        np.copyto(pixels, self.neutral[:, None, None], where=~valid)
        return pixels, valid

    @property
    def _masked(self) -> bool:
        flags = {flag for of_band in self.reader.mask_flag_enums for flag in of_band}
        if MaskFlags.alpha in flags:
            # GDAL takes the fourth band of bytes for alpha, also where it is near infrared.
            alpha = self.reader.colorinterp.index(ColorInterp.alpha) + 1
            return alpha not in self.bands
        return flags != {MaskFlags.all_valid}


@contextmanager
def open_image(file: Path, data: DataRecord) -> Iterator[Image]:
    """Open an image file that GDAL can read.

    Raises:
        ModelError: it cannot be read, or is not what the model was trained on, see `image_of`.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.Env(**STRICT, GDAL_CACHEMAX=CACHE_MB):
            try:
                reader = rasterio.open(file)
            except RasterioError as error:
                raise ModelError(f"{file} cannot be read as an image: {error}") from None
            with reader:
                yield image_of(reader, str(file), data)


def image_of(reader: DatasetReader, name: str, data: DataRecord) -> Image:
    """An open file as a model sees it.

    Where the file describes its bands by all the names that the run has, those are taken, in the
    run's order; else it must have as many bands as the run, or an alpha band beside them.

    Raises:
        ModelError: it has other bands, another type, or is placed by ground control points.
    """
    bands = _bands(reader, name, data.bands)
    stored = reader.dtypes[bands[0] - 1]
    dtype = stored if stored in KEPT_TYPES else "float32"
    if dtype != data.dtype:
        raise ModelError(
            f"{name} holds {stored}, but the model was trained on {data.dtype}: "
            "convert the image to the scale and type of the training data"
        )
    if reader.crs is None and reader.gcps[0]:
        raise ModelError(
            f"{name} is placed by ground control points, not by a transform: warp it first "
            "(gdalwarp does)"
        )
    kept = np.dtype(dtype)
    neutral = data.neutral if kept.kind == "f" else np.rint(data.neutral)
    return Image(name, reader, bands, kept, neutral.astype(kept))


def _bands(reader: DatasetReader, name: str, wanted: tuple[str, ...]) -> tuple[int, ...]:
    described = {
        text.casefold(): number
        for number, text in zip(reader.indexes, reader.descriptions, strict=True)
        if text
    }
    if all(band.casefold() in described for band in wanted):
        return tuple(described[band.casefold()] for band in wanted)
    if reader.count == len(wanted):
        return tuple(reader.indexes)
    bands = [
        number
        for number, meaning in zip(reader.indexes, reader.colorinterp, strict=True)
        if meaning != ColorInterp.alpha
    ]
    if len(bands) != len(wanted):
        called = f", described as {', '.join(filter(None, reader.descriptions))}" * bool(described)
        raise ModelError(
            f"{name} has {len(bands)} band{'s' * (len(bands) != 1)}{called}; the model was trained "
            f"on {len(wanted)}: {', '.join(wanted)}"
        )
    return tuple(bands)
