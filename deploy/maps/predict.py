"""Image files → files of maps, with a trained model."""

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, Protocol, TypeVar

from rich.console import Console
from rich.progress import Progress

from datasets.source import Window
from deploy.faults import ModelError
from deploy.maps.class_raster import class_strips, write_class_raster
from deploy.maps.classes import Part, class_parts
from deploy.maps.images import Image, open_image
from deploy.maps.objects import Row, object_rows
from deploy.maps.outlines import areas
from deploy.maps.vectors import (
    Feature,
    crs_member,
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
"""Told of each part of the image that is done."""

P = TypeVar("P", Part, Row)


class MakeMaps(Protocol):
    """What of an image becomes files."""

    def __call__(
        self,
        trained: Trained,
        image: Image,
        folder: Path,
        stem: str,
        vectors: VectorFormat | None,
        watch: Watch,
    ) -> list[Path]:
        """Write what is found into `folder`, as files whose names begin with `stem`.

        `vectors` is how polygons are written; None leaves it to the task.
        """


def predict_files(
    trained: Trained, files: Sequence[Path], folder: Path, vectors: VectorFormat | None
) -> Iterator[Path]:
    """Write the maps of each image into `folder`, which exists, and give their names when done.

    Every image is opened before the first is worked on; a bar shows how far it is, on a terminal.

    Raises:
        ModelError: an image cannot be used, or two would give maps of one name.
    """
    _check(trained, files, vectors)
    for file in files:
        with open_image(file, trained.data) as image, _progress(image) as watch:
            written = MAPS[trained.task](trained, image, folder, file.stem, vectors, watch)
        yield from written


def _check(trained: Trained, files: Sequence[Path], vectors: VectorFormat | None) -> None:
    twice = [stem for stem, count in Counter(file.stem for file in files).items() if count > 1]
    if twice:
        raise ModelError(
            f"the maps of {len(files)} images would go to files of one name ({', '.join(twice)}): "
            "predict them one at a time, with another --out for each"
        )
    for file in files:
        with open_image(file, trained.data) as image:
            if vectors == "geojson":
                crs_member(image.crs)


def _map_classes(
    trained: Trained,
    image: Image,
    folder: Path,
    stem: str,
    vectors: VectorFormat | None,
    watch: Watch,
) -> list[Path]:
    """A class raster, and, if `vectors` are asked for, its areas."""
    raster = folder / f"{stem}.classes.tif"
    parts = class_parts(image, trained.data, trained.find, trained.config["batch_size"])
    source = f"{trained.run.name}/{trained.name}"
    write_class_raster(raster, image, _watched(parts, watch), trained.classes, source)
    if vectors is None:
        return [raster]
    features = features_of_areas(areas(class_strips(raster)), trained.classes, image.transform)
    return [raster, _write(folder / f"{stem}.classes.{vectors}", features, vectors, image)]


def _map_objects(
    trained: Trained,
    image: Image,
    folder: Path,
    stem: str,
    vectors: VectorFormat | None,
    watch: Watch,
) -> list[Path]:
    """The boxes; a GeoPackage unless told otherwise."""
    rows = object_rows(image, trained.data, trained.find, trained.config["batch_size"])
    found = (row.objects for row in _watched(rows, watch))
    features = features_of_objects(found, trained.classes, image.transform)
    vectors = vectors or "gpkg"
    return [_write(folder / f"{stem}.objects.{vectors}", features, vectors, image)]


MAPS: dict[str, MakeMaps] = {"segmentation": _map_classes, "detection": _map_objects}
"""What is made of an image, by task."""


def _write(file: Path, features: Iterable[Feature], vectors: VectorFormat, image: Image) -> Path:
    WRITERS[vectors](file, features, image.crs)
    return file


def _watched(parts: Iterable[P], watch: Watch) -> Iterator[P]:
    for part in parts:
        yield part
        watch(part.window)


@contextmanager
def _progress(image: Image) -> Iterator[Watch]:
    """A bar for one image, on standard error, if that is a terminal."""
    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(Path(image.name).name, total=image.height * image.width)
        yield lambda window: bar.advance(task, window.height * window.width)
