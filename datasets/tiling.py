"""Large scenes as tiles: which windows, and what of the labels lies in one.

Tiles are cut on reading, so that a scene is never decoded as a whole. The last tile of a row or
column is shifted back to the border instead of being padded or dropped: every tile has the same
size, and every pixel lies in one.
"""

from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import Polygon

from datasets.source import DataError, Tiling, Window

MIN_VISIBLE = 0.3  # share of a box that must lie in a tile, lest it be a sliver of an object


def check_tiling(tiling: Tiling) -> None:
    """Raise DataError unless tiles advance."""
    if not 0 <= tiling.overlap < tiling.size:
        raise DataError(
            f"tiles of {tiling.size} px cannot overlap by {tiling.overlap} px: the overlap must be"
            " at least 0 and below the size"
        )


def windows(height: int, width: int, tiling: Tiling) -> list[Window]:
    """The tiles of a scene, row by row; together they cover every pixel.

    Each is `tiling.size` pixels a side, or as long as the scene where that is shorter; neighbours
    overlap by `tiling.overlap` pixels, the last two of a row or column by as much as it takes.

    Raises:
        DataError: if tiles would not advance.
    """
    check_tiling(tiling)
    size, overlap = tiling
    tile_height, tile_width = min(size, height), min(size, width)
    return [
        Window(x, y, tile_width, tile_height)
        for y in _starts(height, tile_height, size - overlap)
        for x in _starts(width, tile_width, size - overlap)
    ]


def clip_boxes(
    boxes: NDArray[np.float32], labels: NDArray[np.int64], window: Window
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """What of boxes [M, 4], x0 y0 x1 y1 in pixel edges, lies in `window`, in its pixels.

    A box is dropped if less than `MIN_VISIBLE` of its area remains. Of an object larger than the
    window, it is the share of what the window could show at most: a window full of it keeps it.
    """
    corner = np.tile([window.x, window.y], 2).astype(np.float32)
    side = np.array([window.width, window.height], dtype=np.float32)
    clipped = np.clip(boxes - corner, 0, np.tile(side, 2))
    remaining = np.prod(clipped[:, 2:] - clipped[:, :2], axis=1, dtype=np.float64)
    at_most = np.prod(np.minimum(boxes[:, 2:] - boxes[:, :2], side), axis=1, dtype=np.float64)
    kept = (remaining > 0) & (remaining >= MIN_VISIBLE * at_most)
    return clipped[kept], labels[kept]


def clip_footprints(polygons: Sequence[Polygon], window: Window) -> tuple[Polygon, ...]:
    """What of valid polygons lies in `window`, in its pixels.

    A polygon that the border cuts into several becomes several; what only touches it is dropped.
    """
    frame = shapely.box(
        window.x, window.y, window.x + window.width, window.y + window.height, ccw=False
    )
    shapely.prepare(frame)
    outlines = np.array(polygons, dtype=object)
    inside = outlines[shapely.intersects(frame, outlines)]
    parts = shapely.get_parts(shapely.intersection(inside, frame))
    moved = shapely.transform(parts, lambda corners: corners - (window.x, window.y))
    return tuple(part for part in moved if isinstance(part, Polygon))


def _starts(length: int, tile: int, stride: int) -> list[int]:
    last = length - tile
    return [*range(0, last, stride), last]
