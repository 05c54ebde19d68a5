"""Boxes of annotation files as labels of images."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from datasets.annotations import Annotated, find, read
from datasets.box_scenes import box_faults, listed
from datasets.raster.headers import Header
from datasets.raster.labels import Parts
from datasets.raster.options import OwnData
from datasets.scenes import unusable
from datasets.source import DataError, Label, Problem, Window
from datasets.tiling import clip_boxes


class BoxLabels(NamedTuple):
    """Boxes as labels of images, see `datasets.raster.labels.Labels`."""

    annotated: Annotated
    classes: tuple[str, ...]
    kinds: frozenset[Label] = frozenset({"boxes"})

    @property
    def files(self) -> Mapping[Path, Path]:
        """The annotation file of each labelled image."""
        return self.annotated.label_of

    @property
    def notes(self) -> tuple[str, ...]:
        """What was found out when images were paired."""
        return self.annotated.notes

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What has no partner or cannot be read."""
        return self.annotated.problems

    @property
    def settings(self) -> object:
        """What, beside the files, the labels depend on."""
        return self.annotated.format

    def read(self, image: Path, header: Header, window: Window) -> Parts:
        """What of an image's boxes lies in a window."""
        objects = read(self.annotated, image, (header.height, header.width))
        if fault := next(box_faults(objects, header.info), None):
            raise unusable(image, fault)
        boxes, labels = clip_boxes(objects.boxes.astype("float32"), objects.labels, window)
        return Parts(boxes=boxes, labels=labels)


def box_labels(
    options: OwnData, files: tuple[Path, ...], images: tuple[Path, ...], root: Path
) -> BoxLabels:
    """Pair annotation files with images.

    Raises:
        DataError: the files are of no format that is read, or name no class.
    """
    annotated = find(files, images, root)
    classes = annotated.classes
    if isinstance(options.classes, dict):
        names = {str(key): name for key, name in options.classes.items()}
        if other := [key for key in names if key not in classes]:
            raise DataError(
                f"dataset.classes: {annotated.format} has no class {other[0]!r}; it has"
                f" {listed(classes, 12)}"
            )
        classes = tuple(names.get(name, name) for name in classes)
    elif options.classes is not None:
        if len(options.classes) != len(classes):
            raise DataError(
                f"dataset.classes names {len(options.classes)} classes, but {annotated.format} has"
                f" {len(classes)}: {listed(classes, 12)}"
            )
        classes = options.classes
    if not classes:
        said = "; ".join(("", *annotated.notes))
        raise DataError(f"no box of {annotated.format} under {root} has a class{said}")
    return BoxLabels(annotated, classes)
