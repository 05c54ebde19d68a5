"""Items that lie where a test says, without files."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rasterio.crs import CRS

from datasets.overview import SIDE, Overview
from datasets.places import packed_places
from datasets.source import Item, Place

WARSAW = CRS.from_epsg(32634).to_wkt()
"""UTM zone 34 north, metres; 500 km east and 5800 km north are near Warsaw."""

METRES = 1.0


def at(x: float, y: float, crs: str = WARSAW, pixel: float = METRES) -> Place:
    """An image whose upper left corner lies at (x, y)."""
    return Place(crs, (pixel, 0, x, 0, -pixel, y))


def seen(places: Sequence[Place | None], size: int = 100) -> tuple[tuple[Item, ...], Overview]:
    """Items of `size` pixels a side at `places`, one a file, and what is known of them."""
    items = tuple(
        Item(f"scene_{n}", Path(f"scene_{n}.tif"), None, f"scene_{n}") for n in range(len(places))
    )
    return items, Overview(
        {item.name: row for row, item in enumerate(items)},
        packed_places(places),
        np.full((len(items), 2), size),
        np.full((len(items), SIDE, SIDE), np.nan, dtype=np.float32),
    )
