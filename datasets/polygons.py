"""Polygons of a vector layer on an image: in its pixels, burned into masks, as boxes.

Polygons are reprojected to the image's coordinate reference system and cut off at its border. Edges
that are long beside the image are given more corners first: a straight line of one system is curved
in another. Each part of a MultiPolygon is an object of its own.

Where polygons of different classes overlap, the smaller is on top, whatever their order in the
file: a pond that is drawn upon a field stays a pond. Of equal ones the later is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio.warp
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.features import rasterize
from rasterio.transform import array_bounds
from shapely import Polygon

from datasets.box_scenes import listed
from datasets.layers import Box, Records, VectorFile, records_in
from datasets.rasters import RasterInfo
from datasets.scenes import unusable
from datasets.source import Window
from datasets.tiling import clip_boxes
from datasets.vectors import in_pixels

EDGES = 64  # an edge is no longer than the longer side of the image by this
MARGIN = 0.01  # by which a box around the image is larger than its corners say: sides are curved
OVERLAP = 1.0  # pixels from which on two polygons overlap, and do not merely share a border


@dataclass(frozen=True, eq=False)
class Features:
    """Polygons on an image, those of the largest area in their own layer first.

    Attributes:
        polygons: valid, in pixels of the whole image: x right, y down, (0, 0) its corner.
        values: of the class field, for each; the layer's name if there is no field.
        repaired: features that were not valid (a line that crosses itself) and were mended.
        without_class: features that were left out because the class field is null.
    """

    polygons: tuple[Polygon, ...]
    values: tuple[str, ...]
    repaired: int
    without_class: int

    def of(self, class_ids: Mapping[str, int]) -> tuple[list[Polygon], list[int]]:
        """The polygons whose value is a class, and their class ids."""
        pairs = [
            (polygon, class_ids[value])
            for polygon, value in zip(self.polygons, self.values, strict=True)
            if value in class_ids
        ]
        return [polygon for polygon, _ in pairs], [class_id for _, class_id in pairs]


def features_in(
    vector: VectorFile, class_field: str | None, info: RasterInfo, window: Window | None = None
) -> Features:
    """The polygons that meet an image, or a window of it.

    Raises:
        DataError: naming the file: it cannot be read, has no such field, holds a feature that is no
            polygon or has coordinates that the image's system lacks; or the image has no place.
    """
    if info.place is None:
        raise unusable(vector.file, "cannot be laid upon an image that is not georeferenced")
    crs = CRS.from_wkt(vector.crs)
    shown = window or Window(0, 0, info.width, info.height)
    records = records_in(vector, class_field, boxes_around(info, shown, crs))
    records = records[shapely.is_geometry(records.shapes) & ~shapely.is_empty(records.shapes)]
    _refuse_without_area(vector, records)
    named = np.array([value is not None for value in records.values], dtype=bool)
    kept = records[named] if class_field is not None else records
    broken = ~shapely.is_valid(kept.shapes)
    parts, rows = _parts(kept.shapes)
    order = np.argsort(-shapely.area(parts), kind="stable")
    parts, rows = parts[order], rows[order]
    parts, origin = _placed(vector, parts, crs, info)
    rows = rows[origin]
    x, y, width, height = shown
    meets = shapely.intersects(parts, shapely.box(x, y, x + width, y + height))
    values = kept.values[rows[meets]] if class_field is not None else [vector.layer] * meets.sum()
    return Features(
        polygons=tuple(parts[meets]),
        values=tuple(values),
        repaired=int(broken.sum()),
        without_class=len(records.ids) - len(kept.ids),
    )


def burn_classes(
    features: Features, class_ids: Mapping[str, int], window: Window, *, all_touched: bool = False
) -> NDArray[np.uint8]:
    """The mask [H, W] of a window: class ids, 0 where there is no polygon of a class.

    Args:
        class_ids: class id of each value; polygons of other values are background.
        all_touched: whether a pixel is of a polygon that merely touches it; otherwise its centre
            must lie inside.
    """
    x, y, width, height = window
    mask = np.zeros((height, width), dtype=np.uint8)
    polygons, labels = features.of(class_ids)
    if polygons:
        rasterize(
            zip(polygons, labels, strict=True),
            out=mask,
            transform=Affine.translation(x, y),
            all_touched=all_touched,
        )
    return mask


def boxes_in(
    features: Features, class_ids: Mapping[str, int], window: Window
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The boxes [M, 4] around polygons of a class, in pixel edges of the window; class ids [M].

    Which boxes at the window's border are kept is told by `datasets.tiling.clip_boxes`.
    """
    polygons, labels = features.of(class_ids)
    bounds = shapely.bounds(np.array(polygons, dtype=object)).reshape(-1, 4)
    return clip_boxes(bounds.astype(np.float32), np.array(labels, dtype=np.int64), window)


