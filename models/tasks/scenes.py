"""A segmenter scored over whole scenes: tiles are stitched as in maps, and each pixel counts once.

What is counted are pixels of the file: where tiles are resized, probabilities and ground truth are
brought back to the file's size, probabilities bilinearly, the truth by nearest neighbour.
"""

from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datasets.batches import Batch, batches
from datasets.cache import Split
from datasets.resize import resize_mask
from datasets.source import IGNORE
from models.features import Feed, unfed
from models.metrics.confusion import scores
from models.metrics.scored import Keep, Scored
from models.stitching import Strip, chosen_classes, move_up
from models.tasks.pixel_counts import confusion
from models.tasks.task import Finds
from runs.tallies import PixelTally

Tile = tuple[NDArray[np.uint8], Tensor]
"""Ground truth [S, S] and probabilities [K + 1, S, S]."""


def score_scenes(
    model: Finds,
    split: Split,
    batch_size: int,
    device: torch.device,
    keep: Keep | None = None,
    feed: Feed = unfed,
) -> Scored:
    """Score `model` over the scenes that the tiles of a split are cut from.

    A pixel that several tiles show is tallied with the last of them: the tally has the tiles as its
    images, and its sum has each pixel once. What no tile of the split shows, what holds no data,
    and what lies beyond the file is not counted. One row of tiles of a file is held at a time, in
    some 4 (K + 1) + 26 bytes a pixel: memory grows with a file's width, not with its height.

    Args:
        keep: as of `Evaluate`, a tile at a time in any order.
        feed: what the batches go through.

    Raises:
        ValueError: the split has no labelled pixel.
    """
    model.eval()
    classes = len(split.classes) + 1
    counts = np.zeros((len(split), classes, classes), dtype=np.int64)
    files = _files(split)
    order = np.concatenate(files)
    with closing(feed(batches(split, batch_size, order=order, device=device))) as data:
        tiles = _found(model, data, device, keep)
        for rows in files:
            counts[rows] = _counts(split, rows, tiles)
    metrics = scores(counts.sum(axis=0), split.classes)
    return Scored(metrics, PixelTally(np.array(split.names), counts, None))


def _files(split: Split) -> list[NDArray[np.int64]]:
    """The tiles of each file: indices in reading order."""
    _, file = np.unique(split.files, return_inverse=True)
    x, y = split.windows[:, :2].T
    order = np.lexsort((x, y, file))
    return np.split(order, np.flatnonzero(np.diff(file[order])) + 1)


def _found(
    model: Finds, data: Iterable[Batch], device: torch.device, keep: Keep | None
) -> Iterator[Tile]:
    """The tiles of the batches, in their order."""
    for batch in data:
        found = model.predict(batch.images.to(device))
        if keep is not None:
            keep(batch.names, [{"mask": image["mask"].cpu().numpy()} for image in found])
        for truth, image in zip(batch.masks.numpy(), found, strict=True):
            yield truth, image["probabilities"]


def _counts(split: Split, rows: NDArray[np.int64], tiles: Iterator[Tile]) -> NDArray[np.int64]:
    """Pixels of one file by tile, true class and found class: int64 [N, K + 1, K + 1].

    Args:
        rows: its tiles, in reading order.
        tiles: begins with those.
    """
    classes = len(split.classes) + 1
    side = int(split.sizes[rows[0], 0])
    x, y = split.windows[rows, :2].T
    x = x - x.min()
    width = int(x.max()) + side
    strip = Strip(classes, (side, side), width)
    truth = np.full((side, width), IGNORE, dtype=np.uint8)
    owner = np.zeros((side, width), dtype=np.int32)
    counts = np.zeros((len(rows), classes, classes), dtype=np.int64)
    tops = np.unique(y).tolist()
    for top, below in pairwise((*tops, tops[-1] + side)):
        for tile in np.flatnonzero(y == top):
            mask, probabilities = next(tiles)
            strip.add(x[tile], probabilities)
            shown = np.s_[:, x[tile] : x[tile] + side]
            truth[shown] = resize_mask(mask, side)
            owner[shown] = tile
        done = min(below - top, side)
        found = chosen_classes(strip.sums[:, :done], threshold=None)
        for tile in np.flatnonzero((top - side < y) & (y <= top)):
            shown = np.s_[:done, x[tile] : x[tile] + side]
            theirs = np.where(owner[shown] == tile, truth[shown], IGNORE)
            counts[tile] += confusion(
                torch.from_numpy(theirs), torch.from_numpy(found[shown]), classes
            ).numpy()
        strip.move_down(done)
        move_up([truth], done, IGNORE)
        move_up([owner], done, 0)
    return counts
