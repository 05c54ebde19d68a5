"""Image files through GDAL: GeoTIFF, PNG and JPEG alike, and never more than is asked for."""

import threading
import warnings
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio import Affine
from rasterio.crs import CRS
from rasterio.enums import ColorInterp, Interleaving, MaskFlags
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import DatasetReader

from datasets.bands import stored_bands
from datasets.nodata import with_data
from datasets.orientation import UPRIGHT, Orientation, orientation_of
from datasets.source import DataError, Place, Window
from datasets.strips import read_part


@dataclass(frozen=True)
class RasterInfo:
    """What the header of an image file says.

    Attributes:
        height, width: in pixels, of the upright image.
        count: number of bands.
        dtype: name of the stored type, of the first band.
        crs: coordinate reference system; None if the file is not georeferenced.
        transform: pixel edges (column, row) to coordinates of `crs`; the identity if there are
            none.
        orientation: what makes the stored pixels upright.
        placed_by: what places the image instead of a transform, see `placed_by`; else None.
    """

    height: int
    width: int
    count: int
    dtype: str
    crs: CRS | None
    transform: Affine
    orientation: Orientation = UPRIGHT
    placed_by: str | None = None

    @property
    def remark(self) -> str:
        """What to tell of images that lie somewhere, but not by a transform; else empty."""
        if self.placed_by is None:
            return ""
        return f"placed by {self.placed_by}, not by a transform: as if they lay nowhere"

    @property
    def place(self) -> Place | None:
        """Where the file lies; None if it lacks a reference system or coordinates."""
        if self.crs is None or self.transform.is_identity:
            return None
        a, b, c, d, e, f = self.transform[:6]
        return Place(self.crs.to_wkt(), (a, b, c, d, e, f))


