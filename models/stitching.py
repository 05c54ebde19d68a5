"""Tiles that overlap, blended by probability: of maps, and of scores over whole scenes.

Each pixel is given the class with the highest mean probability over the tiles it lies in, weighted
by a taper that falls towards a tile's borders, where the model has seen least of what is around
(Ronneberger et al. 2015, "U-Net", cut those borders off; a taper leaves no seam where it does).
"""

from collections.abc import Iterable

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

RISE = 0.25
"""Share of a tile's side over which its weight rises from its border."""


class Strip:
    """A row of tiles of an image, from left to right: the probabilities of its pixels.

    Attributes:
        sums: float32 [K + 1, H, W], probabilities summed over tiles, times their weights. 0 where
            no tile lies.
    """

    def __init__(self, classes: int, tile: tuple[int, int], width: int) -> None:
        """An empty strip for K + 1 `classes`, as high as a `tile` (height, width)."""
        height, self._tile_width = tile
        self._weights = torch.outer(taper(height), taper(self._tile_width))
        self.sums = np.zeros((classes, height, width), dtype=np.float32)

    def add(self, left: int, probabilities: Tensor) -> None:
        """A tile whose left edge lies at column `left`: [K + 1, S, S], resized to its own size."""
        size = self._weights.shape
        if probabilities.shape[1:] != size:
            probabilities = F.interpolate(
                probabilities[None], size, mode="bilinear", align_corners=False, antialias=True
            )[0]
        weighted = (probabilities.cpu() * self._weights).numpy()
        self.sums[:, :, left : left + self._tile_width] += weighted

    def move_down(self, rows: int) -> None:
        """Go on to the row of tiles that begins `rows` further down."""
        move_up(self.sums, rows, 0)


def move_up(planes: Iterable[NDArray[np.generic]], rows: int, fill: int) -> None:
    """Drop the first rows of planes [H, W], in place; the last ones become `fill`."""
    for plane in planes:
        kept = len(plane) - rows
        plane[:kept] = plane[rows:]
        plane[kept:] = fill


def chosen_classes(sums: NDArray[np.float32], threshold: float | None) -> NDArray[np.uint8]:
    """Class ids [H, W] from weighted sums of probabilities [K + 1, H, W].

    Without a threshold, the most probable one of all. With one, the most probable one beside the
    background, where its probability is at least `threshold`, and background elsewhere.
    """
    if threshold is None:
        return sums.argmax(axis=0).astype(np.uint8)
    sure = sums[1:].max(axis=0) >= threshold * sums.sum(axis=0)
    return np.where(sure, 1 + sums[1:].argmax(axis=0), 0).astype(np.uint8)


def taper(length: int) -> Tensor:
    """Weights float32 [length] along a tile's side: half a cosine up over `RISE`, 1, and down.

    None is 0, so that a border of the image, which lies in no other tile, has its class.
    """
    rise = max(1, round(length * RISE))
    edge = torch.minimum(torch.arange(length), torch.arange(length).flip(0)) + 0.5
    return 0.5 - 0.5 * torch.cos(torch.pi * (edge / rise).clamp(max=1))
