"""Building footprints: from a mask to polygons, and which of them are right.

They are matched as in the SpaceNet building challenges (Van Etten, Lindenbaum and Bacastow 2018,
"SpaceNet: A Remote Sensing Dataset and Challenge Series"); `footprint_scores` divides the counts.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio import Affine
from rasterio.features import shapes
from scipy import ndimage
from shapely import Polygon

from models.metrics.footprint_scores import Counts

IOU_THRESHOLD = 0.5
"""A match has a higher IoU than this."""

MIN_AREA = 20.0
"""px²: smaller truths do not count, nor do proposals that are not larger."""

Geometries = NDArray[np.object_]


class Footprint(NamedTuple):
    """A proposed building: its outline in pixels of the file, and the model's confidence in it."""

    polygon: Polygon
    confidence: float


def footprints_in(
    mask: NDArray[np.bool_], probability: NDArray[np.float32], size: tuple[int, int]
) -> list[Footprint]:
    """The outline of each 4-connected component of a mask.

    Components that meet at a corner alone stay apart, as is usual with building footprints: joined,
    their outline would touch itself and be no valid polygon.

    Args:
        mask: [S, S], where the model sees a building.
        probability: [S, S], of a building; its mean over a component is the confidence.
        size: height and width in pixels of the file, to which S × S is scaled.
    """
    height, width = size
    components, count = ndimage.label(mask)
    pixels = np.bincount(components.ravel(), minlength=count + 1)
    sums = np.bincount(components.ravel(), weights=probability.ravel(), minlength=count + 1)
    to_file = Affine.scale(width / mask.shape[1], height / mask.shape[0])
    outlines = shapes(components.astype(np.int32, copy=False), mask=mask, transform=to_file)
    return [
        Footprint(_polygon(outline), float(sums[int(component)] / pixels[int(component)]))
        for outline, component in outlines
    ]


def match(truths: Sequence[Polygon], proposals: Sequence[Footprint]) -> Counts:
    """Score the proposals of one image.

    By falling confidence (equal ones in the order given), each proposal takes the remaining truth
    of highest IoU if that is above `IOU_THRESHOLD`, and no other proposal can then take it. Small
    buildings count neither way: see `MIN_AREA`. An invalid proposal is repaired first, by
    `buffer(0)`; an invalid truth cannot be found, and counts as missed if what it covers is large
    enough.
    """
    true = _truths(truths)
    falling = np.argsort([-proposal.confidence for proposal in proposals], kind="stable")
    ours = _repaired(_array([proposals[index].polygon for index in falling]))
    ours = ours[shapely.area(ours) > MIN_AREA]
    found = _matches(ours, true[shapely.is_valid(true)])
    return Counts(found, len(ours) - found, len(true) - found)


def _matches(ours: Geometries, truths: Geometries) -> int:
    """How many of `ours`, given by falling confidence, take a truth."""
    mine, theirs = shapely.STRtree(truths).query(ours)
    areas, true_areas = shapely.area(ours)[mine], shapely.area(truths)[theirs]
    # No IoU is above the ratio of the areas, and intersecting large tangled outlines is slow.
    similar = np.minimum(areas, true_areas) > IOU_THRESHOLD * np.maximum(areas, true_areas)
    mine, theirs, both = mine[similar], theirs[similar], (areas + true_areas)[similar]
    shared = shapely.area(shapely.intersection(ours[mine], truths[theirs]))
    overlaps = shared / (both - shared)
    enough = overlaps > IOU_THRESHOLD
    mine, theirs, overlaps = mine[enough], theirs[enough], overlaps[enough]
    matched: set[int] = set()
    taken: set[int] = set()
    for pair in np.lexsort((theirs, -overlaps, mine)):
        proposal, truth = int(mine[pair]), int(theirs[pair])
        if proposal not in matched and truth not in taken:
            matched.add(proposal)
            taken.add(truth)
    return len(matched)


def _truths(polygons: Sequence[Polygon]) -> Geometries:
    # The area of an invalid polygon means nothing (a bow tie's is 0): what it covers counts.
    truths = _array(polygons)
    areas = shapely.area(truths)
    invalid = ~shapely.is_valid(truths)
    areas[invalid] = shapely.area(shapely.make_valid(truths[invalid]))
    return truths[areas >= MIN_AREA]


def _repaired(polygons: Geometries) -> Geometries:
    invalid = ~shapely.is_valid(polygons)
    polygons[invalid] = shapely.buffer(polygons[invalid], 0)
    return polygons


def _array(polygons: Sequence[Polygon]) -> Geometries:
    array = np.empty(len(polygons), dtype=object)
    array[:] = polygons
    return array


def _polygon(outline: dict[str, Any]) -> Polygon:
    shell, *holes = outline["coordinates"]
    return Polygon(shell, holes)
