"""How an image is covered by overlapping tiles, and in which parts it is worked through.

A tile has the size of a training window, in pixels of the file, and is resized as training images
were: the model sees objects at the scale it knows. The last tile of a row or column is shifted
back to the border.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from datasets.resize import resize_image

Find = Callable[[NDArray[np.generic]], list[dict[str, Tensor]]]
"""Stored values [B, C, S, S] → what the model finds in each, see `deploy.trained.Trained.find`."""


class Panel(NamedTuple):
    """Columns `start` to `stop` of an image, and the left edges of all tiles that they meet."""

    start: int
    stop: int
    lefts: tuple[int, ...]


def starts(length: int, tile: int, overlap: float) -> tuple[int, ...]:
    """Where tiles begin along an axis; neighbours share `overlap` of a tile or more.

    An axis that is shorter than a tile has one, which reaches beyond it.
    """
    last = max(length - tile, 0)
    return *range(0, last, max(1, round(tile * (1 - overlap)))), last


def panels(length: int, tile: int, overlap: float, columns: int) -> Iterator[Panel]:
    """Cut an image of `length` columns into panels whose tiles span `columns` together, or so.

    Tiles that meet two panels are worked through in both: the price of memory that does not grow
    with the image.
    """
    lefts = starts(length, tile, overlap)
    step = max(columns - 2 * tile, tile)
    for start in range(0, length, step):
        stop = min(start + step, length)
        yield Panel(start, stop, tuple(x for x in lefts if x < stop and x + tile > start))


def found_in_row(
    pixels: NDArray[np.generic],
    valid: NDArray[np.bool_],
    lefts: Sequence[int],
    tile: int,
    image_size: int,
    batch: int,
    find: Find,
) -> Iterator[tuple[int, dict[str, Tensor]]]:
    """What is found in each tile of a row of tiles: its left edge, and the model's answer.

    Args:
        pixels: stored values [C, H, W] of the row, as high as a tile.
        valid: bool [H, W]; a tile without any data is left out.
        lefts: left edges of the tiles, columns of `pixels`.
        tile: width of a tile.
        image_size: side of the model's input.
        batch: tiles that are shown to the model at once.
    """
    with_data = [left for left in lefts if valid[:, left : left + tile].any()]
    for first in range(0, len(with_data), batch):
        some = with_data[first : first + batch]
        tiles = [resize_image(pixels[:, :, left : left + tile], image_size) for left in some]
        yield from zip(some, find(np.stack(tiles)), strict=True)
