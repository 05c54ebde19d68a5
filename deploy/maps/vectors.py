"""Polygons of classes as GeoPackage or GeoJSON, in the image's coordinate reference system.

RFC 7946 wants GeoJSON in WGS 84, but leaves room for another system by arrangement. Here the
image's own is kept, and named by a `crs` member as in GeoJSON 2008, which GDAL and QGIS read:
corners stay on the pixel edges where they were found, and a rectangle stays one. Of an image that
is not georeferenced, coordinates are its pixels and `crs` is null: column to the right, row *down*
from the upper left corner.
"""

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import shapely
from rasterio import Affine
from rasterio.crs import CRS
from shapely import Polygon

from deploy.errors import ModelError
from deploy.maps.objects import Objects
from deploy.maps.outlines import Area
from runs.files import whole_file

AT_ONCE = 10_000
"""Features that are written, and held, together."""

LAYER = "found"


class Feature(NamedTuple):
    """A polygon in coordinates of the map, its class, and a detector's score of it."""

    outline: Polygon
    label: int
    name: str
    score: float | None


def features_of_areas(
    areas: Iterable[Area], classes: tuple[str, ...], transform: Affine
) -> Iterator[Feature]:
    """Areas in pixel edges → features."""
    for outline, label in areas:
        yield Feature(placed(outline, transform), label, classes[label - 1], None)


def features_of_objects(
    found: Iterable[Objects], classes: tuple[str, ...], transform: Affine
) -> Iterator[Feature]:
    """Boxes in pixel edges → features; under a rotated transform they are rotated rectangles."""
    for objects in found:
        for box, score, label in zip(objects.boxes, objects.scores, objects.labels, strict=True):
            outline = placed(shapely.box(*box), transform)
            yield Feature(outline, int(label), classes[label - 1], float(score))


def write_geopackage(file: Path, features: Iterable[Feature], crs: CRS | None) -> None:
    """Write a GeoPackage with one layer, whole or not at all; areas have no score."""
    from pyogrio.raw import write

    waiting = iter(features)
    with whole_file(file) as whole:
        some = list(islice(waiting, AT_ONCE))
        while some or not whole.exists():
            write(
                whole,
                geometry=shapely.to_wkb([one.outline for one in some]),
                field_data=[
                    np.array([one.name for one in some], dtype=object),
                    np.array([one.label for one in some], dtype=np.int32),
                    np.array([one.score for one in some], dtype=np.float64),
                ],
                fields=["class", "class_id", "score"],
                layer=LAYER,
                driver="GPKG",
                geometry_type="Polygon",
                crs=crs and crs.to_wkt(),
                append=whole.exists(),
            )
            some = list(islice(waiting, AT_ONCE))


def write_geojson(file: Path, features: Iterable[Feature], crs: CRS | None) -> None:
    """Write a feature collection, whole or not at all.

    Raises:
        ModelError: the coordinate reference system has no name that GeoJSON could give.
    """
    with whole_file(file) as whole, whole.open("w", encoding="utf-8") as opened:
        opened.writelines(geojson(features, crs))


def geojson(features: Iterable[Feature], crs: CRS | None) -> Iterator[str]:
    """The text of a feature collection, a feature at a time.

    Raises:
        ModelError: the coordinate reference system has no name that GeoJSON could give.
    """
    yield f'{{"type": "FeatureCollection", "crs": {json.dumps(crs_member(crs))}, "features": ['
    separator = "\n"
    for feature in features:
        yield separator + json.dumps(_geojson_feature(feature))
        separator = ",\n"
    yield "\n]}\n"


def crs_member(crs: CRS | None) -> dict[str, Any] | None:
    """How GeoJSON names a coordinate reference system (GeoJSON 2008, section 3)."""
    if crs is None:
        return None
    authority = crs.to_authority()
    if authority is None:
        raise ModelError(
            "the image's coordinate reference system is in no register (EPSG or other), and "
            "GeoJSON can only name one: write a GeoPackage, or warp the image to one that is"
        )
    body, code = authority
    name = "OGC:1.3:CRS84" if (body, code) == ("EPSG", "4326") else f"{body}::{code}"
    return {"type": "name", "properties": {"name": f"urn:ogc:def:crs:{name}"}}


def _geojson_feature(feature: Feature) -> dict[str, Any]:
    properties: dict[str, Any] = {"class": feature.name, "class_id": feature.label}
    if feature.score is not None:
        properties["score"] = round(feature.score, 4)
    geometry = shapely.geometry.mapping(shapely.orient_polygons(feature.outline))
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def placed(outline: Polygon, transform: Affine) -> Polygon:
    """A polygon in pixel edges → in coordinates of the map."""
    a, b, c, d, e, f = transform[:6]
    matrix = np.array([[a, d], [b, e]])
    return shapely.transform(outline, lambda corners: corners @ matrix + (c, f))
