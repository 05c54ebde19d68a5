"""Outlines of objects: read from text, checked, and burned into masks."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import rasterio.warp
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio._err import CPLE_BaseError  # no public name, yet `warp.transform` raises it
from rasterio.crs import CRS
from rasterio.features import rasterize
from shapely import MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

from datasets.rasters import RasterInfo
from datasets.scenes import unusable
from datasets.source import Window
from datasets.tiling import clip_footprints

NAMED = 3  # faults of one file that are given in full


class Outline(NamedTuple):
    """A geometry, and the name by which a person finds it in its file."""

    name: str
    shape: BaseGeometry


class Burned(NamedTuple):
    """Outlines in one window: the mask [H, W] of 0 and 1, and the single polygons in its pixels."""

    mask: NDArray[np.uint8]
    footprints: tuple[Polygon, ...]


def read_bytes(file: Path) -> bytes:
    """The content of a label file. DataError naming it if it cannot be read."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise unusable(file, f"cannot be read: {error.strerror}") from None


def parse_json(file: Path, text: bytes) -> dict[str, Any]:
    """The object that `text`, the content of `file`, holds. DataError if it holds none."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:  # of the syntax, the encoding or the depth
        raise unusable(file, f"is not JSON: {error}") from None
    if not isinstance(content, dict):
        raise unusable(file, f"holds a JSON {type(content).__name__}, not an object")
    return content


def polygons_of(file: Path, outlines: Sequence[Outline]) -> tuple[Polygon, ...]:
    """All single polygons of `outlines`, without Z; empty ones are left out.

    Raises:
        DataError: naming `file` and in it every outline (the first few, if there are many) that is
            no polygon, or is not valid by the rules of OGC Simple Features.
    """
    shapes = shapely.force_2d(np.array([outline.shape for outline in outlines], dtype=object))
    faults = [
        f"{outline.name} {fault}"
        for outline, shape in zip(outlines, shapes, strict=True)
        if (fault := _fault(shape))
    ]
    if faults:
        more = f"; and {len(faults) - NAMED} more" if len(faults) > NAMED else ""
        raise unusable(file, f"cannot be used: {'; '.join(faults[:NAMED])}{more}")
    return tuple(part for part in shapely.get_parts(shapes) if not part.is_empty)


def moved(points: NDArray[np.float64], transform: Affine) -> NDArray[np.float64]:
    """Points [N, 2] under an affine transform."""
    a, b, c, d, e, f = transform[:6]
    return points @ np.array([[a, d], [b, e]]) + (c, f)


def in_pixels(
    file: Path, shapes: NDArray[np.object_], crs: CRS, info: RasterInfo
) -> NDArray[np.object_]:
    """Geometries of `file`, in coordinates of `crs`, in the pixels of a georeferenced image.

    Only corners are moved: an edge stays straight. (0, 0) is the corner of the first pixel. Of
    longitudes, which repeat every 360°, each corner has the one nearest to the image.

    Raises:
        DataError: naming `file`, if a corner has no place in the image's reference system.
    """
    to_pixels = ~info.transform
    centre, _ = info.transform @ (info.width / 2, info.height / 2)

    def project(corners: NDArray[np.float64]) -> NDArray[np.float64]:
        coordinates = np.stack(rasterio.warp.transform(crs, info.crs, *corners.T), axis=1)
        if info.crs is not None and info.crs.is_geographic:
            coordinates[:, 0] += 360 * np.rint((centre - coordinates[:, 0]) / 360)
        return moved(coordinates, to_pixels)

    try:
        placed: NDArray[np.object_] = shapely.transform(shapes, project)
    except CPLE_BaseError as error:
        raise unusable(
            file, f"has coordinates beyond the reference system of its image: {error}"
        ) from None
    return placed


def burn(polygons: Sequence[Polygon], window: Window) -> Burned:
    """Mask and footprints of valid polygons in `window`, which is in the same pixels as they are.

    A pixel is 1 if its centre lies in a polygon; holes are left open. x runs right, y down, and
    (0, 0) is the corner of the first pixel.
    """
    x, y, width, height = window
    mask = np.zeros((height, width), dtype=np.uint8)
    outlines = np.array(polygons, dtype=object)
    near = outlines[shapely.intersects(outlines, shapely.box(x, y, x + width, y + height))]
    if len(near):
        rasterize(near, out=mask, transform=Affine.translation(x, y), default_value=1)
    return Burned(mask, clip_footprints(near, window))


def _fault(shape: BaseGeometry) -> str | None:
    if not isinstance(shape, Polygon | MultiPolygon):
        return f"is a {shape.geom_type}, not a polygon"
    if not shape.is_valid:
        return f"is not valid: {shapely.is_valid_reason(shape)}"
    return None
