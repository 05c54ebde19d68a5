"""The plan of a made-up town, in metres: blocks between streets, and houses along them."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import LineString, Polygon, affinity
from shapely.ops import split

Coordinates = NDArray[np.float64]
Outlines = NDArray[np.object_]

PAVEMENT = 2.0  # metres between a street and the nearest house, at least


@dataclass(frozen=True)
class StreetStyle:
    """Sizes in metres.

    Attributes:
        block: side of a block, roughly.
        crooked: 0 for a regular grid, 1 for blocks of any shape.
        avenue, street: widths of main and side streets.
        house: shortest and longest side of a house.
        gap: between neighbours, least and most.
        rows: of houses behind each other, counted from the street.
        wings: share of the houses that are L-shaped.
    """

    block: float
    crooked: float
    avenue: float
    street: float
    house: tuple[float, float]
    gap: tuple[float, float]
    rows: int
    wings: float


class Houses(NamedTuple):
    """Houses and their parts: rectangles of four corners, the first two on the street's side.

    Attributes:
        outlines: [N] polygons, rectangles or L-shapes.
        parts: float64 [M, 4, 2], M ≥ N.
        owner: int64 [M], which house a part belongs to.
    """

    outlines: Outlines
    parts: Coordinates
    owner: NDArray[np.int64]


class Plan(NamedTuple):
    """Blocks up to the middle of their streets, and what stands on them.

    Attributes:
        blocks: polygons that cover the frame.
        built: bool [len(blocks)], which of them have houses.
        avenues, streets: surfaces of main and side streets.
        houses: on the built blocks, clear of all streets.
    """

    blocks: Outlines
    built: NDArray[np.bool_]
    avenues: Outlines
    streets: Outlines
    houses: Houses

    def scaled(self, factor: float) -> "Plan":
        """The same plan in another unit."""
        blocks, avenues, streets, outlines = (
            shapely.transform(shapes, lambda points: points * factor)
            for shapes in (self.blocks, self.avenues, self.streets, self.houses.outlines)
        )
        houses = Houses(outlines, self.houses.parts * factor, self.houses.owner)
        return Plan(blocks, self.built, avenues, streets, houses)


def plan_town(rng: np.random.Generator, side: float, built: float, style: StreetStyle) -> Plan:
    """Plan a frame of `side` metres and a little around it; `built` is a share of the blocks."""
    blocks, avenues, streets = _cut_land(rng, side, style)
    has_houses = rng.random(len(blocks)) < built
    surface = shapely.union_all(avenues)
    plots = shapely.buffer(blocks[has_houses], -style.street / 2, join_style="mitre")
    plots = shapely.buffer(shapely.difference(plots, surface), -PAVEMENT, join_style="mitre")
    plots = shapely.get_parts(shapely.simplify(plots, 0.5))
    rows = [_place_houses(rng, plot, style) for plot in plots if not plot.is_empty]
    return Plan(blocks, has_houses, avenues, streets, _merge(rows))


def _cut_land(
    rng: np.random.Generator, side: float, style: StreetStyle
) -> tuple[Outlines, Outlines, Outlines]:
    """Blocks, avenues and streets: land is cut in two, again and again, by a street each time."""
    frame = shapely.box(0, 0, side, side)
    reach = 0.8 * side + 2.5 * style.block
    middle = side / 2 + rng.uniform(-0.5, 0.5, 2) * style.block
    land = affinity.translate(shapely.box(-reach, -reach, reach, reach), *middle)
    cells = [affinity.rotate(land, rng.uniform(0, 90))]
    blocks: list[Polygon] = []
    avenues: list[Polygon] = []
    streets: list[Polygon] = []
    while cells:
        cell = cells.pop()
        if not cell.intersects(frame):
            continue
        place, along, length = _long_axis(cell)
        if length < 1.5 * style.block:
            blocks.append(cell)
            continue
        line = _cut(rng, place, along, length, style.crooked)
        cells += [part for part in split(cell, line).geoms if part.area > 1]
        main = length > 5 * style.block
        width = style.avenue if main else style.street
        (avenues if main else streets).append(line.intersection(cell).buffer(width / 2))
    return _outlines(blocks), _outlines(avenues), _outlines(streets)


def _outlines(polygons: list[Polygon]) -> Outlines:
    return np.array(polygons, dtype=np.object_)


def _merge(groups: list[Houses]) -> Houses:
    """All houses as one group; none if there are no groups."""
    if not groups:
        return Houses(_outlines([]), np.empty((0, 4, 2)), np.empty(0, dtype=np.int64))
    first = np.cumsum([0, *(len(group.outlines) for group in groups[:-1])])
    return Houses(
        np.concatenate([group.outlines for group in groups]),
        np.concatenate([group.parts for group in groups]),
        np.concatenate([group.owner + start for group, start in zip(groups, first, strict=True)]),
    )


def _place_houses(rng: np.random.Generator, plot: Polygon, style: StreetStyle) -> Houses:
    """Houses along the sides of `plot`, in line with them, apart from each other."""
    corners = np.asarray(shapely.orient_polygons(plot).exterior.coords)
    depth = style.house[1] + style.gap[1]
    frames = [
        _along(rng, corners[i], corners[i + 1], row * depth, style)
        for row in range(style.rows)
        for i in range(len(corners) - 1)
    ]
    houses = _shapes(rng, np.concatenate(frames), style.wings)
    kept = shapely.contains_properly(plot, houses.outlines)
    kept[kept] = _first_come(houses.outlines[kept], style.gap[0])
    return select_houses(houses, kept)


def select_houses(houses: Houses, kept: NDArray[np.bool_]) -> Houses:
    """The houses for which `kept` [N] is true, with their parts."""
    number = np.cumsum(kept) - 1
    parts = kept[houses.owner]
    return Houses(houses.outlines[kept], houses.parts[parts], number[houses.owner[parts]])


def _long_axis(cell: Polygon) -> tuple[Coordinates, Coordinates, float]:
    """Middle of the cell, unit vector along it, and its length."""
    corners = np.asarray(shapely.oriented_envelope(cell).exterior.coords)[:3]
    sides = np.diff(corners, axis=0)
    lengths = np.hypot(*sides.T)
    longest = int(lengths.argmax())
    middle = (corners[0] + corners[2]) / 2
    return middle, sides[longest] / lengths[longest], float(lengths[longest])


def _cut(
    rng: np.random.Generator, middle: Coordinates, along: Coordinates, length: float, crooked: float
) -> LineString:
    """A line across the cell, near its middle, more or less at right angles to it."""
    angle = np.pi / 2 + crooked * rng.normal(0, np.radians(11))
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    place = middle + along * length * rng.uniform(-0.18, 0.18) * (0.2 + 0.8 * crooked)
    direction = rotation @ along * 2 * length
    return LineString([place - direction, place + direction])


def _along(
    rng: np.random.Generator, start: Coordinates, end: Coordinates, depth: float, style: StreetStyle
) -> Coordinates:
    """Frames [N, 3, 2] of houses along one side: corner, then frontage and depth as vectors."""
    side = end - start
    length = float(np.hypot(*side))
    count = int(length / (style.house[0] + style.gap[0])) + 1
    frontage = rng.uniform(*style.house, count)
    place = np.cumsum(frontage + rng.uniform(*style.gap, count)) - frontage
    setback = depth + rng.uniform(0, style.gap[1] / 2, count)
    backward = rng.uniform(*style.house, count)
    fits = place + frontage < length
    unit = side / length
    inward = np.array([-unit[1], unit[0]])
    corner = start + place[fits, None] * unit + setback[fits, None] * inward
    wide, deep = frontage[fits, None] * unit, backward[fits, None] * inward
    return np.stack([corner, wide, deep], axis=1)


def _shapes(rng: np.random.Generator, frames: Coordinates, wings: float) -> Houses:
    """Rectangles and L-shapes, one for each frame [N, 3, 2]: corner, frontage, depth."""
    corner, wide, deep = frames[:, 0], frames[:, 1], frames[:, 2]
    winged = rng.random(len(frames)) < wings
    flip = rng.random(len(frames)) < 0.5
    corner = np.where(flip[:, None], corner + wide, corner)
    wide = np.where(flip[:, None], -wide, wide)
    across = np.where(winged, rng.uniform(0.4, 0.65, len(frames)), 1)[:, None]
    back = np.where(winged, rng.uniform(0.4, 0.65, len(frames)), 1)[:, None]
    front = np.stack(
        [corner, corner + wide, corner + wide + back * deep, corner + back * deep], axis=1
    )
    rear = np.stack(
        [front[:, 3], front[:, 3] + across * wide, corner + across * wide + deep, corner + deep],
        axis=1,
    )
    outlines = shapely.polygons(front)
    bent = np.concatenate([front[:, :3], rear[:, 1:]], axis=1)
    outlines[winged] = shapely.polygons(bent[winged])
    everyone = np.arange(len(frames))
    parts = np.concatenate([front, rear[winged]])
    return Houses(outlines, parts, np.concatenate([everyone, everyone[winged]]))


def _first_come(outlines: Outlines, distance: float) -> NDArray[np.bool_]:
    """Which outlines stay where one that is nearer than `distance` to an earlier one goes."""
    tree = shapely.STRtree(outlines)
    later, earlier = tree.query(outlines, predicate="dwithin", distance=distance)
    stays = np.ones(len(outlines), dtype=bool)
    for one, other in sorted(zip(later, earlier, strict=True)):
        if other < one and stays[other]:
            stays[one] = False
    return stays
