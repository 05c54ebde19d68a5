"""What is chosen of a folder of data itself, and why: the task, and the `dataset` section."""

import re
from itertools import chain
from math import ceil
from pathlib import Path

import numpy as np

from datasets.blocks import metres
from datasets.describe import Description
from datasets.drafts.written import Key
from datasets.options import RASTER
from datasets.raster import OwnRasters
from datasets.raster.masks import MaskLabels
from datasets.raster.polygons import PolygonLabels
from datasets.source import IGNORE, SPLITS, Label

SIZES = range(32, 513, 32)
"""Sides of tiles that are chosen from."""

WASTE = 1.15
"""How much longer than a scene its tiles may be together, padding included."""

MIN_AREAS = (4, 64)
"""Smallest and largest `min_area` that is chosen, px²: objects at a tile's border are cut."""

FEW_SCENES, LARGE_SCENE = 12, 6
"""Fewer scenes than this, each of so many tiles a side, are divided by blocks on the ground."""

ALONE = 128
"""Side of the tiles of a few scenes, if that makes them large enough for blocks."""

BLOCKS, TILES_A_BLOCK = 40, 2
"""How many blocks are aimed at, and how many tiles long they are at least."""

FEW_FOR_A_SHARE = 20
"""Of fewer scenes, 15 % are too few to score on."""


TASKS: dict[Label, str] = {
    "masks": "segmentation",
    "boxes": "detection",
    "image labels": "classification",
}
"""What is done with labels; of several kinds, the first."""


