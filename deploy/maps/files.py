"""What a trained model finds in an image, as files."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Literal, Protocol, TypeVar

from datasets.source import Window
from deploy.errors import ModelError
from deploy.maps.class_raster import class_strips, write_class_raster
from deploy.maps.classes import Part, class_parts
from deploy.maps.images import Image
from deploy.maps.labels import LabelledTile, labelled_tiles, write_label_geojson, write_label_table
from deploy.maps.objects import Row, object_rows
from deploy.maps.outlines import areas
from deploy.maps.vectors import (
    Feature,
    features_of_areas,
    features_of_objects,
    write_geojson,
    write_geopackage,
)
from deploy.trained import Trained

VectorFormat = Literal["gpkg", "geojson"]
WRITERS: dict[VectorFormat, Callable[..., None]] = {
    "gpkg": write_geopackage,
    "geojson": write_geojson,
}

Watch = Callable[[Window], None]
"""Called with each part of the image that is done."""

P = TypeVar("P", Part, Row, LabelledTile)


class MakeMaps(Protocol):
    """How the maps of an image are written."""

    def __call__(
        self,
        trained: Trained,
        image: Image,
        folder: Path,
        stem: str,
        vectors: VectorFormat | None,
        threshold: float | None,
        watch: Watch,
    ) -> list[Path]:
        """Write what is found into `folder`, as files whose names begin with `stem`.

        `vectors` is how polygons are written; None leaves it to the task. `threshold` is the
        lowest score of an object, or probability of a class, that counts.
        """


def map_classes(
    trained: Trained,
    image: Image,
    folder: Path,
    stem: str,
    vectors: VectorFormat | None,
    threshold: float | None,
    watch: Watch,
) -> list[Path]:
    """A class raster, and, if `vectors` are asked for, its areas."""
    raster = folder / f"{stem}.classes.tif"
    parts = class_parts(image, trained.data, trained.find, trained.batch, threshold)
    write_class_raster(raster, image, _watched(parts, watch), trained.data, trained.source)
    if vectors is None:
        return [raster]
    features = features_of_areas(areas(class_strips(raster)), trained.classes, image.transform)
    return [raster, _write(folder / f"{stem}.classes.{vectors}", features, vectors, image)]


def map_objects(
    trained: Trained,
    image: Image,
    folder: Path,
    stem: str,
    vectors: VectorFormat | None,
    threshold: float | None,
    watch: Watch,
) -> list[Path]:
    """The boxes; a GeoPackage by default."""
    rows = object_rows(image, trained.data, trained.find, trained.batch, threshold)
    found = (row.objects for row in _watched(rows, watch))
    features = features_of_objects(found, trained.classes, image.transform)
    vectors = vectors or "gpkg"
    return [_write(folder / f"{stem}.objects.{vectors}", features, vectors, image)]


def map_labels(
    trained: Trained,
    image: Image,
    folder: Path,
    stem: str,
    vectors: VectorFormat | None,
    threshold: float | None,
    watch: Watch,
) -> list[Path]:
    """A table of the classes of each tile, and, if GeoJSON is asked for, their outlines.

    Raises:
        ModelError: another vector format is asked for.
    """
    if vectors not in (None, "geojson"):
        raise ModelError(f"labels of images are written as a table or geojson, not as {vectors}")
    found = labelled_tiles(image, trained.data, trained.find, trained.batch, threshold)
    tiles = list(_watched(found, watch))
    table = folder / f"{stem}.labels.csv"
    write_label_table(table, tiles, trained.classes)
    if vectors is None:
        return [table]
    outlines = folder / f"{stem}.labels.geojson"
    write_label_geojson(outlines, tiles, trained.classes, image)
    return [table, outlines]


def _write(file: Path, features: Iterable[Feature], vectors: VectorFormat, image: Image) -> Path:
    WRITERS[vectors](file, features, image.crs)
    return file


def _watched(parts: Iterable[P], watch: Watch) -> Iterator[P]:
    for part in parts:
        yield part
        watch(part.window)
