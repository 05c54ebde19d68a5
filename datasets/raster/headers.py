"""What the headers of image files say, and what is wrong with them before a pixel is read."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rasterio import Affine
from rasterio.crs import CRS
from rasterio.enums import ColorInterp

from datasets.bands import band_names
from datasets.orientation import orientation_of
from datasets.rasters import RasterInfo, image_fault, opened, placed_by
from datasets.source import DataError


class Header(NamedTuple):
    """Of an image file; plain values, which JSON keeps.

    Attributes:
        height, width: px, of the upright image.
        dtype: name of the stored type.
        names: of its bands, in the stored order; "" where the file does not name one.
        described: whether the names are descriptions, not GDAL's colour interpretation.
        alpha: number of its alpha band, from 1; 0 if it has none.
        crs: as WKT; "" if the file has no place on Earth.
        transform: as in `Place`.
        nodata: the value that it declares; None: none.
        placed_by: as in `RasterInfo`.
    """

    height: int
    width: int
    dtype: str
    names: tuple[str, ...]
    described: bool
    alpha: int
    crs: str
    transform: tuple[float, float, float, float, float, float]
    nodata: float | None
    placed_by: str | None

    @property
    def info(self) -> RasterInfo:
        """The same as `datasets.rasters` gives it."""
        crs = CRS.from_wkt(self.crs) if self.crs else None
        transform = Affine(*self.transform)
        bands = len(self.names)
        return RasterInfo(
            *(self.height, self.width, bands, self.dtype, crs, transform),
            placed_by=self.placed_by,
        )


def header_of(file: Path) -> tuple[object, ...] | str:
    """The fields of a `Header`, or what is wrong with the file."""
    try:
        with opened(file) as reader:
            if fault := image_fault(reader):
                return fault
            described = tuple((text or "").strip() for text in reader.descriptions)
            alpha = _alpha(reader.colorinterp, described)
            names = described if all(described) else band_names(reader)
            crs = reader.crs.to_wkt() if reader.crs else ""
            place = tuple(reader.transform)[:6]
            size = orientation_of(reader, file).size(reader.height, reader.width)
            return (
                *(*size, reader.dtypes[0], names, any(described), alpha, crs, place),
                *(reader.nodata, placed_by(reader)),
            )
    except DataError as error:
        return error.problems[0].reason


def _alpha(meanings: Sequence[ColorInterp], described: Sequence[str]) -> int:
    """Number of the alpha band, from 1; 0: none. GDAL says it of any fourth band of bytes, also of
    one that the file itself calls otherwise.
    """
    if ColorInterp.alpha not in meanings:
        return 0
    number = meanings.index(ColorInterp.alpha) + 1
    called = described[number - 1].casefold()
    return number if not called or "alpha" in called else 0


def header(found: list[Any]) -> Header:
    """What JSON has kept of `header_of`."""
    height, width, dtype, names, described, alpha, crs, transform, *rest = found
    return Header(
        *(height, width, dtype, tuple(names), described, alpha, crs, tuple(transform), *rest)
    )
