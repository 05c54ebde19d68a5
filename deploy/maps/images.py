"""An image that a model is shown: in which type and scale, and where it holds no data."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio import Affine
from rasterio.crs import CRS
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import DatasetReader

from datasets import DATASETS, DataError, OwnFormat
from datasets.bands import Bands, bands_of
from datasets.orientation import UPRIGHT, orientation_of
from datasets.rasters import STRICT, Raster, image_fault, no_bands, placed_by, too_large
from datasets.source import Window
from deploy.errors import ModelError
from runs.records import DataRecord

CACHE_MB = 64
"""What GDAL may keep of files. Its own default, a share of the machine's memory, grows with it."""

KEPT_TYPES = ("uint8", "uint16")
"""Stored types that are shown to models as they are; every other is shown as float32."""

SAMPLED = 16
"""Rows and columns that are looked at to tell an image's scale."""

OTHER_SCALE = 50
"""Between scales in use (0 to 1, to 255, to 10,000) lies a factor of 39 or more; between a dark
image and a bright one of the same scale, less."""


@dataclass(frozen=True, eq=False)
class Image:
    """An image whose bands are those of a model.

    Attributes:
        name: for messages.
        raster: the bands of the open file that are the model's, in its order, upright.
        dtype: what pixels are read as.
        neutral: value of each band where the file holds no data.
    """

    name: str
    raster: Raster
    dtype: np.dtype[np.generic]
    neutral: NDArray[np.generic]

    @property
    def height(self) -> int:
        """In pixels."""
        return self.raster.height

    @property
    def width(self) -> int:
        """In pixels."""
        return self.raster.width

    @property
    def crs(self) -> CRS | None:
        """Coordinate reference system; None if the image is not georeferenced."""
        return self.raster.reader.crs

    @property
    def transform(self) -> Affine:
        """Pixel edges (column, row) to coordinates of `crs`."""
        return self.raster.reader.transform

    def read(self, window: Window) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
        """Pixels [C, H, W] of `window`, which may reach beyond the image, and where they hold data.

        Where a pixel holds none, see `datasets.rasters.Raster.held`, each band is `neutral`.

        Raises:
            ModelError: the file is damaged.
        """
        inside = window.inside(self.height, self.width)
        read = np.s_[: inside.height, : inside.width]
        shape = (window.height, window.width)
        pixels = np.empty((len(self.neutral), *shape), self.dtype)
        valid = np.zeros(shape, dtype=np.bool_)
        with self._refused():
            pixels[:, *read], valid[read] = self.raster.held(inside)
        np.copyto(pixels, self.neutral[:, None, None], where=~valid)
        return pixels, valid

    def sample(self, side: int) -> NDArray[np.generic]:
        """Pixels [C, N] that hold data, of a grid of `side` × `side` over the image.

        Raises:
            ModelError: the file is damaged.
        """
        with self._refused():
            pixels, valid = self.raster.sample(side)
        return pixels[:, valid]

    @contextmanager
    def _refused(self) -> Iterator[None]:
        """Turn what goes wrong on reading into a `ModelError`."""
        try:
            yield
        except RasterioError as error:
            raise ModelError(f"{self.name} cannot be read: {error.__cause__ or error}") from None
        except DataError as error:
            raise ModelError(f"{error}; or choose the bands with --bands") from None


@contextmanager
def open_image(file: Path, data: DataRecord, bands: Bands | None = None) -> Iterator[Image]:
    """Open an image file that GDAL can read, or one in the format of the model's data set.

    Args:
        bands: see `image_of`.

    Raises:
        ModelError: it cannot be read, or is not what the model was trained on, see `image_of` and
            `check_scale`.
        DataError: it is in the data set's own format, and damaged.
    """
    source = DATASETS.get(data.name)
    if isinstance(source, OwnFormat) and file.suffix == source.suffix:
        with _in_memory(source.read_image(file), source.bands) as reader:
            yield _checked(reader, str(file), data, bands)
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.Env(**STRICT, GDAL_CACHEMAX=CACHE_MB):
            try:
                reader = rasterio.open(file)
            except RasterioError as error:
                raise ModelError(f"{file} cannot be read as an image: {error}") from None
            with reader:
                yield _checked(reader, str(file), data, bands, file)


