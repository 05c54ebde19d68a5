"""One's own rasters with masks, polygons, boxes or labels of their own, as a data set.

Images are any raster files that GDAL reads, of any size, with any number of bands of one type; each
is a scene, cut into tiles on reading, see `datasets.raster.tiles`. Labels are masks (one an image),
polygons in vector files (one for all images, or one an image), boxes as labelling tools write them,
points, each of which labels the tile that it lies in, or labels of whole images, which are not cut.
Where files lie and which belong together: `datasets.raster.layout`; what the keys of a sweep file
say about them: `datasets.raster.options`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from datasets.raster.area import Area
from datasets.raster.headers import Header
from datasets.raster.image_labels import ImageLabels
from datasets.raster.images import read_image
from datasets.raster.labels import Labels
from datasets.raster.layout import Layout
from datasets.raster.tiles import padded_windows
from datasets.scenes import collected, refusal
from datasets.source import (
    IGNORE,
    SPLITS,
    DataError,
    Item,
    Label,
    Labelled,
    Listing,
    Problem,
    Tiling,
    Window,
)
from runs.errors import counted

COLOURS = ("red", "green", "blue")


@dataclass(frozen=True)
class OwnRasters:
    """One's own rasters as a `Source`; made by `datasets.raster.open_raster`.

    Attributes:
        root: the folder that holds everything.
        layout: which files are there.
        headers: of each image that can be opened.
        numbers: of each image, the numbers of its bands, from 1, in the order of `bands`.
        bands: their names.
        annotations: the labels.
        nodata: stored value without data; None: what each file declares.
        area: what counts; None: everything.
        notes: what was noticed.
        problems: images that cannot be opened.
    """

    root: Path
    layout: Layout
    headers: Mapping[Path, Header]
    numbers: Mapping[Path, tuple[int, ...]]
    bands: tuple[str, ...]
    annotations: Labels
    nodata: float | None
    area: Area | None
    notes: tuple[str, ...]
    problems: tuple[Problem, ...]

    name = "raster"
    title = "own rasters"

    @property
    def tiled(self) -> bool:
        """Not where labels are of whole images."""
        return not isinstance(self.annotations, ImageLabels)

    @property
    def labels(self) -> frozenset[Label]:
        """As the labels are."""
        return self.annotations.kinds

    @cached_property
    def rgb(self) -> tuple[int, int, int] | None:
        """Where the bands of these names are; None if there are not all three."""
        folded = [name.casefold() for name in self.bands]
        if all(colour in folded for colour in COLOURS):
            red, green, blue = (folded.index(colour) for colour in COLOURS)
            return red, green, blue
        return None

    def find(self, root: Path, tiling: Tiling | None) -> Listing:
        """All labelled images, each cut into tiles, named after their row and column in pixels."""
        assert root == self.root, "it was looked at already"
        splits: dict[str, list[Item]] = {}
        notes = [*self.notes, *self.annotations.notes]
        outside = unlabelled = 0
        for key, image in self.layout.images.items():
            label = self.annotations.files.get(image)
            if label is None or image not in self.headers:
                continue
            split = self.layout.splits[key] if self.layout.splits else "train"
            header = self.headers[image]
            for window in padded_windows(header.height, header.width, tiling):
                if self.area and not self.area.meets(header, window):
                    outside += 1
                    continue
                if not self._labelled(image, header, window):
                    unlabelled += 1
                    continue
                # The row first: in the order of their names, tiles are read row by row.
                name = f"{key}_{window.y}_{window.x}" if tiling else key
                item = Item(name, image, label, key, window if tiling else None)
                splits.setdefault(split, []).append(item)
        if outside:
            notes.append(f"{counted(outside, 'tile')} outside the area of interest left out")
        if unlabelled:
            notes.append(f"{counted(unlabelled, 'tile')} without a label left out")
        if not splits.get("train"):
            raise DataError(f"{self.root}: no labelled image is left to train on")
        return Listing(
            self.layout.title,
            self.annotations.classes,
            {split: tuple(splits[split]) for split in SPLITS if split in splits},
            tuple(notes),
            problems=(*self.problems, *self.annotations.problems),
            settings=(
                self.annotations.settings,
                self.bands,
                self.nodata,
                self.area and self.area.settings,
            ),
        )

    def classes_in(self, item: Item, classes: tuple[str, ...]) -> frozenset[int]:  # noqa: ARG002
        """Ids of the classes that the item's labels hold."""
        header = self.headers[item.image]
        parts = self.annotations.read(item.image, header, inside(item.window, header))
        ids = next(ids for ids in (parts.mask, parts.labels, parts.image_labels) if ids is not None)
        return frozenset(np.unique(ids[(ids > 0) & (ids != IGNORE)]).tolist())

    def read(self, item: Item, classes: tuple[str, ...]) -> Labelled:  # noqa: ARG002
        """Pixels [C, H, W] and labels of the part of the item's window that lies in the file."""
        header = self.headers[item.image]
        window = inside(item.window, header)
        problems: list[Problem] = []
        with collected(problems):
            pixels, valid = read_image(item.image, self.numbers[item.image], window, self.nodata)
        with collected(problems):
            parts = self.annotations.read(item.image, header, window)
        if problems:
            raise refusal(problems)
        if self.area is not None:
            valid &= self.area.mask(header, window)
        place = header.info.place
        return Labelled(
            pixels,
            parts.mask,
            parts.boxes,
            parts.labels,
            parts.footprints,
            place=place and place.within(window),
            valid=None if valid.all() else valid,
            image_labels=parts.image_labels,
            remark="; ".join(filter(None, (header.info.remark, parts.remark))),
        )

    def _labelled(self, image: Path, header: Header, window: Window) -> bool:
        """Whether a tile has labels: of masks and boxes, those of its image are its own."""
        if "image labels" not in self.labels:
            return True
        parts = self.annotations.read(image, header, window.inside(header.height, header.width))
        return parts.image_labels is not None


def inside(window: Window | None, header: Header) -> Window:
    """The part of a window that lies in the image; None is all of it."""
    whole = Window(0, 0, header.width, header.height)
    return (window or whole).inside(header.height, header.width)
