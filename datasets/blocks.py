"""Square blocks on the ground, so that a split keeps apart what lies close together.

The grid is the Earth's own and not that of the data: a row of blocks is a band of latitude as high
as a block, and is cut into blocks as wide on its middle parallel. A block so has the same name
whatever else is in the data, in any reference system, and scenes of several systems share blocks.

The Earth is taken to be a sphere of its mean radius. Sides are therefore off by up to 0.6 %, and a
block is a trapezium whose upper and lower side differ by side / radius · tan(latitude): of blocks
of 2 km at 60°, by 0.05 %. Blocks of one row stand above those of the next like bricks.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from datasets.ground import EARTH, corners, longitudes_latitudes
from datasets.overview import Overview
from datasets.source import Item


def in_blocks(
    items: Sequence[Item], overview: Overview, side: float
) -> tuple[tuple[Item, ...], str]:
    """Items whose scene is the block that their centre lies in, and a note on it.

    Items without a place on Earth keep their scene.

    Args:
        side: of a block, in metres.
    """
    rows = overview.of(items)
    centres = corners(overview.sizes).mean(axis=1, keepdims=True)
    degrees = longitudes_latitudes(centres, overview.places)[rows, 0]
    placed = np.isfinite(degrees).all(axis=1)
    numbers = block_numbers(np.where(placed[:, None], degrees, 0), side)
    blocked = tuple(
        replace(item, scene=f"block {row},{column}") if known else item
        for item, known, (row, column) in zip(items, placed, numbers.tolist(), strict=True)
    )
    count = len({item.scene for item, known in zip(blocked, placed, strict=True) if known})
    note = f"divided by {count} blocks of {metres(side)} on the ground"
    if without := int((~placed).sum()):
        note += f"; {without} of {len(items)} images have no place on Earth and go by scene"
    return blocked, note


def block_numbers(degrees: NDArray[np.float64], side: float) -> NDArray[np.int64]:
    """Row (north of the equator) and column (east of Greenwich) [N, 2] of the blocks in which
    points [N, 2], longitude and latitude, lie."""
    longitude, latitude = np.radians(degrees).T
    row = np.floor(latitude * EARTH / side)
    middle = np.clip((row + 0.5) * side / EARTH, -np.pi / 2, np.pi / 2)
    column = np.floor(longitude * EARTH * np.cos(middle) / side)
    return np.stack([row, column], axis=-1).astype(np.int64)


def metres(side: float) -> str:
    """A length for a person: `2 km`, `500 m`."""
    return f"{side / 1000:g} km" if side >= 1000 else f"{side:g} m"