@dataclass(frozen=True, eq=False)
class Raster:
    """Some bands of an open file, upright.

    Attributes:
        reader: the open file.
        bands: numbers of the bands, from 1, in the order in which they are wanted.
        orientation: what makes the stored pixels upright.
        name: of the file, for messages.
        nodata: stored value without data; None: what the file says.
        tiled: whether `name` is the file's path, and it is read in tiles, see `datasets.strips`.
    """

    reader: DatasetReader
    bands: tuple[int, ...]
    orientation: Orientation
    name: Path
    nodata: float | None = None
    tiled: bool = False

    @property
    def height(self) -> int:
        """In pixels."""
        return self.orientation.size(self.reader.height, self.reader.width)[0]

    @property
    def width(self) -> int:
        """In pixels."""
        return self.orientation.size(self.reader.height, self.reader.width)[1]

    def read(self, window: Window | None = None) -> NDArray[np.generic]:
        """Pixels [bands, H, W] of a window inside the image, or all, in the stored type."""
        part = self._stored(window)
        self._check_size(part)
        if self.tiled and part is not None:
            pixels = read_part(self.reader, self.name, self.bands, part)
        else:
            pixels = self.reader.read(self.bands, window=part)
        return np.ascontiguousarray(self.orientation.upright(pixels))

    def held(self, window: Window | None = None) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
        """Pixels [bands, H, W] of a window, or all, and which hold data [H, W].

        Raises:
            DataError: see `valid`.
        """
        pixels = self.read(window)
        return pixels, self._with_data(pixels, self.valid(window))

    def sample(self, side: int) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
        """The same of a grid of `side` × `side` over the stored image, or of all if it is smaller.

        Raises:
            DataError: see `valid`.
        """
        shape = (min(side, self.reader.height), min(side, self.reader.width))
        pixels = self.reader.read(self.bands, out_shape=(len(self.bands), *shape))
        return pixels, self._with_data(pixels, self.valid(shape=shape))

    def _with_data(
        self, pixels: NDArray[np.generic], valid: NDArray[np.bool_] | None
    ) -> NDArray[np.bool_]:
        return with_data(pixels, valid, self.reader.nodata if self.nodata is None else self.nodata)

    def valid(
        self, window: Window | None = None, shape: tuple[int, int] | None = None
    ) -> NDArray[np.bool_] | None:
        """Bool [H, W], which pixels hold data by nodata value, mask or alpha band.

        None where all do, or the values of the pixels tell it.

        An alpha band that is one of `bands` is no mask: GDAL takes the fourth band of bytes for
        alpha, also where it is near infrared.

        Args:
            shape: of a coarser grid over the stored image, to which this is then sampled.

        Raises:
            DataError: the alpha band holds more than "nothing" and "all", and so is none.
        """
        flags = {flag for of_band in self.reader.mask_flag_enums for flag in of_band}
        if flags == {MaskFlags.all_valid}:
            return None
        every = len(self.bands) == self.reader.count
        if flags <= {MaskFlags.nodata, MaskFlags.all_valid} and (every or self.nodata is not None):
            return None  # the values of the pixels tell it, see `held`
        if MaskFlags.alpha in flags:
            alpha = self.reader.colorinterp.index(ColorInterp.alpha) + 1
            if alpha in self.bands:
                return None
            values = self.reader.read(alpha, window=self._stored(window), out_shape=shape)
            self._check_alpha(alpha, values)
        else:
            values = self.reader.dataset_mask(window=self._stored(window), out_shape=shape)
        return values > 0 if shape else np.ascontiguousarray(self.orientation.upright(values > 0))

    def _check_size(self, part: rasterio.windows.Window | None) -> None:
        height, width = (part or self.reader).height, (part or self.reader).width
        size = height * width * sum(_itemsizes(self.reader)[band - 1] for band in self.bands)
        if size > AT_ONCE:
            raise DataError.of_file(
                self.name,
                f"is {self.height} × {self.width}: {size / 1e9:,.0f} GB of it are wanted in memory"
                f" at once, and {AT_ONCE / 1e9:.0f} are allowed; cut it into tiles (dataset.tile)",
            )

    def _check_alpha(self, alpha: int, values: NDArray[Any]) -> None:
        opaque = np.iinfo(values.dtype).max if values.dtype.kind in "ui" else values.max()
        between = values[(values != 0) & (values != opaque)]
        if between.size:
            raise DataError.of_file(
                self.name,
                f"holds {between[0]} in band {alpha}, which it marks as alpha: a mask holds 0 and"
                f" {opaque}. If it is another band, such as nir, name all bands; if not, leave it"
                " out (gdal_translate -b 1 -b 2 -b 3)",
            )

    def _stored(self, window: Window | None) -> rasterio.windows.Window | None:
        if window is None:
            return None
        stored = self.orientation.stored(window, self.height, self.width)
        return rasterio.windows.Window(*stored)


def raster_info(file: Path) -> RasterInfo:
    """Read the header only. DataError naming the file if that is not possible."""
    with opened(file) as raster:
        orientation = orientation_of(raster, file)
        height, width = orientation.size(raster.height, raster.width)
        return RasterInfo(
            height,
            width,
            raster.count,
            raster.dtypes[0],
            raster.crs,
            raster.transform,
            orientation,
            placed_by(raster),
        )


def read_raster(file: Path, window: Window | None = None) -> NDArray[np.generic]:
    """Pixels [bands, H, W] in the stored type: those of `window`, or all; upright.

    Raises:
        DataError: naming the file, if it cannot be read or `window` reaches beyond it.
    """
    with opened(file) as reader:
        bands, turned = tuple(reader.indexes), orientation_of(reader, file)
        raster = Raster(reader, bands, turned, file, tiled=True)
        _check_window(raster, window)
        return raster.read(window)


def read_image(
    file: Path, bands: Sequence[str], title: str, window: Window | None = None
) -> tuple[NDArray[np.generic], NDArray[np.bool_] | None]:
    """An image of a data set that stores its bands in a fixed order: of `window`, or all.

    Args:
        bands: names of the bands, in that order.
        title: of the data set, for messages.

    Returns:
        Pixels [bands, H, W] in the stored type, upright, and which hold data, bool [H, W]; None:
        all.

    Raises:
        DataError: as `read_raster` does; if the bands are others, see `bands.stored_bands`; if
            the values are no measurements, see `image_fault`.
    """
    with opened(file) as reader:
        if fault := image_fault(reader):
            raise DataError.of_file(file, fault)
        numbers = stored_bands(reader, bands, title)
        raster = Raster(reader, numbers, orientation_of(reader, file), file, tiled=True)
        _check_window(raster, window)
        pixels, valid = raster.held(window)
        return pixels, None if valid.all() else valid


