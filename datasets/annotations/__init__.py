"""Boxes on images of any kind, from the files that labelling tools write: one module a format.

Which format it is, is told by the files: `find` pairs them with images, `read` gives the boxes of
one. A format is one module with a `TITLE`, `find` and `read`, and one line in `FORMATS`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from datasets.annotations import coco, labelme, table, voc, yolo
from datasets.annotations.pairing import Annotated
from datasets.box_scenes import Objects
from datasets.scenes import unusable
from datasets.source import DataError, natural_key
from datasets.vectors import parse_json, read_bytes


class Format(Protocol):
    """What the module of a format answers."""

    TITLE: str

    def find(self, files: Sequence[Path], images: Sequence[Path], root: Path) -> Annotated:
        """As `datasets.annotations.find`, for files of this format."""

    def read(self, annotated: Annotated, image: Path, size: tuple[int, int]) -> Objects:
        """As `datasets.annotations.read`, for what `find` of this format gave."""


_MODULES: tuple[Format, ...] = (coco, voc, yolo, labelme, table)
FORMATS = {module.TITLE: module for module in _MODULES}
BY_SUFFIX: dict[str, Format] = {".xml": voc, ".txt": yolo, ".csv": table}
SUFFIXES = frozenset({".json", *BY_SUFFIX})
"""Of files that may hold boxes."""


def find(files: Sequence[Path], images: Sequence[Path], root: Path) -> Annotated:
    """Tell the format of annotation files, and pair them with images.

    Args:
        files: all of one format. Those that belong to it but hold no boxes, such as YOLO's
            `classes.txt`, may be among them.
        images: all images, labelled or not.
        root: the folder that both lie in; messages give paths from it.

    Raises:
        DataError: no files, files of several formats or of none, or one that lists many images
            cannot be used. What is wrong with the file of a single image is said by `read`.
    """
    if not files:
        raise DataError(f"{root}: there are no annotation files")
    files = sorted(files, key=lambda file: natural_key(file.as_posix()))
    by_suffix = {file.suffix.lower(): file for file in reversed(files)}
    if len(by_suffix) > 1:
        examples = ", ".join(sorted(file.name for file in by_suffix.values()))
        raise DataError(
            f"{root}: the annotation files are of several kinds ({examples}): name those of one"
        )
    return _format(files[0]).find(files, images, root)


def read(annotated: Annotated, image: Path, size: tuple[int, int]) -> Objects:
    """The boxes of one image that has a label, in its pixel edges; whether they fit is not checked.

    Args:
        size: height and width of the image, in pixels.

    Raises:
        DataError: naming the file and the entries of it that cannot be used.
    """
    return FORMATS[annotated.format].read(annotated, image, size)


def _format(file: Path) -> Format:
    """The format of the first of the files; the others are of it, or reading them says so."""
    suffix = file.suffix.lower()
    if suffix in BY_SUFFIX:
        return BY_SUFFIX[suffix]
    if suffix != ".json":
        raise unusable(file, f"is no annotation file; they end in {', '.join(sorted(SUFFIXES))}")
    content = parse_json(file, read_bytes(file))
    if "shapes" in content:
        return labelme
    if "images" in content or "annotations" in content:
        return coco
    raise unusable(file, "is neither COCO JSON (images, annotations) nor labelme JSON (shapes)")
