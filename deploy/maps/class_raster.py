"""Class maps as GeoTIFF: one byte a pixel, tiled, compressed, with overviews and a legend."""

import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import rasterio
import rasterio.shutil
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.windows import Window as Span

from datasets.colours import class_colours
from datasets.source import IGNORE
from deploy.errors import ModelError
from deploy.maps.classes import Part
from deploy.maps.images import CACHE_MB, Image
from runs.classes import BACKGROUND
from runs.files import whole_file
from runs.records import DataRecord

BLOCK = 512
STRIP = 1024
"""Rows that are read at once where a finished map is read from top to bottom."""


def write_class_raster(
    file: Path, image: Image, parts: Iterable[Part], data: DataRecord, source: str
) -> None:
    """Write `parts` as a cloud-optimised GeoTIFF on the image's grid.

    uint8 class ids, nodata `IGNORE`; the colours of classes as in every picture here, and their
    names in the tags CLASS_0, CLASS_1, …; SOURCE says which model they are from. An overview's
    pixel has the most frequent class of those it covers. The file is written
    whole or not at all.

    Args:
        parts: together they cover the image.
        data: which classes there are.

    Raises:
        ModelError: it cannot be written: the disk is full, or permission is missing.
    """
    try:
        _write(file, image, parts, data, source)
    except RasterioError as error:
        raise ModelError(f"{file} cannot be written: {error}") from None


def _write(file: Path, image: Image, parts: Iterable[Part], data: DataRecord, source: str) -> None:
    names = enumerate((BACKGROUND, *data.classes))
    tags = {"SOURCE": source, **{f"CLASS_{number}": name for number, name in names}}
    with (
        whole_file(file) as whole,
        warnings.catch_warnings(),
        rasterio.Env(GDAL_CACHEMAX=CACHE_MB),
    ):
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        raw = whole.with_name("raw.tif")
        with rasterio.open(raw, "w", **_raw_profile(image)) as raster:
            raster.write_colormap(1, colours(data))
            raster.update_tags(**tags)
            raster.set_band_description(1, "class")
            for window, part in parts:
                raster.write(part, 1, window=Span(*window))
        rasterio.shutil.copy(
            raw,
            whole,
            driver="COG",
            COMPRESS="DEFLATE",
            BLOCKSIZE=BLOCK,
            OVERVIEW_RESAMPLING="MODE",
            BIGTIFF="IF_SAFER",
        )


def class_strips(file: Path) -> Iterator[NDArray[np.uint8]]:
    """A class raster from top to bottom: class ids [H, W], `STRIP` rows at a time."""
    with rasterio.Env(GDAL_CACHEMAX=CACHE_MB), rasterio.open(file) as raster:
        for top in range(0, raster.height, STRIP):
            rows = min(STRIP, raster.height - top)
            yield raster.read(1, window=Span(0, top, raster.width, rows))


def _raw_profile(image: Image) -> dict[str, object]:
    """Of the file that is filled part by part: in no order, so it cannot be compressed yet."""
    return {
        "driver": "GTiff",
        "dtype": "uint8",
        "count": 1,
        "height": image.height,
        "width": image.width,
        "crs": image.crs,
        "transform": image.transform,
        "nodata": IGNORE,
        "tiled": True,
        "blockxsize": BLOCK,
        "blockysize": BLOCK,
        "BIGTIFF": "IF_SAFER",
    }


def colours(data: DataRecord) -> dict[int, tuple[int, int, int, int]]:
    """RGBA of class ids 0, 1, 2, …, and of `IGNORE`, which is transparent."""
    of_classes = class_colours(data.classes, data.colours)
    solid = {number: (*colour, 255) for number, colour in enumerate(of_classes)}
    return {**solid, IGNORE: (0, 0, 0, 0)}
