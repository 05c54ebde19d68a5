"""A class raster as polygons: one for each connected area of a class."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio import Affine
from rasterio.features import shapes
from shapely import Polygon
from shapely.geometry import shape

from datasets.source import IGNORE


class Area(NamedTuple):
    """A connected area of one class: its outline in pixel edges, and its class id."""

    outline: Polygon
    label: int


def areas(strips: Iterable[NDArray[np.uint8]]) -> Iterator[Area]:
    """4-connected areas of classes 1, 2, … as valid polygons, background and no data left out.

    Only areas that may go on below the strips read so far are held.

    Args:
        strips: class ids [H, W] of an image, from top to bottom.
    """
    open_: list[Area] = []
    top = 0
    for strip in strips:
        bottom = top + len(strip)
        found = _joined(open_, list(_areas_of(strip, top)), top)
        open_ = []
        for area in found:
            if area.outline.bounds[3] == bottom:
                open_.append(area)
            else:
                yield area
        top = bottom
    yield from open_


def _areas_of(strip: NDArray[np.uint8], top: int) -> Iterator[Area]:
    objects = (strip != 0) & (strip != IGNORE)
    for outline, label in shapes(strip, mask=objects, transform=Affine.translation(0, top)):
        yield Area(shape(outline), int(label))


def _joined(above: list[Area], below: list[Area], border: int) -> Iterator[Area]:
    """The areas on both sides of a border, those that meet there in one piece."""
    meeting = [area for area in below if area.outline.bounds[1] == border]
    yield from (area for area in below if area.outline.bounds[1] != border)
    for label in sorted({area.label for area in (*above, *meeting)}):
        pieces = [area.outline for area in (*above, *meeting) if area.label == label]
        for outline in shapely.get_parts(shapely.union_all(pieces)):
            yield Area(outline, label)
