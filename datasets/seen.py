"""Splits as an arm sees them: a `View` of what was decoded once for all arms.

Scaling is that of the whole training split whatever the share of it that is trained on: it needs
images and no labels, and arms of several shares differ in nothing else.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datasets.cache import Outlines, Prepared, Split, open_decoded
from datasets.holes import Holes
from datasets.source import IGNORE, DataError
from datasets.statistics import training_statistics
from datasets.view import WHOLE, Part, Scaling, View
from runs.errors import did_you_mean

SUBSET_SEED = 0
"""Which training images a share consists of does not depend on a sweep's seed."""
AS_STORED = "none"
"""The stretch of an arm that has none."""
DATA_SETTINGS = ("bands", "train_fraction", "stretch")
"""The keys of a configuration that choose what an arm sees."""


def seen_by(config: Mapping[str, Any], data: Prepared) -> Prepared:
    """The data as the arm or trial of a flat configuration sees them.

    Raises:
        DataError: it names bands that there are not, or too small a share.
    """
    return seen(data, *(config.get(name) for name in DATA_SETTINGS))


def seen(
    data: Prepared, bands: str | None, train_fraction: float | None, stretch: str | None
) -> Prepared:
    """The same of single values; None leaves as it is what was decoded.

    Args:
        bands: a key of `data.groups`.
        train_fraction: share of the training images, above 0 and at most 1.
        stretch: two percentiles, `2, 98`, or `none`.
    """
    chosen = None if bands is None else _group(data, bands)
    scaling = None if stretch is None else scaling_of(data, stretch)
    return _viewed(data, View(chosen, 1.0 if train_fraction is None else train_fraction, scaling))


def scaling_of(data: Prepared, stretch: str) -> Scaling:
    """That of the whole training split, of all bands, under another stretch."""
    return _scaling(data.folder, stretch)


def _viewed(data: Prepared, view: View) -> Prepared:
    if view == WHOLE:
        return data
    names, rgb = data.bands, data.rgb
    if view.bands is not None:
        names, rgb = tuple(names[band] for band in view.bands), _rgb(data, view.bands)
    key = json.dumps([data.fingerprint, names, view.train_fraction, view.scaling])
    digest = hashlib.sha256(key.encode()).hexdigest()
    shown = replace(data, view=view, whole=data, fingerprint=digest, bands=names, rgb=rgb)
    return shown if view.train_fraction == 1 else _with_fewer_images(shown)


def with_all_images(data: Prepared) -> Prepared:
    """`data` with all training images: for what is learned without their labels."""
    if data.whole is None or data.view.train_fraction == 1:
        return data
    return _viewed(data.whole, data.view._replace(train_fraction=1.0))


def open_split(data: Prepared | Path, name: str) -> Split:
    """Map one split into memory, as it is seen; of a cache's folder, all of it.

    Raises:
        DataError: the cache is not there or not whole.
    """
    if isinstance(data, Path):
        return open_decoded(data, name)
    return open_seen(data.folder, name, data.view)


def stored_statistics(prepared: Prepared) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation [C] of the training pixels as they are stored."""
    training = open_split(prepared, "train")
    mean, std = training.mean.astype(np.float64), training.std.astype(np.float64)
    if training.stretch is None:
        return mean, std
    low, high = training.stretch.astype(np.float64)
    return low + mean * (high - low), std * (high - low)


def open_seen(folder: Path, name: str, view: View) -> Split:
    """The same of a cache's folder and a view, which are hashable."""
    split = open_decoded(folder, name)
    if view.scaling is not None:
        limits, mean, std = view.scaling
        split = replace(
            split,
            stretch=None if limits is None else np.array(limits, np.float32),
            mean=np.array(mean, np.float32),
            std=np.array(std, np.float32),
        )
    if name == "train" and view.train_fraction < 1:
        split = rows_of(split, share_of(split, view.train_fraction))
    return split if view.bands is None else _bands_of(split, np.array(view.bands))


def share_of(training: Split, fraction: float) -> NDArray[np.int64]:
    """Rows of the images, ascending, that a share of the training split consists of.

    Whole scenes, of which a smaller share is always a part of a larger one. Scenes are grouped by
    the rarest class that they hold, and each group is taken from evenly, its first scene first: so
    that classes are as frequent as in the whole split, and the rarest are in the smallest share.
    """
    scenes: dict[str, list[int]] = defaultdict(list)
    for row, scene in enumerate(training.scenes):
        scenes[scene].append(row)
    held = {
        scene: {c for row in rows for c in training.classes_in(row)}
        for scene, rows in scenes.items()
    }
    frequency = np.bincount([c for ids in held.values() for c in ids], minlength=1)
    groups: dict[int, list[str]] = defaultdict(list)
    for scene in sorted(scenes):
        rarest = min(held[scene], key=lambda one: (frequency[one], one), default=0)
        groups[rarest].append(scene)
    rng = np.random.default_rng(SUBSET_SEED)
    places = []
    for rarest, members in sorted(groups.items()):
        for rank, index in enumerate(rng.permutation(len(members))):
            places.append((rank / len(members), len(members), rarest, members[index]))
    wanted, taken = fraction * len(training), list[int]()
    for *_, scene in sorted(places):
        if len(taken) >= wanted:
            break
        taken += scenes[scene]
    return np.array(sorted(taken), dtype=np.int64)


