"""COCO JSON, one file or several: see `datasets.coco` for the format.

Boxes are x, y, width and height in pixels from the outer corner of the upper left pixel. Files that
differ in their ids but not in their names are merged by name.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from datasets.annotations.pairing import Annotated, Pairing
from datasets.box_scenes import Objects, listed, relative
from datasets.coco import SPLIT_FILE, crowds_note, load

TITLE = "COCO JSON"


def find(files: Sequence[Path], images: Sequence[Path], root: Path) -> Annotated:
    """Pair every listed image. One that is listed without annotations has no objects.

    Classes are the categories that any annotation is of, in the order of their ids.

    Raises:
        DataError: a file cannot be used, see `datasets.coco.load`.
    """
    pairing = Pairing(images, root)
    categories: dict[str, bool] = {}
    notes = []
    for file in files:
        content = load(file)
        for label, (_, name) in enumerate(content.categories, 1):
            categories[name] = categories.get(name, False) or bool((content.labels == label).any())
        hit = SPLIT_FILE.fullmatch(file.stem)
        for name in content.sizes:
            pairing.add(file, name, entry=True, split=hit[2] if hit else "")
        if content.crowds:
            notes.append(crowds_note(relative(file, root), content))
    if unused := [name for name, used in categories.items() if not used]:
        notes.append(f"categories without any annotation are no classes: {listed(unused)}")
    classes = tuple(name for name, used in categories.items() if used)
    return pairing.annotated(TITLE, classes, notes)


def read(annotated: Annotated, image: Path, size: tuple[int, int]) -> Objects:  # noqa: ARG001
    """The boxes of one image."""
    content = load(annotated.label_of[image])
    objects = content.objects(annotated.entry_of[image])
    class_ids = {name: index for index, name in enumerate(annotated.classes, 1)}
    lookup = np.array([0, *(class_ids.get(name, 0) for _, name in content.categories)])
    return Objects(objects.size, objects.boxes, lookup[objects.labels], objects.name)
