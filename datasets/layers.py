"""A layer of a vector file: what it holds, and which of its features lie in a box.

GeoPackage, FlatGeobuf, Shapefile, GeoJSON, and whatever else GDAL reads. Files with a spatial index
(GeoPackage, FlatGeobuf, a Shapefile with its .qix) are never read whole: only the features in a box
are. Others are, once in a process.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyogrio
import shapely
from numpy.typing import NDArray
from pyogrio.errors import DataLayerError, DataSourceError, FeatureError, FieldError, GeometryError
from rasterio.crs import CRS
from rasterio.errors import CRSError

from datasets.scenes import unusable
from datasets.source import natural_key
from runs.errors import did_you_mean

Box = tuple[float, float, float, float]
"""Left, bottom, right, top."""

NO_AREA = ("Point", "LineString")


@dataclass(frozen=True)
class VectorFile:
    """What a layer's header says.

    Attributes:
        file: where it lies.
        layer: its name in the file.
        crs: coordinate reference system, as WKT; x is easting or longitude whatever it says.
        features: how many there are.
        bounds: of all features, in coordinates of `crs`; None if there are none.
        fields: names of the attributes.
        geometry: GDAL's name of the type, "MultiPolygon"; "Unknown" where features may differ.
        indexed: whether features in a box are found without reading the others.
    """

    file: Path
    layer: str
    crs: str
    features: int
    bounds: Box | None
    fields: tuple[str, ...]
    geometry: str
    indexed: bool


@dataclass(frozen=True, eq=False)
class Records:
    """Some features as they are stored.

    Attributes:
        ids: int64 [N], by which a person finds them in the file.
        shapes: geometries [N]; None where a feature has none.
        values: of one field [N], as text; None where it is null, or no field was asked for.
    """

    ids: NDArray[np.int64]
    shapes: NDArray[np.object_]
    values: NDArray[np.object_]

    def __getitem__(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> "Records":
        return Records(self.ids[rows], self.shapes[rows], self.values[rows])


def describe_vector(file: Path, layer: str | None = None) -> VectorFile:
    """Read the header of a layer of polygons; None is the only one with geometries.

    Raises:
        DataError: as of `describe_layer`; or it is of points or lines.
    """
    described = describe_layer(file, layer)
    if any(kind in described.geometry for kind in NO_AREA):
        raise unusable(
            file,
            f"holds {described.geometry} features in {described.layer!r}: labels must be polygons",
        )
    return described


def describe_layer(file: Path, layer: str | None = None) -> VectorFile:
    """Read the header of a layer of any geometries; None is the only one with geometries.

    Raises:
        DataError: naming `file`: it cannot be read, has no such layer or several and none is named,
            or has no coordinate reference system.
    """
    layer = _layer(file, layer)
    with _refusing(file):
        info = pyogrio.read_info(
            file, layer=layer, force_feature_count=True, force_total_bounds=True
        )
    return VectorFile(
        file=file,
        layer=layer,
        crs=_wkt(file, layer, info["crs"]),
        features=info["features"],
        bounds=info["total_bounds"],
        fields=tuple(map(str, info["fields"])),
        geometry=info["geometry_type"],
        indexed=info["capabilities"]["fast_spatial_filter"],
    )


def field_values(vector: VectorFile, field: str) -> dict[str, int]:
    """How many features have each value of a field, as text, in natural order; nulls are left out.

    Raises:
        DataError: there is no such field, or the file cannot be read.
    """
    check_field(vector, field)
    values = _read(vector, field, geometry=False).values
    counts = Counter(value for value in values if value is not None)
    return {value: counts[value] for value in sorted(counts, key=natural_key)}


def check_field(vector: VectorFile, field: str) -> None:
    """Raise DataError unless the layer has the field; one without features need not have it."""
    if vector.features and field not in vector.fields:
        raise unusable(
            vector.file,
            f"has no field {field!r} in {vector.layer!r}{did_you_mean(field, vector.fields)}",
        )


def records_in(vector: VectorFile, field: str | None, boxes: Sequence[Box]) -> Records:
    """The features whose bounds meet one of `boxes`, in the order of their ids.

    Args:
        field: whose values are read; None for none.
        boxes: in coordinates of the layer.

    Raises:
        DataError: there is no such field, or the file cannot be read.
    """
    if field is not None:
        check_field(vector, field)
    if not vector.indexed:
        status = vector.file.stat()
        everything, tree = _whole(vector, field, status.st_size, status.st_mtime_ns)
        return everything[np.unique(tree.query([shapely.box(*box) for box in boxes])[1])]
    parts = [_read(vector, field, box) for box in boxes]
    merged = Records(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("ids", "shapes", "values")
        )
    )
    return merged[np.unique(merged.ids, return_index=True)[1]]


@lru_cache(maxsize=8)
def _whole(
    vector: VectorFile, field: str | None, _size: int, _modified: int
) -> tuple[Records, shapely.STRtree]:
    everything = _read(vector, field)
    return everything, shapely.STRtree(everything.shapes)


def _read(
    vector: VectorFile, field: str | None, box: Box | None = None, *, geometry: bool = True
) -> Records:
    with _refusing(vector.file):
        _, ids, wkb, columns = pyogrio.raw.read(
            vector.file,
            layer=vector.layer,
            columns=[] if field is None else [field],
            bbox=box,
            read_geometry=geometry,
            return_fids=True,
        )
        shapes = shapely.from_wkb(wkb) if geometry else np.full(len(ids), None)
    texts = [_text(value) for value in columns[0].tolist()] if columns else [None] * len(ids)
    return Records(ids.astype(np.int64), shapes, np.array(texts, dtype=object))


def _text(value: object) -> str | None:
    """The value of a field as a person writes it; whole numbers have no point."""
    if isinstance(value, float):
        if math.isnan(value):  # a null among numbers
            return None
        return str(int(value)) if value.is_integer() else str(value)
    return None if value is None else str(value)


def _layer(file: Path, layer: str | None) -> str:
    with _refusing(file):
        layers = [str(name) for name, kind in pyogrio.list_layers(file) if kind is not None]
    if not layers:
        raise unusable(file, "has no layer with geometries")
    if layer is None:
        if len(layers) > 1:
            raise unusable(file, f"has several layers: name one of {', '.join(layers)}")
        return layers[0]
    if layer not in layers:
        raise unusable(file, f"has no layer {layer!r}{did_you_mean(layer, layers)}")
    return layer


def _wkt(file: Path, layer: str, crs: str | None) -> str:
    if not crs:
        raise unusable(
            file,
            f"has no coordinate reference system in {layer!r}: save it with one (of a Shapefile it"
            " is in the .prj)",
        )
    try:
        wkt: str = CRS.from_user_input(crs).to_wkt()
    except CRSError as error:
        raise unusable(
            file, f"has a coordinate reference system that is not known: {error}"
        ) from None
    return wkt


@contextmanager
def _refusing(file: Path) -> Iterator[None]:
    """Turn what GDAL and GEOS say of a file into a DataError."""
    try:
        yield
    except (
        DataSourceError,
        DataLayerError,
        FeatureError,
        FieldError,
        GeometryError,
        shapely.GEOSException,
    ) as error:
        reason = str(error).partition("; It might help")[0].removeprefix(f"{file}: ")
        raise unusable(file, f"cannot be read: {reason}") from None
