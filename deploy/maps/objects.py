"""A detector's boxes over an image of any size: found in overlapping tiles, and merged.

An object that several tiles show is found several times, and one that a tile's border cuts is found
in part. Of boxes of one class that overlap, one is kept: first those that no border has cut, then
the surest (greedy non-maximum suppression). Whole boxes overlap if their intersection is more than
half of their union, as within a tile; a cut one does if it is more than half of the smaller of the
two, for a part of an object has little in common with the union.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray
from torch import Tensor

from datasets.boxes import on_data
from datasets.source import Window
from deploy.maps.images import Image
from deploy.maps.tiles import Find, found_in_row, starts
from runs.records import DataRecord

OVERLAP = 0.5
"""Share of a tile that it has in common with the next: an object of half a tile's side lies whole
in one of them. One that is larger may be found in parts."""

HELD_BYTES = 2**26
"""Pixels that are held at once, about."""

SAME = 0.5
"""Share that two boxes of one object have in common at least."""


class Objects(NamedTuple):
    """Boxes of an image, in its pixels.

    Attributes:
        boxes: float64 [M, 4], x0 y0 x1 y1 in pixel edges.
        scores: float64 [M].
        labels: int64 [M], class ids from 1.
        cut: bool [M], whether a tile's border within the image runs along the box.
    """

    boxes: NDArray[np.float64]
    scores: NDArray[np.float64]
    labels: NDArray[np.int64]
    cut: NDArray[np.bool_]

    def of(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> "Objects":
        """Those that are `chosen`."""
        boxes, scores, labels, cut = self
        return Objects(boxes[chosen], scores[chosen], labels[chosen], cut[chosen])


class Row(NamedTuple):
    """Rows of an image that are done, and the objects that are settled with them."""

    window: Window
    objects: Objects


NOTHING = Objects(np.empty((0, 4)), np.empty(0), np.empty(0, np.int64), np.empty(0, np.bool_))


def object_rows(
    image: Image, data: DataRecord, find: Find, batch: int, threshold: float | None = None
) -> Iterator[Row]:
    """The objects of an image, from top to bottom, as soon as no further tile can meet them.

    Args:
        data: what the model was trained on.
        batch: tiles that are shown to the model at once.
        threshold: the lowest score that counts; None for the model's own.

    Raises:
        ModelError: the file is damaged.
    """
    height = data.window[0]
    tops = starts(image.height, height, OVERLAP)
    unsettled = NOTHING
    for top, below in pairwise((*tops, image.height)):
        tiles = _found_in_tiles(image, data, find, batch, top)
        found = [unsettled, *(tile.of(tile.scores >= (threshold or 0)) for tile in tiles)]
        together = Objects(*(np.concatenate(values) for values in zip(*found, strict=True)))
        kept = together.of(merged(together))
        settled = (kept.boxes[:, 3] <= below) | (below == image.height)
        unsettled = kept.of(~settled)
        yield Row(Window(0, top, image.width, below - top), kept.of(settled))


def merged(objects: Objects) -> NDArray[np.int64]:
    """Which objects are kept when several are of the same thing, the surest first."""
    order = np.lexsort((-objects.scores, objects.cut))
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    first, second = _same(objects)
    suppressed: dict[int, list[int]] = {}
    for one, other in zip(first.tolist(), second.tolist(), strict=True):
        if rank[one] < rank[other]:
            suppressed.setdefault(one, []).append(other)
    alive = np.ones(len(order), dtype=np.bool_)
    for one in order.tolist():
        if alive[one]:
            alive[suppressed.get(one, [])] = False
    return order[alive[order]]


def _same(objects: Objects) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of objects of one class that overlap enough to be the same."""
    boxes, cut = objects.boxes, objects.cut
    shapes = shapely.box(*boxes.T)
    first, second = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    alike = (first != second) & (objects.labels[first] == objects.labels[second])
    first, second = first[alike], second[alike]
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    corners = np.maximum(boxes[first, :2], boxes[second, :2])
    sides = np.minimum(boxes[first, 2:], boxes[second, 2:]) - corners
    common = np.clip(sides, 0, None).prod(axis=1)
    smaller = np.minimum(areas[first], areas[second])
    union = areas[first] + areas[second] - common
    same = common > SAME * np.where(cut[first] | cut[second], smaller, union)
    return first[same], second[same]


def _found_in_tiles(
    image: Image, data: DataRecord, find: Find, batch: int, top: int
) -> Iterator[Objects]:
    """The objects of each tile of a row of tiles, read a group of tiles at a time.

    What is found where the image holds no data is left out, as it is when a model is scored.
    """
    height, width = data.window
    lefts = starts(image.width, width, OVERLAP)
    a_column = height * len(data.bands) * image.dtype.itemsize
    group = max(1, (HELD_BYTES // a_column - width) // max(1, round(width * (1 - OVERLAP))))
    for start in range(0, len(lefts), group):
        some = lefts[start : start + group]
        spanned = some[-1] + width - some[0]
        pixels, valid = image.read(Window(some[0], top, spanned, height))
        within = [left - some[0] for left in some]
        for x, found in found_in_row(pixels, valid, within, width, data.image_size, batch, find):
            tile = Window(x + some[0], top, width, height)
            objects = _in_image(found, tile, data.image_size, image)
            here = objects.boxes - np.tile([some[0], top], 2)
            yield objects.of(on_data(here, valid))


def _in_image(found: dict[str, Tensor], tile: Window, size: int, image: Image) -> Objects:
    """What was found in a tile, in the image's pixels."""
    scale = np.tile([tile.width / size, tile.height / size], 2)
    boxes = found["boxes"].cpu().numpy().astype(np.float64) * scale
    edges = np.array([0, 0, tile.width, tile.height])
    inner = np.array(
        [
            tile.x > 0,
            tile.y > 0,
            tile.x + tile.width < image.width,
            tile.y + tile.height < image.height,
        ]
    )
    # Within a pixel of the model: boxes are regressed, and seldom end on the very border.
    cut = ((np.abs(boxes - edges) <= scale) & inner).any(axis=1)
    boxes += np.tile([tile.x, tile.y], 2)
    limits = np.tile([image.width, image.height], 2)
    np.clip(boxes, 0, limits, out=boxes)  # of an image that is smaller than a tile
    objects = Objects(
        boxes,
        found["scores"].cpu().numpy().astype(np.float64),
        found["labels"].cpu().numpy().astype(np.int64),
        cut,
    )
    return objects.of((boxes[:, 2:] > boxes[:, :2]).all(axis=1))
