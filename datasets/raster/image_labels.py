"""Labels of images as a whole: the folders that they lie in, or the lines of a table.

A table is a CSV file whose header names an image and a label, and no corners of boxes:

    image,label
    scene_1.tif,forest
    scene_2.tif,forest|water

The columns may be called as in tables of boxes, see `datasets.annotations.table`. Several labels of
an image are joined by |, or stand in several lines; an empty one says that no class is there.
"""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from datasets.annotations.pairing import Pairing
from datasets.annotations.table import CORNERS, IMAGE, LABEL
from datasets.box_scenes import listed
from datasets.raster.headers import Header
from datasets.raster.labels import Parts
from datasets.raster.layout import class_folder
from datasets.raster.options import OwnData
from datasets.scenes import unusable
from datasets.source import DataError, Label, Problem, Window, natural_key
from runs.errors import counted, did_you_mean

JOINT = "|"
"""Between several labels of an image."""


class ImageLabels(NamedTuple):
    """Classes of whole images, see `datasets.raster.labels.Labels`.

    Attributes:
        files: the file that labels each image; the image itself where its folder does.
        ids: class ids of each image, rising.
    """

    files: Mapping[Path, Path]
    ids: Mapping[Path, tuple[int, ...]]
    classes: tuple[str, ...]
    notes: tuple[str, ...]
    problems: tuple[Problem, ...] = ()
    kinds: frozenset[Label] = frozenset({"image labels"})
    settings: object = None

    def read(self, image: Path, header: Header, window: Window) -> Parts:  # noqa: ARG002
        """The labels of an image, whichever window of it is meant."""
        return Parts(image_labels=np.array(self.ids[image], dtype=np.int64))


def folder_labels(options: OwnData, images: Sequence[Path], root: Path) -> ImageLabels:
    """The name of its folder as the label of each image.

    Raises:
        DataError: `dataset.classes` names a folder that is not there.
    """
    found = {image: frozenset({class_folder(root, image) or ""}) for image in images}
    return _labels(options, found, {image: image for image in images}, "folder", (), ())


def is_label_table(files: Sequence[Path]) -> bool:
    """Whether label files are tables of labels, and not of boxes."""
    if any(file.suffix.lower() != ".csv" for file in files):
        return False
    header = {name.lower() for name in _rows(files[0])[0]}
    return bool(header & {*LABEL}) and not header & {*CORNERS}


def table_labels(
    options: OwnData, files: Sequence[Path], images: Sequence[Path], root: Path
) -> ImageLabels:
    """The labels that tables give to images.

    Raises:
        DataError: naming the file and its lines: a column is missing, or a line has too few fields;
            `dataset.classes` names a label that no image has.
    """
    pairing = Pairing(images, root)
    labels: dict[tuple[Path, str], set[str]] = {}
    for file in files:
        for name, of_image in _lines(file).items():
            pairing.add(file, name, entry=True)
            labels[file, name] = of_image
    paired = pairing.annotated("CSV", (), ())
    found = {
        image: frozenset(labels[file, paired.entry_of[image]])
        for image, file in paired.label_of.items()
    }
    return _labels(options, found, paired.label_of, "label", paired.notes, paired.problems)


def chosen_classes(
    options: OwnData, found: Iterable[str], what: str
) -> tuple[dict[str, int], tuple[str, ...]]:
    """Class id of each label that counts, and the names of the classes: all, or those chosen.

    Args:
        found: the labels that there are.
        what: a label is, for messages.

    Raises:
        DataError: there is none, or one that is chosen is not there.
    """
    there = sorted({*found}, key=natural_key)
    if not there:
        raise DataError("no image has a label")
    given = options.classes
    if given is None:
        names = {label: label for label in there}
    elif isinstance(given, dict):
        names = {str(label): name for label, name in given.items()}
    else:
        names = {name: name for name in given}
    if lacking := [label for label in names if label not in there]:
        hint = did_you_mean(lacking[0], there)
        raise DataError(f"dataset.classes: there is no {what} {lacking[0]!r}{hint}")
    return {label: number for number, label in enumerate(names, 1)}, tuple(names.values())


def _labels(
    options: OwnData,
    found: Mapping[Path, frozenset[str]],
    files: Mapping[Path, Path],
    what: str,
    notes: tuple[str, ...],
    problems: tuple[Problem, ...],
) -> ImageLabels:
    there = {one for labels in found.values() for one in labels}
    ids, classes = chosen_classes(options, there, what)
    # An image of other classes alone is none without a class.
    kept = {image: labels for image, labels in found.items() if not labels or labels & ids.keys()}
    if others := sorted(there - ids.keys(), key=natural_key):
        left = counted(len(found) - len(kept), "image")
        notes += (f"not in dataset.classes: {listed(others)}; {left} of no other are left out",)
    return ImageLabels(
        {image: files[image] for image in kept},
        {
            image: tuple(sorted(ids[one] for one in labels & ids.keys()))
            for image, labels in kept.items()
        },
        classes,
        notes,
        problems,
        settings=sorted(ids.items()),
    )


def _lines(file: Path) -> dict[str, set[str]]:
    """The labels of each image that a table names."""
    header, *rows = _rows(file)
    lowered = [name.lower() for name in header]
    columns = [next((one for one in names if one in lowered), None) for names in (IMAGE, LABEL)]
    if None in columns:
        raise unusable(
            file, "has no column image or none label: its first line must be image,label"
        )
    image, label = (lowered.index(str(column)) for column in columns)
    found: dict[str, set[str]] = {}
    faults = []
    for number, row in enumerate(rows, 2):
        if not any(row):
            continue
        if len(row) <= max(image, label) or not row[image]:
            faults.append(f"line {number}")
            continue
        parts = {part.strip() for part in row[label].split(JOINT)} - {""}
        found.setdefault(row[image], set()).update(parts)
    if faults:
        raise unusable(file, f"names no image, or has too few fields, in {listed(faults)}")
    return found


def _rows(file: Path) -> list[list[str]]:
    """The fields of each line, the header first."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            rows = [[text.strip() for text in row] for row in csv.reader(stream)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise unusable(file, f"cannot be read: {error}") from None
    return rows or [[]]
