"""A segmenter's classes over an image of any size: tiles that overlap, blended by probability.

Each pixel is given the class with the highest mean probability over the tiles it lies in, weighted
by a taper that falls towards a tile's borders, where the model has seen least of what is around
(Ronneberger et al. 2015, "U-Net", cut those borders off; a taper leaves no seam where it does).
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from datasets.source import IGNORE, Window
from deploy.maps.images import Image
from deploy.maps.tiles import Find, Panel, found_in_row, panels, starts
from runs.records import DataRecord

OVERLAP = 0.25
"""Share of a tile that it has in common with the next; a pixel lies in four at most."""

HELD_BYTES = 2**26
"""Pixels and probabilities that are held at once, about."""


class Part(NamedTuple):
    """Part of the map: where it lies, and its class ids uint8 [H, W], `IGNORE` without data."""

    window: Window
    classes: NDArray[np.uint8]


def class_parts(
    image: Image, data: DataRecord, find: Find, batch: int, threshold: float | None = None
) -> Iterator[Part]:
    """The classes of an image, part by part; together they cover it once.

    Only a strip of at most `HELD_BYTES` is held: one row of tiles, cut into panels where the image
    is too wide for that.

    Args:
        data: what the model was trained on.
        batch: tiles that are shown to the model at once.
        threshold: see `chosen_classes`.

    Raises:
        ModelError: the file is damaged.
    """
    height, width = data.window
    a_column = height * (4 * (len(data.classes) + 1) + len(data.bands) * image.dtype.itemsize)
    for panel in panels(image.width, width, OVERLAP, HELD_BYTES // a_column):
        yield from _panel_parts(image, data, find, batch, threshold, panel)


def _panel_parts(
    image: Image,
    data: DataRecord,
    find: Find,
    batch: int,
    threshold: float | None,
    panel: Panel,
) -> Iterator[Part]:
    height, width = data.window
    weights = torch.outer(taper(height), taper(width))
    left = panel.lefts[0]
    spanned = panel.lefts[-1] + width - left
    lefts = [x - left for x in panel.lefts]
    own = np.s_[:, panel.start - left : panel.stop - left]
    sums = np.zeros((len(data.classes) + 1, height, spanned), dtype=np.float32)
    tops = starts(image.height, height, OVERLAP)
    for top, below in pairwise((*tops, image.height)):
        pixels, valid = image.read(Window(left, top, spanned, height))
        for x, found in found_in_row(pixels, valid, lefts, width, data.image_size, batch, find):
            sums[:, :, x : x + width] += _weighted(found["probabilities"], weights)
        done = below - top
        classes = chosen_classes(sums[:, :done], threshold)
        classes[~valid[:done]] = IGNORE
        window = Window(panel.start, top, panel.stop - panel.start, done)
        yield Part(window, classes[own])
        for plane in sums:
            plane[: height - done] = plane[done:]
            plane[height - done :] = 0


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
    """Weights float32 [length] along a tile's side: half a cosine up over the overlap, 1, and down.

    None is 0, so that a border of the image, which lies in no other tile, has its class.
    """
    rise = max(1, round(length * OVERLAP))
    edge = torch.minimum(torch.arange(length), torch.arange(length).flip(0)) + 0.5
    return 0.5 - 0.5 * torch.cos(torch.pi * (edge / rise).clamp(max=1))


def _weighted(probabilities: Tensor, weights: Tensor) -> NDArray[np.float32]:
    """Probabilities [K + 1, S, S] at the size of a tile in the file, times `weights` [H, W]."""
    size = weights.shape
    if probabilities.shape[1:] != size:
        probabilities = F.interpolate(
            probabilities[None], size, mode="bilinear", align_corners=False, antialias=True
        )[0]
    return (probabilities.cpu() * weights).numpy()
