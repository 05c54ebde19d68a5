"""Which images show the same ground, and which lie next to each other."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

from datasets.ground import coordinates, corners, longitudes_latitudes
from datasets.overview import Overview
from datasets.source import Item

OVERLAP = 0.005
"""Share of the smaller image above which two overlap. Less is what a straight border becomes in
another reference system: 0.2 % of a scene of 100 km."""

Rows = NDArray[np.int64]


class Footprints(NamedTuple):
    """The outlines of N images.

    Attributes:
        outlines: N polygons. On Earth, in the coordinates of their reference system if that is the
            same for all, else in degrees; without a place, in pixels of their file.
        frames: int64 [N]; outlines of one frame can be compared: 0 on Earth, one for each file
            without a place, -1 of a file that cannot be read.
    """

    outlines: NDArray[np.object_]
    frames: NDArray[np.int64]

    def overlaps(self, others: Rows, rows: Rows) -> tuple[Rows, NDArray[np.float64]]:
        """Of each of `rows`, which of `others` overlaps it most, and by what share of the smaller.

        -1 and 0 where none does by more than `OVERLAP`. Images that touch do not overlap.
        """
        most = np.full(len(rows), -1, dtype=np.int64)
        shares = np.zeros(len(rows))
        for first, second in self._comparable(others, rows):
            tree = shapely.STRtree(self.outlines[others[first]])
            mine, found = tree.query(self.outlines[rows[second]], predicate="intersects")
            one, other = self.outlines[rows[second][mine]], self.outlines[others[first][found]]
            smaller = np.minimum(shapely.area(one), shapely.area(other))
            share = shapely.area(shapely.intersection(one, other)) / smaller
            order = np.argsort(share, kind="stable")  # of several for one row, the last is kept
            order = order[share[order] > OVERLAP]
            most[second[mine[order]]] = others[first[found[order]]]
            shares[second[mine[order]]] = share[order]
        return most, shares

    def near(self, others: Rows, rows: Rows) -> NDArray[np.bool_]:
        """Which of `rows` lie closer to one of `others` than they are wide."""
        close = np.zeros(len(rows), dtype=np.bool_)
        for first, second in self._comparable(others, rows):
            tree = shapely.STRtree(self.outlines[others[first]])
            around = [_enlarged(outline) for outline in self.outlines[rows[second]]]
            close[second[tree.query(around, predicate="intersects")[0]]] = True
        return close

    def _comparable(self, others: Rows, rows: Rows) -> Iterator[tuple[Rows, Rows]]:
        """Positions in both that share a frame, one frame after another."""
        frames, other_frames = self.frames[rows], self.frames[others]
        for frame in np.intersect1d(frames, other_frames):
            if frame >= 0:
                yield np.flatnonzero(other_frames == frame), np.flatnonzero(frames == frame)


def footprints(items: Sequence[Item], overview: Overview) -> Footprints:
    """The outlines of `items`, in their order."""
    rows = overview.of(items)
    pixels, places = corners(overview.sizes), overview.places
    ground = (longitudes_latitudes if len(places.systems) > 1 else coordinates)(pixels, places)
    rings, sizes = ground[rows], overview.sizes[rows]
    number: dict[Path, int] = {}
    frames = np.zeros(len(items), dtype=np.int64)
    for index in np.flatnonzero(~np.isfinite(rings).all(axis=(1, 2))).tolist():
        item = items[index]
        frames[index] = number.setdefault(item.image, len(number) + 1)
        corner = (item.window.x, item.window.y) if item.window else (0, 0)
        rings[index] = pixels[rows[index]] + corner
    frames[~sizes.all(axis=1)] = -1
    return Footprints(shapely.polygons(rings), frames)


def _enlarged(outline: shapely.Polygon) -> shapely.Polygon:
    """As much again on every side, less a trace: what only touches it is a whole width away."""
    centre = shapely.get_coordinates(outline)[:4].mean(axis=0)
    return shapely.transform(outline, lambda corner: centre + 2.999 * (corner - centre))
