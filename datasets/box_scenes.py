"""Scenes in red, green and blue with boxes, as COCO JSON and Pascal VOC both describe them."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from datasets.orientation import UPRIGHT
from datasets.rasters import RasterInfo, raster_info, read_image
from datasets.scenes import collected, refusal
from datasets.source import Item, Label, Labelled, Problem, Window
from datasets.tiling import clip_boxes

ROUNDING = 1.0  # pixels by which a box may stick out of its image; it is cut


class BoxScenes:
    """What every data set of this kind answers alike; see `datasets.source.Source`."""

    bands: ClassVar[tuple[str, ...]] = ("red", "green", "blue")
    rgb: ClassVar[tuple[int, int, int]] = (0, 1, 2)
    labels: ClassVar[frozenset[Label]] = frozenset({"boxes"})
    tiled: ClassVar[bool] = True


@dataclass(frozen=True, eq=False)
class Objects:
    """The boxes of one scene as its annotation file has them.

    Attributes:
        size: height and width that the annotation file says the image has; None if it does not.
        boxes: float64 [M, 4], x0 y0 x1 y1 in pixel edges of the scene; not checked yet.
        labels: int64 [M], class ids from 1.
        name: of the box in a row, by which a person finds it in the file: "annotation 17".
        corners: float64 [M, 4], the boxes as the file gives them, for messages; None: as `boxes`.
    """

    size: tuple[int, int] | None
    boxes: NDArray[np.float64]
    labels: NDArray[np.int64]
    name: Callable[[int], str]
    corners: NDArray[np.float64] | None = None


def read_scene(item: Item, title: str, parse: Callable[[], Objects]) -> Labelled:
    """The pixels of an item as stored, [bands, H, W], and what of its scene's boxes lies in it.

    Raises:
        DataError: as `parse` does; if the image cannot be read; if the annotations are of an image
            of another size, or a box is empty, reversed, not a number or out of the image by more
            than `ROUNDING`.
    """
    problems: list[Problem] = []
    objects, image = None, None
    with collected(problems):
        objects = parse()
    with collected(problems):
        info = raster_info(item.image)
        image, valid = read_image(item.image, BoxScenes.bands, title, item.window)
    if objects is not None and image is not None:
        problems += (Problem(item.image, fault) for fault in box_faults(objects, info))
    if problems or objects is None or image is None:
        raise refusal(problems)
    whole = Window(0, 0, info.width, info.height)
    boxes, labels = clip_boxes(
        objects.boxes.astype(np.float32), objects.labels, item.window or whole
    )
    place = info.place and info.place.within(item.window)
    return Labelled(image, None, boxes, labels, place=place, valid=valid, remark=info.remark)


def listed(things: Iterable[object], most: int = 5) -> str:
    """The first few of many, for a sentence."""
    names = [str(thing) for thing in things]
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest


def box_faults(objects: Objects, info: RasterInfo) -> Iterator[str]:
    """Why the boxes of an image cannot be used: at most one clause."""
    if objects.size is not None and objects.size != (info.height, info.width):
        height, width = objects.size
        stored = objects.size == info.orientation.size(info.height, info.width)
        turned = " upright, as its EXIF orientation says" * (info.orientation != UPRIGHT)
        as_stored = ", which is how it is stored: annotate it upright, or remove the tag"
        yield (
            f"is {info.height} × {info.width} (height × width){turned}, but its annotations are of"
            f" an image of {height} × {width}{as_stored * stored}"
        )
        return
    x0, y0, x1, y1 = objects.boxes.T
    finite = np.isfinite(objects.boxes).all(axis=1)
    reversed_or_empty = (x1 <= x0) | (y1 <= y0)
    outside = (np.minimum(x0, y0) < -ROUNDING) | (
        np.maximum(x1 - info.width, y1 - info.height) > ROUNDING
    )
    # What rounding leaves of a box beyond the border has no area either.
    outside |= (x0 >= info.width) | (y0 >= info.height) | (x1 <= 0) | (y1 <= 0)
    kinds = {
        "not all numbers": ~finite,
        "empty or reversed": finite & reversed_or_empty,
        "out of the image": finite & ~reversed_or_empty & outside,
    }
    given = objects.boxes if objects.corners is None else objects.corners
    faults = [
        f"{objects.name(int(row))} {_in_words(given[row])} is {kind}"
        for kind, faulty in kinds.items()
        for row in np.flatnonzero(faulty)
    ]
    if faults:
        size = f"{info.height} × {info.width}"
        yield f"has boxes (x0, y0, x1, y1) that do not fit its {size} pixels: {listed(faults)}"


def _in_words(box: NDArray[np.float64]) -> str:
    return f"({', '.join(f'{value:g}' for value in box)})"


def relative(file: Path, root: Path) -> str:
    """The path of a file below `root`, the same text on every machine."""
    return file.relative_to(root).as_posix()
