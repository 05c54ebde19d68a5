"""What images and labels hold: every file read and checked, nothing resized, nothing kept."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from datasets.boxes import components
from datasets.reading import Reader, under
from datasets.source import IGNORE, Item, Labelled, Listing, Problem, Source
from runs.progress import UNSEEN, Progress

SAMPLED = 2**20
"""Pixels of which values are kept, over all images, to draw their distribution."""


class Seen(NamedTuple):
    """What one usable image holds.

    Attributes:
        size: height and width, px.
        dtype: name of the stored type.
        lowest, highest: [C], of the pixels with data; infinite where there are none.
        sample: [C, n], values of some pixels with data.
        without_data: number of pixels that hold none.
        pixels: int64 [256], how many hold each mask value.
        labels: int64 [M], class ids of the objects; None if there are none to know of.
        sides: float32 [M, 2], width and height of their boxes, px.
        areas: float64 [M], px² of each object, of its component or else of its box.
        footprints: number of outlines.
        image_labels: int64 [L], class ids of the image as a whole; None if the data have none.
    """

    item: Item
    size: tuple[int, int]
    dtype: str
    lowest: NDArray[Any]
    highest: NDArray[Any]
    sample: NDArray[np.float32]
    without_data: int
    pixels: NDArray[np.int64]
    labels: NDArray[np.int64] | None
    sides: NDArray[np.float32]
    areas: NDArray[np.float64]
    footprints: int
    image_labels: NDArray[np.int64] | None


@dataclass(eq=False)
class Survey:
    """What was found; of images, only those that can be used count, except in `listing`.

    Attributes:
        listing: the items by split.
        usable: images that can be used, in each split.
        sizes: how many images are of each height and width, in pixels.
        dtype: name of the type that all images are stored in; empty if there is no image.
        lowest, highest: float64 [C], over all pixels of each band that hold data.
        sample: parts [C, n] of the values of some of them.
        without_data: number of pixels that hold none.
        blank: names of the images without any pixel that holds data.
        pixels: of each split int64 [256], how many hold each mask value; all 0 if the data have no
            masks.
        objects: of each split, how many boxes, or components of masks, there are of class ids
            1, 2, ….
        images: of each split, images of class ids 1, 2, …, where they are labelled as a whole.
        several: how many of these images have so many labels.
        held: number of objects in each image that holds some, by its name.
        sides, areas: of the objects, parts as in `Seen`.
        most: objects in the image that has most.
        empty: images without any object.
        largest: area of the largest object's box, as a share of a square as wide as its image.
        footprints: number of outlines.
        problems: files that cannot be used, relative to the root.
        notes: what a reader of the results should know.
    """

    listing: Listing
    usable: dict[str, int]
    lowest: NDArray[np.float64]
    highest: NDArray[np.float64]
    pixels: dict[str, NDArray[np.int64]]
    objects: dict[str, NDArray[np.int64]]
    images: dict[str, NDArray[np.int64]]
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    dtype: str = ""
    sample: list[NDArray[np.float32]] = field(default_factory=list)
    without_data: int = 0
    blank: list[str] = field(default_factory=list)
    several: Counter[int] = field(default_factory=Counter)
    held: dict[str, int] = field(default_factory=dict)
    sides: list[NDArray[np.float32]] = field(default_factory=list)
    areas: list[NDArray[np.float64]] = field(default_factory=list)
    empty: int = 0
    largest: float = 0.0
    footprints: int = 0
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def most(self) -> int:
        """Objects in the image that holds most of them."""
        return max(self.held.values(), default=0)

    @property
    def all_pixels(self) -> NDArray[np.int64]:
        """Int64 [256]: pixels of each mask value in all splits."""
        return np.sum([*self.pixels.values()], axis=0)

    @property
    def all_objects(self) -> NDArray[np.int64]:
        """Objects of class ids 1, 2, … in all splits."""
        return np.sum([*self.objects.values()], axis=0)

    @property
    def all_images(self) -> NDArray[np.int64]:
        """Images of class ids 1, 2, … in all splits."""
        return np.sum([*self.images.values()], axis=0)

    @property
    def multi_label(self) -> bool:
        """Whether an image may have several labels as a whole, or none."""
        return bool(self.several) and {*self.several} != {1}

    def add(self, split: str, seen: Seen) -> None:
        """Count one usable image."""
        self.usable[split] += 1
        self.sizes[seen.size] += 1
        self.dtype = seen.dtype
        np.minimum(self.lowest, seen.lowest, out=self.lowest)
        np.maximum(self.highest, seen.highest, out=self.highest)
        self.sample.append(seen.sample)
        self.without_data += seen.without_data
        if not seen.sample.size:
            self.blank.append(seen.item.name)
        self.pixels[split] += seen.pixels
        self.footprints += seen.footprints
        if seen.image_labels is not None:
            self.several[len(seen.image_labels)] += 1
            self.images[split][seen.image_labels - 1] += 1
        if seen.labels is None:
            return
        self.objects[split] += np.bincount(seen.labels, minlength=len(self.objects[split]) + 1)[1:]
        self.empty += len(seen.labels) == 0
        if len(seen.labels):
            self.held[seen.item.name] = len(seen.labels)
            self.sides.append(seen.sides)
            self.areas.append(seen.areas)
            shares = seen.sides.prod(axis=1) / max(seen.size) ** 2
            self.largest = max(self.largest, float(shares.max()))


def survey(source: Source, root: Path, listing: Listing, progress: Progress = UNSEEN) -> Survey:
    """Read everything that `listing` names, one image at a time on each core."""
    bands = len(source.bands)
    splits = listing.splits
    found = Survey(
        listing,
        usable=dict.fromkeys(splits, 0),
        lowest=np.full(bands, np.inf),
        highest=np.full(bands, -np.inf),
        pixels={split: np.zeros(IGNORE + 1, dtype=np.int64) for split in splits},
        objects={split: np.zeros(len(listing.classes), dtype=np.int64) for split in splits},
        images={split: np.zeros(len(listing.classes), dtype=np.int64) for split in splits},
    )
    kept = max(16, SAMPLED // max(1, sum(map(len, splits.values()))))
    reader = Reader(source, listing.classes, IGNORE)
    for split, items in splits.items():
        told = progress.over(f"reading the images of {split}", items)
        for seen in reader.read(told, lambda item, labelled: _seen(item, labelled, kept)):
            found.add(split, seen)
    found.problems = under(root, (*listing.problems, *reader.problems))
    found.notes = (*listing.notes, *reader.notes)
    return found


def _seen(item: Item, labelled: Labelled, kept: int) -> Seen:
    image, mask, labels = labelled.image, labelled.mask, labelled.labels
    boxes, areas = labelled.boxes, None
    pixels = np.zeros(IGNORE + 1, dtype=np.int64)
    if mask is not None:
        pixels += np.bincount(mask.ravel(), minlength=IGNORE + 1)
        if labels is None:
            boxes, labels, areas = components(mask)
    sides = np.empty((0, 2), np.float32) if boxes is None else boxes[:, 2:] - boxes[:, :2]
    values = image.reshape(len(image), -1)
    if labelled.valid is not None:
        values = values[:, labelled.valid.ravel()]
    count = values.shape[1]
    return Seen(
        item,
        (image.shape[1], image.shape[2]),
        image.dtype.name,
        values.min(axis=1) if count else np.full(len(image), np.inf),
        values.max(axis=1) if count else np.full(len(image), -np.inf),
        values[:, :: max(1, count // kept)].astype(np.float32),
        labelled.image[0].size - count,
        pixels,
        labels,
        sides,
        sides.prod(axis=1, dtype=np.float64) if areas is None else areas.astype(np.float64),
        len(labelled.footprints or ()),
        labelled.image_labels,
    )