def image_fault(reader: DatasetReader) -> str | None:
    """Why the values of an open file are no measurements, as a clause; None if they are."""
    kind = next((dtype for dtype in reader.dtypes if dtype.startswith("complex")), None)
    if kind is not None:
        return (
            f"holds complex numbers ({kind}): make an amplitude of them (gdal_translate"
            " DERIVED_SUBDATASET:AMPLITUDE:FILE)"
        )
    if ColorInterp.palette in reader.colorinterp:
        return (
            "holds indices of a colour table, not colours: expand it (gdal_translate -expand rgb)"
        )
    return None


def placed_by(reader: DatasetReader) -> str | None:
    """What places an open file that has no transform; None if it has one, or no place at all."""
    if not reader.transform.is_identity:
        return None
    if reader.gcps[0]:
        return "ground control points"
    return "rational polynomial coefficients (RPC)" if reader.rpcs else None


def displacement(image: RasterInfo, mask: RasterInfo) -> float:
    """How far a mask lies from its image at most, at their corners, in pixels of the image.

    Both are in one reference system. A transform that cannot be inverted is infinitely far.
    """
    if image.transform.is_degenerate:
        return np.inf if image.transform != mask.transform else 0.0
    to_image = ~image.transform @ mask.transform
    corners = [(x, y) for x in (0, mask.width) for y in (0, mask.height)]
    return max(np.hypot(*np.subtract(to_image @ corner, corner)) for corner in corners)


MISPLACED = 0.1
"""Pixels by which a mask may lie beside its image: more than rounding, less than anyone sees."""


def read_small(file: Path, windows: Sequence[Window | None], side: int) -> NDArray[np.float32]:
    """Parts of an image [N, side, side], grey: the mean of the first three bands in each cell.

    NaN where no pixel of a cell holds data, or every band is 0. What of a window lies beyond the
    image is left out. A part of more than `WHOLE` pixels is read decimated.

    Raises:
        DataError: naming the file, if it cannot be read.
    """
    small = np.empty((len(windows), side, side), dtype=np.float32)
    with opened(file) as reader:
        bands = tuple(range(1, min(reader.count, 3) + 1))
        for index, window in enumerate(windows):
            whole = Window(0, 0, reader.width, reader.height)
            part = rasterio.windows.Window(*(window or whole).inside(reader.height, reader.width))
            step = max(1.0, (part.width * part.height / WHOLE) ** 0.5)
            shape = (round(part.height / step), round(part.width / step))
            if step == 1:
                pixels = read_part(reader, file, bands, part)
            else:
                pixels = reader.read(bands, window=part, out_shape=(len(bands), *shape))
            known = pixels.any(axis=0)
            if any(MaskFlags.all_valid not in flags for flags in reader.mask_flag_enums):
                known &= reader.dataset_mask(window=part, out_shape=shape) > 0
            grey = pixels.mean(axis=0, dtype=np.float32)
            known &= np.isfinite(grey)
            count = _sums(known.astype(np.float32), side)
            total = _sums(np.where(known, grey, 0), side)
            small[index] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return small