def name_of(root: Path) -> str:
    """What the sweep is called."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", root.resolve().name).strip("_.-") or "mine"


def task_of(found: Description) -> str:
    """Segmentation where it is possible."""
    return next(task for label, task in TASKS.items() if label in found.source.labels)


def top_keys(found: Description) -> list[Key]:
    """Name, task and metric."""
    classes = found.survey.listing.classes
    task = task_of(found)
    also = {
        "segmentation": "the labels are masks; detection works too, on the box around each patch",
        "detection": "the labels are boxes",
        "classification": "the labels are of whole images",
    }[task]
    if "footprints" in found.source.labels:
        also = "the labels are polygons; detection works too, on their boxes"
    if task == "detection":
        metric = Key(
            "metric", "AP50", "a box counts if it overlaps a true one by half; or AP, AP75"
        )
    elif task == "classification":
        more = f"or accuracy, mAP, F1/{classes[0]}, …"
        metric = Key("metric", "F1", f"mean of the classes, however frequent; {more}")
    elif len(classes) == 1:
        more = ", footprint_F1" if "footprints" in found.source.labels else ""
        metric = Key(
            "metric", f"IoU/{classes[0]}", f"of the only class, background left out; or F1{more}"
        )
    else:
        metric = Key("metric", "mIoU", f"over all classes alike; or IoU/{classes[0]}, F1, …")
    return [
        Key("name", name_of(found.root), "of the run directory under results/"),
        Key("task", task, also),
        metric,
    ]


def dataset_keys(found: Description) -> list[Key]:
    """The `dataset` section. What was given is taken as it is."""
    options = found.options
    given = options.model_dump(exclude_unset=True)
    keys = [
        Key("name", options.name, _what(found)),
        Key("root", str(found.root.resolve()), "the folder that was looked at"),
    ]
    made = [
        *_meaning(found),
        _bands(found),
        _image_size(found),
        *_tile(found),
        *_min_area(found),
        *_stretch(found),
        *_splits(found),
    ]
    keys += [key for key in made if key.name not in given]
    keys += [
        Key(name, value, "as it was given")
        for name, value in given.items()
        if name not in ("name", "root")
    ]
    return keys


def _what(found: Description) -> str:
    if found.options.name == RASTER:
        return "your own rasters; if it is one of the published data sets, name that"
    return f"the folder looks like {found.source.title}; write raster if it is your own"


def _meaning(found: Description) -> list[Key]:
    """Of own labels: which classes there are."""
    if not isinstance(found.source, OwnRasters):
        return []
    labels, classes = found.source.annotations, found.survey.listing.classes
    if isinstance(labels, PolygonLabels):
        fields = dict.fromkeys(field for one in labels.vectors.values() for field in one.fields)
        there = (
            f"the polygons have the fields {', '.join(fields)}" if fields else "there is no field"
        )
        return [Key("class_field", None, f"all polygons are {classes[0]}; {there}")]
    if not isinstance(labels, MaskLabels):
        return []
    ids = labels.meaning.ids.items()
    names = {value: classes[number - 1] for value, number in ids if 0 < number < IGNORE}
    unnamed = all(name == f"class {value}" for value, name in names.items())
    why = "values of the masks: put names in place of these" if unnamed else "values of the masks"
    return [Key("classes", names, why)]


def _bands(found: Description) -> Key:
    bands = found.source.bands
    if any(name.startswith("band ") for name in bands):
        return Key("bands", "all", "the files do not name them: list names in the stored order")
    if found.source.rgb and len(bands) == 3:
        return Key("bands", "rgb", "the only ones there are")
    count = len(bands)
    return Key("bands", list(bands), f"all {count}; pretrained stems take each by its name")


def _image_size(found: Description) -> Key:
    usual = _usual_side(found)
    why = f"px; the shorter side of a scene is {usual:g} (median)"
    if _alone(found):
        why += f", of which there are few: {LARGE_SCENE} or more tiles a side"
    if found.survey.held:
        largest = float(np.quantile(np.concatenate(found.survey.sides).max(axis=1), 0.95))
        why += f"; 95 % of the objects are no longer than {largest:.0f}"
    if found.options.name == RASTER and found.source.tiled:
        why += "; scenes are cut into tiles of it, a pixel stays a pixel"
    return Key("image_size", _side(found), why)


def _side(found: Description) -> int:
    """The `image_size` that is given, or else chosen."""
    if "image_size" in found.options.model_fields_set:
        return found.options.image_size
    usual = _usual_side(found)
    return _fitting(usual, max(ALONE, usual / LARGE_SCENE) if _alone(found) else SIZES[-1])


def _alone(found: Description) -> bool:
    """Whether scenes are so few and large that blocks on the ground are divided instead."""
    large = _usual_side(found) >= LARGE_SCENE * ALONE
    return _few(found) and large and len(found.ground) > 0


def _fitting(side: float, most: float) -> int:
    """The longest tile that fits scenes of this side well, or the one that fits them best."""
    beyond = {
        size: ceil(side / size) * size / side
        for size in SIZES
        if size <= min(most, ceil(side / SIZES.step) * SIZES.step)
    }
    well = [size for size, waste in beyond.items() if waste <= WASTE]
    return max(well, default=min(reversed([*beyond]), key=lambda size: beyond[size]))


def _few(found: Description) -> bool:
    return sum(map(len, found.scenes.values())) < FEW_SCENES


def _usual_side(found: Description) -> float:
    """Shorter side of a scene in px, the median."""
    sizes = [*found.survey.sizes.elements()]
    if isinstance(found.source, OwnRasters):
        sizes = [(one.height, one.width) for one in found.source.headers.values()]
    return float(np.median([min(size) for size in sizes]))


def _tile(found: Description) -> list[Key]:
    usual = _usual_side(found)
    if found.options.name == RASTER or not found.source.tiled or usual < 2 * SIZES[-1]:
        return []
    why = f"px: the images have {usual:g} a side; cut, not shrunk"
    return [Key("tile", SIZES[-1], why)]


def _scale(found: Description) -> float:
    """By how much areas shrink from file to training."""
    if found.options.name == RASTER or _tile(found):
        return 1.0
    return (_side(found) / _usual_side(found)) ** 2


def _min_area(found: Description) -> list[Key]:
    if not found.survey.held:
        return []
    small = float(np.quantile(np.concatenate(found.survey.areas), 0.05)) * _scale(found)
    chosen = int(np.clip(small, *MIN_AREAS))
    why = f"px²; 95 % of the objects have at least {small:.0f}"
    if chosen == int(small):
        why += ": smaller ones are not objects"
    else:
        why += f"; kept between {MIN_AREAS[0]} and {MIN_AREAS[1]}"
    return [Key("min_area", chosen, why)]


def _stretch(found: Description) -> list[Key]:
    values = np.concatenate(found.survey.sample, axis=1)
    if found.survey.dtype == "uint8" or not values.size:
        return []
    high = np.quantile(values, 0.99, axis=1)
    if not (found.survey.highest > 3 * np.maximum(high, 1e-9)).any():
        return []
    why = "percentiles that become 0 and 1: a few values are three times as high as 99 % of them"
    return [Key("stretch", [1, 99], why)]


def _splits(found: Description) -> list[Key]:
    """Shares of the scenes, or blocks on the ground; nothing where the folders say all of it."""
    source, scenes = found.source, {*chain.from_iterable(found.scenes.values())}
    if not isinstance(source, OwnRasters) or {*(source.layout.splits or {}).values()} == {*SPLITS}:
        return []
    size = _side(found)
    if _alone(found) and _usual_side(found) >= LARGE_SCENE * size:
        side = metres(_block(found, size))
        why = f"scenes are few ({len(scenes)}) and large: blocks of {side} are divided"
        return [Key("splits", {"val": 0.2, "test": 0.2, "blocks": side.replace(" ", "")}, why)]
    if len(scenes) < len(SPLITS):
        return []
    share = 0.15
    if len(scenes) < FEW_FOR_A_SHARE:
        share = max(0.25, ceil(100 / (2 * len(scenes))) / 100)
    count = round(share * len(scenes))
    why = f"of {len(scenes)} scenes, {count} each: a scene is never in two splits"
    return [Key("splits", {"val": share, "test": share}, why)]


def _block(found: Description, size: int) -> float:
    """Side in metres of blocks: so many on the ground as wanted, none smaller than its tiles."""
    ground = float(np.median(found.ground))
    area = sum(h * w * n for (h, w), n in found.survey.sizes.items()) * ground**2
    side = max((area / BLOCKS) ** 0.5, TILES_A_BLOCK * size * ground)
    magnitude = 10 ** np.floor(np.log10(side))
    return float(max(step * magnitude for step in (1, 2, 5) if step * magnitude <= side))
