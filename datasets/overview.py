"""Where each item lies and how it looks from afar, found without decoding the data.

Blocks on the ground and the audit for leaks need no more. Of every file, the header is read, and
its items at `SIDE` pixels a side; what was found is kept beside the caches, so that a second look
costs nothing.
"""

import hashlib
import itertools
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datasets.places import Places, packed_places
from datasets.rasters import raster_info, read_small
from datasets.reading import in_order
from datasets.resize import resize_image
from datasets.source import DataError, Item, Listing, OwnFormat, Place, Source, Window
from runs.archives import ArchiveError, read_arrays
from runs.files import whole_file
from runs.progress import Progress

SIDE = 16
FORMAT = 1  # raise when what is kept changes


class Overview(NamedTuple):
    """What is known of N items before they are decoded.

    Attributes:
        rows: the row of each item, by its name.
        places: where they lie on Earth, as the headers of their files say.
        sizes: int64 [N, 2], height and width in pixels of the file; 0 of a file that cannot be
            read.
        thumbnails: float32 [N, SIDE, SIDE], grey; NaN where there is no data.
    """

    rows: dict[str, int]
    places: Places
    sizes: NDArray[np.int64]
    thumbnails: NDArray[np.float32]

    def of(self, items: Iterable[Item]) -> NDArray[np.int64]:
        """The rows of `items`."""
        return np.array([self.rows[item.name] for item in items], dtype=np.int64)


def overview(
    source: Source, listing: Listing, key: Sequence[object], cache: Path, progress: Progress
) -> Overview:
    """Look at all items of `listing`; `key` tells their files apart from changed ones.

    A file that cannot be read has neither place nor thumbnail: decoding names it.
    """
    digest = hashlib.sha256(json.dumps([FORMAT, SIDE, *key]).encode()).hexdigest()
    file = cache / "data" / f"{source.name}-overview-{digest[:16]}.npz"
    items = [*itertools.chain.from_iterable(listing.splits.values())]
    rows = {item.name: row for row, item in enumerate(items)}
    try:
        kept = read_arrays(file)
        places = Places(kept["systems"], kept["system"], kept["transforms"])
        return Overview(rows, places, kept["sizes"], kept["thumbnails"])
    except (FileNotFoundError, ArchiveError, KeyError):
        places, sizes, thumbnails = _look(source, items, progress)
    file.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(file) as partial:
        np.savez(partial, sizes=sizes, thumbnails=thumbnails, **places._asdict())
    return Overview(rows, places, sizes, thumbnails)


class _Look(NamedTuple):
    """The items of one file."""

    places: list[Place | None]
    sizes: list[tuple[int, int]]
    thumbnails: NDArray[np.float32]


def _look(
    source: Source, items: Sequence[Item], progress: Progress
) -> tuple[Places, NDArray[np.int64], NDArray[np.float32]]:
    of_file: dict[Path, list[int]] = {}
    for row, item in enumerate(items):
        of_file.setdefault(item.image, []).append(row)
    places: list[Place | None] = [None] * len(items)
    sizes = np.zeros((len(items), 2), dtype=np.int64)
    thumbnails = np.full((len(items), SIDE, SIDE), np.nan, dtype=np.float32)
    first = [items[rows[0]] for rows in of_file.values()]
    told = progress.over("looking at the images for copies and overlaps", first)

    def look(item: Item) -> _Look | None:
        part = [items[row] for row in of_file[item.image]]
        try:
            if isinstance(source, OwnFormat) and item.image.suffix == source.suffix:
                return _look_at_own(source, part)
            return _look_at(part)
        except DataError:
            return None

    for rows, found in zip(of_file.values(), in_order(told, look), strict=True):
        if found is not None:
            sizes[rows], thumbnails[rows] = found.sizes, found.thumbnails
            for row, place in zip(rows, found.places, strict=True):
                places[row] = place
    return packed_places(places), sizes, thumbnails


def _look_at(items: Sequence[Item]) -> _Look:
    file = items[0].image
    info = raster_info(file)
    whole = Window(0, 0, info.width, info.height)
    windows = [item.window or whole for item in items]
    seen = [window.inside(info.height, info.width) for window in windows]
    return _Look(
        [info.place and info.place.within(window) for window in windows],
        [(window.height, window.width) for window in seen],
        read_small(file, windows, SIDE),
    )


def _look_at_own(source: OwnFormat, items: Sequence[Item]) -> _Look:
    """Of a format without places and windows: the mean of the first three bands."""
    image = source.read_image(items[0].image)
    grey = image[:3].mean(axis=0, dtype=np.float32)
    height, width = grey.shape
    small = resize_image(grey[None], SIDE).astype(np.float32, copy=False)
    return _Look([None] * len(items), [(height, width)] * len(items), small)
