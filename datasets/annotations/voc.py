"""Pascal VOC XML, one file an image: see `datasets.voc` for the format.

A file belongs to the image of its stem. Pixels count from 1, and xmax and ymax are the last inside.
"""

from collections.abc import Sequence
from pathlib import Path

from datasets.annotations.pairing import Annotated, Pairing
from datasets.box_scenes import Objects
from datasets.voc import parse, survey
from runs.errors import counted

TITLE = "Pascal VOC XML"


def find(files: Sequence[Path], images: Sequence[Path], root: Path) -> Annotated:
    """Pair every XML file by its stem. Classes are all names that occur, sorted."""
    pairing = Pairing(images, root)
    for file in files:
        pairing.add(file, file.stem)
    names, difficult = survey(files)
    notes = (f"{counted(difficult, 'object')} marked difficult, counted like any other",)
    return pairing.annotated(TITLE, tuple(sorted(names)), notes if difficult else ())


def read(annotated: Annotated, image: Path, size: tuple[int, int]) -> Objects:  # noqa: ARG001
    """The boxes of one image. DataError as in `datasets.voc.parse`."""
    return parse(annotated.label_of[image], annotated.classes)
