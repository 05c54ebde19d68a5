"""A synthetic COCO data set: towns in two regions, with boxes of buildings, woods and waters.

The scenes are large enough to be cut into tiles. Ids are as odd as those of real files: they do not
begin at 1, and leave some out.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from scipy import ndimage

from datasets.samples.scenes_with_boxes import write_jpeg
from datasets.samples.town import ARID, TEMPERATE, WATER, WOODLAND, Town, make_town

SCENES = {"train": 8, "val": 4, "test": 4}
SIZE = 512
LOOKS = (replace(TEMPERATE, waters=0.06), replace(ARID, waters=0.05, woods=0.06))
BUILDING_ID, WOOD_ID, WATER_ID = 2, 3, 7
CATEGORIES = {BUILDING_ID: "building", WOOD_ID: "wood", WATER_ID: "water"}
SMALLEST_BUILDING, SMALLEST_LAND = 60, 600  # pixels; smaller remains at the border are no objects

Box = tuple[float, float, float, float]


def write(root: Path, seed: int) -> None:
    """Write images/{train,val,test}/*.jpg and annotations/instances_{train,val,test}.json."""
    (root / "annotations").mkdir(parents=True)
    for index, (split, count) in enumerate(SCENES.items()):
        folder = root / "images" / split
        folder.mkdir(parents=True)
        images: list[dict[str, Any]] = []
        annotations: list[dict[str, Any]] = []
        for number in range(count):
            rng = np.random.default_rng([seed, index, number])
            town = make_town(rng, SIZE, LOOKS[number % len(LOOKS)])
            image, name = 1000 * index + 7 * number + 11, f"{split}_{number:03}.jpg"
            write_jpeg(folder / name, town.image)
            images.append({"id": image, "file_name": name, "width": SIZE, "height": SIZE})
            for category, box in objects(town):
                annotations.append(_annotation(len(annotations) + 1, image, category, box))
        categories = [{"id": category, "name": name} for category, name in CATEGORIES.items()]
        content = {"images": images, "categories": categories, "annotations": annotations}
        (root / "annotations" / f"instances_{split}.json").write_text(json.dumps(content))


def objects(town: Town) -> Iterator[tuple[int, Box]]:
    """Category id and box (x0, y0, x1, y1, pixel edges) of everything large enough."""
    for outline in town.buildings:
        if outline.area >= SMALLEST_BUILDING:
            yield BUILDING_ID, tuple(shapely.bounds(outline).round(2).tolist())
    for category, value in ((WOOD_ID, WOODLAND), (WATER_ID, WATER)):
        parts, count = ndimage.label(town.classes == value)
        sizes = np.bincount(parts.ravel(), minlength=count + 1)[1:]
        for (rows, columns), size in zip(ndimage.find_objects(parts), sizes, strict=True):
            if size >= SMALLEST_LAND:
                yield category, (columns.start, rows.start, columns.stop, rows.stop)


def _annotation(number: int, image: int, category: int, box: Box) -> dict[str, Any]:
    x0, y0, x1, y1 = box
    width, height = round(x1 - x0, 2), round(y1 - y0, 2)
    return {
        "id": number,
        "image_id": image,
        "category_id": category,
        "bbox": [x0, y0, width, height],
        "area": width * height,
        "iscrowd": 0,
    }
