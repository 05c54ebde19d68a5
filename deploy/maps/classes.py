"""A segmenter's classes over an image of any size: tiles that overlap, see `models.stitching`."""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datasets.source import IGNORE, Window
from deploy.maps.images import Image
from deploy.maps.tiles import Find, Panel, found_in_row, panels, starts
from models.stitching import RISE, Strip, chosen_classes
from runs.records import DataRecord

OVERLAP = RISE
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
        threshold: see `models.stitching.chosen_classes`.

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
    left = panel.lefts[0]
    spanned = panel.lefts[-1] + width - left
    lefts = [x - left for x in panel.lefts]
    own = np.s_[:, panel.start - left : panel.stop - left]
    strip = Strip(len(data.classes) + 1, (height, width), spanned)
    tops = starts(image.height, height, OVERLAP)
    for top, below in pairwise((*tops, image.height)):
        pixels, valid = image.read(Window(left, top, spanned, height))
        for x, found in found_in_row(pixels, valid, lefts, width, data.image_size, batch, find):
            strip.add(x, found["probabilities"])
        done = below - top
        classes = chosen_classes(strip.sums[:, :done], threshold)
        classes[~valid[:done]] = IGNORE
        window = Window(panel.start, top, panel.stop - panel.start, done)
        yield Part(window, classes[own])
        strip.move_down(done)
