"""Pixels of a split that hold no data: kept as bits, of the few images that have any."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Holes(NamedTuple):
    """Where images hold no data.

    Attributes:
        rows: int64 [K], ascending: the images that have such pixels.
        bits: uint8 [K, ceil(S² / 8)], a bit a pixel, row by row, the highest first: 1 without data.
    """

    rows: NDArray[np.int64]
    bits: NDArray[np.uint8]

    @property
    def pixels(self) -> int:
        """How many there are."""
        return int(np.bitwise_count(self.bits).sum())

    def valid(self, row: int, size: int) -> NDArray[np.bool_] | None:
        """Which pixels [size, size] of an image hold data; None if all do."""
        at = int(np.searchsorted(self.rows, row))
        if at == len(self.rows) or self.rows[at] != row:
            return None
        bits = np.unpackbits(self.bits[at], count=size**2)
        return ~bits.astype(np.bool_).reshape(size, size)


def packed_holes(valid: Sequence[NDArray[np.bool_] | None]) -> Holes:
    """The images that are not valid throughout; None: an image is."""
    found = [(row, one) for row, one in enumerate(valid) if one is not None and not one.all()]
    bits = [np.packbits(~one) for _, one in found]
    return Holes(
        np.array([row for row, _ in found], dtype=np.int64),
        np.stack(bits) if bits else np.empty((0, 0), dtype=np.uint8),
    )