def _sums(values: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Sums of values [H, W] over `side` × `side` cells."""
    rows, columns = (np.arange(side) * length // side for length in values.shape)
    return np.add.reduceat(np.add.reduceat(values, rows, axis=0), columns, axis=1)


WHOLE = 2**22
"""Pixels of an image that are read to see what it looks like."""

# By default GDAL reads a truncated JPEG or PNG without complaint; what is missing is made up.
STRICT = {"GDAL_ERROR_ON_LIBJPEG_WARNING": True, "GDAL_PNG_WHOLE_IMAGE_OPTIM": False}


KEPT = 2
"""Files that a thread keeps open: the tiles of an image and of its mask are read by turns. Of files
without tiles of their own, GDAL decodes a row of ours once, instead of once for each tile."""

MOST_PIXELS = 10**11
"""Of a file, which is read in parts: a map of a country at half a metre has fewer."""

BLOCK = 2**30
"""Bytes of a block of a file."""

AT_ONCE = 2**32
"""Bytes that are read at once: all bands that are wanted, of a part of a file or of all of it."""

CACHE_MB = 256
"""What GDAL may keep of decoded files, in all threads."""

# GDAL says it of every PNG. `warnings.catch_warnings` is not safe where threads read.
warnings.filterwarnings("ignore", category=NotGeoreferencedWarning)


class _Kept(threading.local):
    """The files that a thread read last; they are closed when it ends."""

    def __init__(self) -> None:
        self.readers: OrderedDict[tuple[Path, int, int], DatasetReader] = OrderedDict()

    def open(self, file: Path) -> DatasetReader:
        status = file.stat()
        key = file, status.st_mtime_ns, status.st_size
        if key not in self.readers:
            self.readers[key] = rasterio.open(file)
            while len(self.readers) > KEPT:
                self.readers.popitem(last=False)[1].close()
        self.readers.move_to_end(key)
        return self.readers[key]


_kept = _Kept()


@contextmanager
def opened(file: Path) -> Iterator[DatasetReader]:
    """An image file, open for reading. DataError naming it: it cannot be read, also later on."""
    with rasterio.Env(**STRICT, GDAL_CACHEMAX=CACHE_MB):
        try:
            reader = _kept.open(file)
            if fault := no_bands(reader) or too_large(reader):
                raise DataError.of_file(file, fault)
            yield reader
        except FileNotFoundError:
            raise DataError.of_file(file, "is not there") from None
        except RasterioError as error:
            cause = str(error.__cause__ or error).replace(f"'{file}' ", "")
            reason = f"cannot be read: {cause.removeprefix(f'{file}: ').removesuffix('.')}"
            if not file.stat().st_size:
                reason = "cannot be read: it is empty (0 bytes)"
            raise DataError.of_file(file, reason) from None


def too_large(reader: DatasetReader) -> str | None:
    """Why no part of an open file may be read, by its header alone, as a clause; None if it may.

    A file of a few kB can say that it is of any size, and GDAL decodes blocks as a whole.
    """
    if reader.height * reader.width > MOST_PIXELS:
        return f"is {reader.height} × {reader.width}: more than {MOST_PIXELS:,} pixels are not read"
    together = reader.interleaving is None or reader.interleaving == Interleaving.pixel
    for sizes, (height, width) in zip(_itemsizes(reader), reader.block_shapes, strict=True):
        size = height * width * (sum(_itemsizes(reader)) if together else sizes)
        if size > BLOCK:
            return (
                f"is stored in blocks of {height} × {width}, of which one takes {size / 1e9:,.1f}"
                " GB of memory: store it in smaller ones (gdal_translate -co TILED=YES)"
            )
    return None


def _itemsizes(reader: DatasetReader) -> list[int]:
    """Bytes of a value of each band."""
    return [np.dtype(dtype).itemsize for dtype in reader.dtypes]


def no_bands(reader: DatasetReader) -> str | None:
    """Why an open file has no bands of its own, as a clause; None if it has some."""
    if reader.count:
        return None
    if not reader.subdatasets:
        return "holds no raster bands"
    names = [name.rpartition(":")[2].lstrip("/") for name in reader.subdatasets]
    return (
        f"is a container of {len(names)} rasters ({', '.join(names[:5])}"
        f"{', …' if len(names) > 5 else ''}), not one: convert the one that is meant"
        f" (gdal_translate '{reader.subdatasets[0]}' image.tif)"
    )


def _check_window(raster: Raster, window: Window | None) -> None:
    """GDAL would give fewer pixels."""
    if window is None:
        return
    x, y, width, height = window
    if x + width > raster.width or y + height > raster.height:
        raise DataError.of_file(
            raster.name,
            f"is {raster.height} × {raster.width}: the tile of {height} × {width} at row {y},"
            f" column {x} reaches beyond it",
        )
