"""Points of a vector file as labels of the tiles that they lie in."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import shapely
from rasterio.crs import CRS

from datasets.box_scenes import listed
from datasets.layers import Records, VectorFile, describe_layer, field_values, records_in
from datasets.polygons import boxes_around, images_beside
from datasets.raster.headers import Header
from datasets.raster.image_labels import chosen_classes
from datasets.raster.labels import Parts
from datasets.raster.options import OwnData
from datasets.scenes import unusable
from datasets.source import DataError, Label, Problem, Window
from datasets.vectors import in_pixels
from runs.errors import counted

POINTS = ("Point", "MultiPoint")


class PointLabels(NamedTuple):
    """Points as labels of tiles, see `datasets.raster.labels.Labels`.

    Attributes:
        files: the vector file of each image that its points may lie in.
        ids: class id of each value of the class field.
    """

    files: Mapping[Path, Path]
    vector: VectorFile
    class_field: str
    ids: Mapping[str, int]
    classes: tuple[str, ...]
    notes: tuple[str, ...]
    kinds: frozenset[Label] = frozenset({"image labels"})
    problems: tuple[Problem, ...] = ()

    @property
    def settings(self) -> object:
        """What, beside the files, the labels depend on."""
        return self.vector.layer, self.class_field, sorted(self.ids.items())

    def read(self, image: Path, header: Header, window: Window) -> Parts:  # noqa: ARG002
        """The classes of the points in a window; without any, it is not labelled."""
        info = header.info
        if info.place is None:
            raise unusable(self.vector.file, "has no place on an image that is not georeferenced")
        crs = CRS.from_wkt(self.vector.crs)
        records = records_in(self.vector, self.class_field, boxes_around(info, window, crs))
        records = records[shapely.is_geometry(records.shapes) & ~shapely.is_empty(records.shapes)]
        _refuse_others(self.vector, records)
        points, rows = shapely.get_parts(shapely.force_2d(records.shapes), return_index=True)
        x, y = shapely.get_coordinates(in_pixels(self.vector.file, points, crs, info)).T
        left, top, width, height = window
        within = (left <= x) & (x < left + width) & (top <= y) & (y < top + height)
        values = records.values[rows[within]].tolist()
        ids = sorted({self.ids[value] for value in values if value in self.ids})
        return Parts(image_labels=np.array(ids, dtype=np.int64)) if ids else Parts()


def are_points(files: Sequence[Path], layer: str | None) -> bool:
    """Whether the first of some vector files is of points. DataError: it cannot be read."""
    return describe_layer(files[0], layer).geometry.removesuffix(" Z") in POINTS


def point_labels(
    options: OwnData, files: Sequence[Path], headers: Mapping[Path, Header]
) -> PointLabels:
    """Look at a layer of points.

    Raises:
        DataError: there are several files, no field is named that holds the class, a class that is
            chosen has no point, or no image lies where the points do.
    """
    if len(files) > 1:
        raise DataError(
            f"there are several files of points ({listed(file.name for file in files)}): choose one"
            " with dataset.labels"
        )
    vector = describe_layer(files[0], options.layer)
    if options.all_touched:
        raise DataError("dataset.all_touched: it is of polygons, but the labels are points")
    if options.class_field is None:
        fields = listed(vector.fields, 12) or "none, as there is no field"
        raise DataError(
            f"{vector.file.name} holds points: say which field holds the class with"
            f" dataset.class_field: one of {fields}"
        )
    found = field_values(vector, options.class_field)
    ids, classes = chosen_classes(options, found, f"value of {options.class_field}")
    beside = {*images_beside(vector, {image: one.info for image, one in headers.items()})}
    files_of = {image: vector.file for image in headers if image not in beside}
    notes = [*_left_out(found, ids), *_beside(beside, headers)]
    return PointLabels(files_of, vector, options.class_field, ids, classes, tuple(notes))


def _left_out(found: Mapping[str, int], ids: Mapping[str, int]) -> Iterable[str]:
    if others := [value for value in found if value not in ids]:
        count = sum(found[value] for value in others)
        named = listed(others)
        yield f"{counted(count, 'point')} of {named}: of no class in dataset.classes, and left out"


def _beside(beside: set[Path], headers: Mapping[Path, Header]) -> Iterable[str]:
    if beside:
        names = listed(image.name for image in sorted(beside))
        yield f"{len(beside)} of {len(headers)} images lie outside the points: left out are {names}"


def _refuse_others(vector: VectorFile, records: Records) -> None:
    faults = [
        f"feature {number} is a {shape.geom_type}"
        for number, shape in zip(records.ids, records.shapes, strict=True)
        if shape.geom_type not in POINTS
    ]
    if faults:
        raise unusable(vector.file, f"must hold points only in {vector.layer!r}: {listed(faults)}")