def rows_of(split: Split, rows: NDArray[np.int64]) -> Split:
    """Some images of a split; their pixels are read when they are asked for."""
    counts = np.diff(split.offsets)[rows]
    objects = _joined(split.offsets, rows)
    outlines, places, holes = split.outlines, split.places, split.holes
    return replace(
        split,
        images=Part(split.images, rows=rows),
        masks=Part(split.masks, rows=rows),
        boxes=split.boxes[objects],
        labels=split.labels[objects],
        offsets=_ends(counts),
        sizes=split.sizes[rows],
        windows=split.windows[rows],
        names=tuple(split.names[row] for row in rows),
        scenes=tuple(split.scenes[row] for row in rows),
        files=tuple(split.files[row] for row in rows),
        outlines=outlines and _outlines_of(outlines, rows),
        places=places
        and places._replace(system=places.system[rows], transforms=places.transforms[rows]),
        holes=holes and _holes_of(holes, rows),
        image_labels=None if split.image_labels is None else split.image_labels[rows],
    )


def _outlines_of(outlines: Outlines, rows: NDArray[np.int64]) -> Outlines:
    polygons = _joined(outlines.offsets, rows)
    return Outlines(
        wkb=outlines.wkb[_joined(outlines.starts, polygons)],
        starts=_ends(np.diff(outlines.starts)[polygons]),
        offsets=_ends(np.diff(outlines.offsets)[rows]),
    )


def _holes_of(holes: Holes, rows: NDArray[np.int64]) -> Holes:
    kept = np.isin(holes.rows, rows)
    return Holes(np.searchsorted(rows, holes.rows[kept]), holes.bits[kept])


def _joined(offsets: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Indices of what belongs to `rows`: row i has those from offsets[i] to offsets[i + 1]."""
    parts = [np.arange(offsets[row], offsets[row + 1]) for row in rows]
    return np.concatenate([np.empty(0, dtype=np.int64), *parts])


def _ends(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Offsets [N + 1] of N parts of these lengths."""
    return np.concatenate([[0], np.cumsum(counts)])


def _bands_of(split: Split, bands: NDArray[np.int64]) -> Split:
    """Some bands of a split."""
    return replace(
        split,
        images=Part(split.images, channels=bands),
        stretch=None if split.stretch is None else split.stretch[:, bands],
        mean=split.mean[bands],
        std=split.std[bands],
    )


def _group(data: Prepared, name: str) -> tuple[int, ...]:
    if name not in data.groups:
        raise DataError(
            f"bands: there is no group '{name}'{did_you_mean(name, data.groups)}: list the bands "
            "of each under dataset.bands"
        )
    return data.groups[name]


def _rgb(data: Prepared, bands: tuple[int, ...]) -> tuple[int, int, int] | None:
    """Where red, green and blue are among `bands`."""
    if data.rgb is None or not set(data.rgb) <= set(bands):
        return None
    red, green, blue = (bands.index(band) for band in data.rgb)
    return red, green, blue


@lru_cache
def _scaling(folder: Path, stretch: str) -> Scaling:
    split = open_decoded(folder, "train")
    percentiles = None
    if stretch != AS_STORED:
        low, high = (float(part) for part in stretch.split(","))
        percentiles = low, high
    if split.holes is None:
        found = training_statistics(split.images, percentiles)
    else:
        found = training_statistics(_Emptied(split), percentiles, split.holes.pixels)
    limits = None
    if found.stretch is not None:
        limits = tuple(found.stretch[0].tolist()), tuple(found.stretch[1].tolist())
    return Scaling(limits, tuple(found.mean.tolist()), tuple(found.std.tolist()))


def _with_fewer_images(data: Prepared) -> Prepared:
    """`data` with the numbers of the training images that its view leaves."""
    counted = _counted(data.folder, data.view.train_fraction, "masks" in data.labels)
    changed: dict[str, Any] = {
        name: {**getattr(data, name), "train": value} for name, value in counted.items()
    }
    return replace(data, **changed)


@lru_cache
def _counted(folder: Path, fraction: float, with_masks: bool) -> dict[str, Any]:
    """What `Prepared` counts, of a share of the training images."""
    split = open_seen(folder, "train", View(train_fraction=fraction))
    classes = len(split.classes) + 1
    pixels, areas = np.zeros((2, classes), dtype=np.int64)
    for mask in split.masks if with_masks else ():
        counts = np.bincount(mask[mask != IGNORE], minlength=classes)
        pixels += counts
        areas += np.where(counts > 0, counts.sum(), 0)
    whole = split.image_labels
    things = np.diff(split.offsets) if whole is None else whole.sum(axis=1)
    return {
        "counts": len(split),
        "scenes": len(set(split.scenes)),
        "objects": len(split.boxes),
        "positives": int(np.count_nonzero(things)),
        "class_images": () if whole is None else tuple(whole.sum(axis=0).tolist()),
        "class_objects": tuple(np.bincount(split.labels, minlength=classes)[1:].tolist()),
        "class_pixels": tuple(pixels.tolist()) if with_masks else (),
        "class_areas": tuple(areas.tolist()) if with_masks else (),
    }


class _Emptied:
    """Images as they were before pixels without data were filled up: 0 there, NaN of floats."""

    def __init__(self, split: Split) -> None:
        self.split, self.shape, self.dtype = split, split.images.shape, split.images.dtype

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        images = np.array(self.split.images[rows])
        for image, row in zip(images, range(*rows.indices(len(self))), strict=True):
            if (valid := self.split.valid(row)) is not None:
                image[:, ~valid] = np.nan if image.dtype.kind == "f" else 0
        return images

    def __iter__(self) -> Iterator[NDArray[Any]]:
        return (self[row : row + 1][0] for row in range(len(self)))