def overlaps(features: Features) -> int:
    """How many pairs of polygons of different values overlap, by a pixel or more."""
    polygons, values = np.array(features.polygons), np.array(features.values)
    if not len(polygons):
        return 0
    first, second = shapely.STRtree(polygons).query(polygons, predicate="intersects")
    differ = (first < second) & (values[first] != values[second])
    shared = shapely.intersection(polygons[first[differ]], polygons[second[differ]])
    return int((shapely.area(shared) >= OVERLAP).sum())


def images_beside(vector: VectorFile, images: Mapping[Path, RasterInfo]) -> tuple[Path, ...]:
    """The images outside the bounds of a layer: they have no labels.

    Raises:
        DataError: the layer is empty, an image is not georeferenced, or all images lie beside the
            layer: with both extents, in its coordinate reference system.
    """
    if vector.bounds is None:
        raise unusable(vector.file, f"has no features in {vector.layer!r}")
    if unplaced := [file for file, info in images.items() if info.place is None]:
        raise unusable(
            unplaced[0],
            f"is not georeferenced ({len(unplaced)} of {len(images)} images are not): the polygons"
            f" of {vector.file.name} have no place on it",
        )
    crs = CRS.from_wkt(vector.crs)
    boxes = {
        file: boxes_around(info, Window(0, 0, info.width, info.height), crs)
        for file, info in images.items()
    }
    labels = shapely.box(*vector.bounds)
    beside = tuple(
        file
        for file, around in boxes.items()
        if not any(shapely.intersects(labels, shapely.box(*box)) for box in around)
    )
    if images and len(beside) == len(images):
        every = np.array([box for around in boxes.values() for box in around])
        extent = (*every[:, :2].min(axis=0), *every[:, 2:].max(axis=0))
        raise unusable(
            vector.file,
            f"lies beside all {len(images)} images: its features are at"
            f" {_extent(vector.bounds, crs)}, the images at {_extent(extent, crs)}, both in"
            f" {_name(crs)}; is a coordinate reference system wrong?",
        )
    return beside


def boxes_around(info: RasterInfo, window: Window, crs: CRS) -> list[Box]:
    """Around a window, in coordinates of `crs`; two where it lies across the 180° meridian."""
    assert info.place is not None, info
    corners = array_bounds(
        window.height, window.width, Affine(*info.place.within(window).transform)
    )
    left, bottom, right, top = rasterio.warp.transform_bounds(info.crs, crs, *corners)
    across = left > right
    dx = MARGIN * (right - left + (360 if across else 0))
    dy = MARGIN * (top - bottom)
    if across:
        return [
            (left - dx, bottom - dy, 180.0, top + dy),
            (-180.0, bottom - dy, right + dx, top + dy),
        ]
    return [(left - dx, bottom - dy, right + dx, top + dy)]


def _refuse_without_area(vector: VectorFile, records: Records) -> None:
    kinds = ("Polygon", "MultiPolygon")
    faults = [
        f"feature {number} is a {shape.geom_type}"
        for number, shape in zip(records.ids, records.shapes, strict=True)
        if shape.geom_type not in kinds
    ]
    if faults:
        raise unusable(
            vector.file, f"must hold polygons only in {vector.layer!r}: {listed(faults)}"
        )


def _parts(shapes: NDArray[np.object_]) -> tuple[NDArray[np.object_], NDArray[np.int64]]:
    """The single polygons, valid and without Z, and of which of `shapes` each is."""
    flat = shapely.force_2d(shapes)
    broken = ~shapely.is_valid(flat)
    flat[broken] = shapely.make_valid(flat[broken], method="structure", keep_collapsed=False)
    parts, rows = shapely.get_parts(flat, return_index=True)
    areal = (shapely.get_type_id(parts) == shapely.GeometryType.POLYGON) & (shapely.area(parts) > 0)
    return parts[areal], rows[areal]


def _placed(
    vector: VectorFile, parts: NDArray[np.object_], crs: CRS, info: RasterInfo
) -> tuple[NDArray[np.object_], NDArray[np.int64]]:
    """What of valid polygons lies in the image, in its pixels, and of which each is.

    They are cut off twice: before the way to the image's system, in which far corners may have no
    place, and after it, at the border itself.
    """
    around = boxes_around(info, Window(0, 0, info.width, info.height), crs)
    near, rows = _parts(
        shapely.intersection(parts, shapely.union_all([shapely.box(*box) for box in around]))
    )
    if crs != info.crs:
        left, bottom, right, top = around[0]
        near = shapely.segmentize(near, max(right - left, top - bottom) / EDGES)
    pixels, again = _parts(in_pixels(vector.file, near, crs, info))
    inside, last = _parts(shapely.intersection(pixels, shapely.box(0, 0, info.width, info.height)))
    return inside, rows[again[last]]


def _extent(box: Box, crs: CRS) -> str:
    digits = 4 if crs.is_geographic else 0
    left, bottom, right, top = (f"{value:.{digits}f}" for value in box)
    return f"x {left} to {right}, y {bottom} to {top}"


def _name(crs: CRS) -> str:
    code = crs.to_epsg()
    return f"EPSG:{code}" if code else "the coordinate reference system of the labels"
