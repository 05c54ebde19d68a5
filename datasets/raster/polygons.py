"""Polygons of vector files as labels of images."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from datasets.box_scenes import listed
from datasets.layers import VectorFile, describe_vector, field_values
from datasets.polygons import Features, boxes_in, burn_classes, features_in, images_beside, overlaps
from datasets.raster.headers import Header
from datasets.raster.labels import Parts
from datasets.raster.options import OwnData
from datasets.source import DataError, Label, Problem, Window
from datasets.tiling import clip_footprints
from runs.errors import counted


class PolygonLabels(NamedTuple):
    """Polygons as labels of images, see `datasets.raster.labels.Labels`.

    Attributes:
        vectors: the layer that holds the polygons of each image.
        ids: class id of each value of the class field, or of the layer's name.
    """

    vectors: Mapping[Path, VectorFile]
    classes: tuple[str, ...]
    ids: Mapping[str, int]
    class_field: str | None
    all_touched: bool
    notes: tuple[str, ...]
    kinds: frozenset[Label] = frozenset({"masks", "footprints"})
    problems: tuple[Problem, ...] = ()

    @property
    def files(self) -> Mapping[Path, Path]:
        """The vector file of each image."""
        return {image: vector.file for image, vector in self.vectors.items()}

    @property
    def settings(self) -> object:
        """What, beside the files, the labels depend on."""
        layers = sorted({vector.layer for vector in self.vectors.values()})
        return layers, self.class_field, sorted(self.ids.items()), self.all_touched

    def read(self, image: Path, header: Header, window: Window) -> Parts:
        """Polygons burned into a mask, the boxes around them, and their outlines."""
        features = features_in(self.vectors[image], self.class_field, header.info, window)
        mask = burn_classes(features, self.ids, window, all_touched=self.all_touched)
        boxes, labels = boxes_in(features, self.ids, window)
        outlines = clip_footprints(features.of(self.ids)[0], window)
        return Parts(mask, boxes, labels, outlines, remark=self._remark(features))

    def _remark(self, features: Features) -> str:
        told = {
            "crosses itself: it is mended": features.repaired,
            f"has no {self.class_field}: it is left out": features.without_class,
            "overlaps one of another class: the smaller is on top": overlaps(features),
        }
        return "; ".join(f"under a polygon that {what}" for what, number in told.items() if number)


def polygon_labels(
    options: OwnData,
    files: tuple[Path, ...],
    paired: Mapping[Path, Path] | None,
    headers: Mapping[Path, Header],
) -> PolygonLabels:
    """Look at the layers: one for all images, or one for each.

    Raises:
        DataError: naming the file that cannot be used, the class that no feature has, or the value
            that no class has.
    """
    described = {file: describe_vector(file, options.layer) for file in files}
    notes: list[str] = []
    if paired is None:
        if len(files) > 1:
            raise DataError(
                f"there are several vector files ({listed(file.name for file in files)}), and not"
                " one for each image: choose one with dataset.labels"
            )
        vector = described[files[0]]
        infos = {image: one.info for image, one in headers.items()}
        beside = set(images_beside(vector, infos))
        if beside:
            named = listed(image.name for image in sorted(beside))
            notes.append(
                f"{len(beside)} of {len(headers)} images lie outside the labels and are left out:"
                f" {named}"
            )
        vectors = {image: vector for image in headers if image not in beside}
    else:
        vectors = {image: described[file] for image, file in paired.items()}
    classes, ids = _classes(options, list(described.values()), notes)
    return PolygonLabels(
        vectors, classes, ids, options.class_field, options.all_touched, tuple(notes)
    )


def _classes(
    options: OwnData, vectors: list[VectorFile], notes: list[str]
) -> tuple[tuple[str, ...], dict[str, int]]:
    """Names of the class ids, and the class id of each value."""
    if options.class_field is None:
        return _one_class(options, vectors, notes)
    found: Counter[str] = Counter()
    for vector in vectors:
        found.update(field_values(vector, options.class_field))
    if not found:
        raise DataError(f"dataset.class_field: {options.class_field} is empty in every feature")
    if options.classes is None:
        names = dict(zip(found, found, strict=True))
    elif isinstance(options.classes, dict):
        names = {str(value): name for value, name in options.classes.items()}
    else:
        names = {name: name for name in options.classes}
    if lacking := [value for value in names if value not in found]:
        raise DataError(
            f"dataset.classes: no feature has {lacking[0]!r} in {options.class_field}; there are"
            f" {listed(found, 12)}"
        )
    if other := [value for value in found if value not in names]:
        left = counted(sum(found[value] for value in other), "polygon")
        notes.append(
            f"{left} whose {options.class_field} is {listed(other)}: of no class in"
            " dataset.classes, and so background"
        )
    return tuple(names.values()), {value: number for number, value in enumerate(names, 1)}


def _one_class(
    options: OwnData, vectors: list[VectorFile], notes: list[str]
) -> tuple[tuple[str, ...], dict[str, int]]:
    layers = list(dict.fromkeys(vector.layer for vector in vectors))
    fields = list(dict.fromkeys(field for vector in vectors for field in vector.fields))
    given = options.classes
    names = [*(given.values() if isinstance(given, dict) else given or ())]
    if len(names) > 1:
        raise DataError(
            f"dataset.classes names {len(names)}: say which field holds the class with"
            f" dataset.class_field: one of {listed(fields, 12) or 'none, as there is no field'}"
        )
    if not names:
        names = [layers[0] if len(layers) == 1 else "object"]
        more = f"; fields: {listed(fields, 12)} (dataset.class_field)" if fields else ""
        notes.append(f"all polygons are of one class, {names[0]!r}{more}")
    return (names[0],), dict.fromkeys(layers, 1)