@contextmanager
def open_array(
    pixels: NDArray[np.generic], data: DataRecord, bands: Bands | None = None
) -> Iterator[Image]:
    """Pixels [bands, H, W] in memory as an image; they are copied.

    Raises:
        ModelError: they have another shape, or are not what the model was trained on, see
            `image_of` and `check_scale`.
    """
    wanted = len(data.bands)
    if pixels.ndim != 3 or pixels.dtype.kind not in "uif" or not pixels.size:
        raise ModelError(
            f"the array is {pixels.dtype} of shape {pixels.shape}: give numbers of shape (bands, "
            "height, width)"
        )
    if bands is None and pixels.shape[2] == wanted != pixels.shape[0]:
        raise ModelError(
            f"the array of shape {pixels.shape} has its bands last: give array.transpose(2, 0, 1), "
            "which is (bands, height, width)"
        )
    with _in_memory(pixels) as reader:
        yield _checked(reader, "the array", data, bands)


@contextmanager
def _in_memory(
    pixels: NDArray[np.generic], names: tuple[str, ...] | None = None
) -> Iterator[DatasetReader]:
    """Pixels [C, H, W] as an open file, its bands described by `names`."""
    if pixels.dtype == np.float16:  # unknown to GDAL
        pixels = pixels.astype(np.float32)
    count, height, width = pixels.shape
    form = {"count": count, "height": height, "width": width, "dtype": pixels.dtype}
    with (
        warnings.catch_warnings(),
        rasterio.Env(GDAL_CACHEMAX=CACHE_MB),
        rasterio.MemoryFile() as memory,
    ):
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with memory.open(driver="GTiff", **form, photometric="minisblack", ALPHA="NO") as raster:
            raster.write(pixels)
            raster.descriptions = names or (None,) * count
        with memory.open() as reader:
            yield reader


def _checked(
    reader: DatasetReader,
    name: str,
    data: DataRecord,
    bands: Bands | None,
    content: Path | None = None,
) -> Image:
    image = image_of(reader, name, data, bands, content)
    check_scale(image, data)
    return image


def image_of(
    reader: DatasetReader,
    name: str,
    data: DataRecord,
    bands: Bands | None = None,
    content: Path | BinaryIO | None = None,
) -> Image:
    """An open file as a model sees it.

    Args:
        bands: which of the file's bands are the model's, see `datasets.bands.bands_of`.
        content: what `reader` was opened from, to find out which way up the image is; None: it is
            upright.

    Raises:
        ModelError: it has other bands, another type, or is placed by other things than a transform;
            or its values are no measurements, see `datasets.rasters.image_fault`.
    """
    if fault := no_bands(reader) or too_large(reader) or image_fault(reader):
        raise ModelError(f"{name} {fault}")
    try:
        numbers = bands_of(reader, data.bands, bands, name=name, option="--bands")
        orientation = UPRIGHT if content is None else orientation_of(reader, content)
    except DataError as error:
        raise ModelError(str(error)) from None
    stored = reader.dtypes[numbers[0] - 1]
    dtype = stored if stored in KEPT_TYPES else "float32"
    if dtype != data.dtype:
        raise ModelError(
            f"{name} holds {stored}, but the model was trained on {data.dtype}, "
            f"{scale_in_words(data)}: convert the image to that scale and type"
        )
    if how := placed_by(reader):
        raise ModelError(
            f"{name} is placed by {how}, not by a transform: warp it first (gdalwarp does)"
        )
    raster = Raster(reader, numbers, orientation, Path(name), data.nodata)
    kept = np.dtype(dtype)
    neutral = data.neutral if kept.kind == "f" else np.rint(data.neutral)
    return Image(name, raster, kept, neutral.astype(kept))


def check_scale(image: Image, data: DataRecord) -> None:
    """Raise `ModelError` if values are of another scale than those the model was trained on.

    That is: in every band, their root mean square is more than `OTHER_SCALE` times larger, or
    smaller. An image that is 0 everywhere has no scale.
    """
    values = image.sample(SAMPLED).astype(np.float64)
    if not values.any():
        return
    times = np.sqrt((values**2).mean(axis=1)) / np.hypot(data.neutral, data.spread)
    low, high = times.min(), times.max()
    if low > OTHER_SCALE or high < 1 / OTHER_SCALE:
        how = f"{low:,.0f} times larger" if low > 1 else f"{1 / high:,.0f} times smaller"
        raise ModelError(
            f"{image.name} holds values {how} than the training data, "
            f"{scale_in_words(data)}: convert the image to that scale"
        )


def scale_in_words(data: DataRecord) -> str:
    """What the stored values of the training data were, as part of a sentence."""
    about = (
        f"{band} {mean:.3g} ± {spread:.2g}"
        for band, mean, spread in zip(data.bands, data.neutral, data.spread, strict=True)
    )
    return f"about {', '.join(about)}"
