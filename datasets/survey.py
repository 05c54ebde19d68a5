"""What lies in a data set's folder: every file read and checked, nothing resized, nothing kept."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datasets.boxes import mask_to_boxes
from datasets.reading import Reader
from datasets.source import IGNORE, Labelled, Listing, Problem, Source, Tiling
from datasets.tiling import check_tiling
from runs.progress import UNSEEN, Progress


@dataclass(eq=False)
class Survey:
    """What was found; of images, only those that can be used count, except in `listing`.

    Attributes:
        listing: the items by split, as the data bring them.
        usable: images that can be used, in each split.
        sizes: how many images are of each height and width, in pixels.
        dtype: name of the type that all images are stored in; empty if there is no image.
        lowest, highest: float64 [C], over all pixels of each band.
        pixels: int64 [256], how many hold each mask value; all 0 if the data have no masks.
        objects: how many boxes, or components of masks, there are of class ids 1, 2, ….
        empty: images without any object.
        footprints: number of outlines.
        problems: files that cannot be used, relative to the root.
    """

    listing: Listing
    usable: dict[str, int]
    sizes: Counter[tuple[int, int]]
    dtype: str
    lowest: NDArray[np.float64]
    highest: NDArray[np.float64]
    pixels: NDArray[np.int64]
    objects: NDArray[np.int64]
    empty: int
    footprints: int
    problems: tuple[Problem, ...]

    def add(self, labelled: Labelled) -> None:
        """Count one usable image."""
        image, mask, labels = labelled.image, labelled.mask, labelled.labels
        self.sizes[image.shape[1], image.shape[2]] += 1
        self.dtype = image.dtype.name
        np.minimum(self.lowest, image.min(axis=(1, 2)), out=self.lowest)
        np.maximum(self.highest, image.max(axis=(1, 2)), out=self.highest)
        if mask is not None:
            self.pixels += np.bincount(mask.ravel(), minlength=IGNORE + 1)
            labels = mask_to_boxes(mask, min_area=1)[1] if labels is None else labels
        if labels is not None:
            self.objects += np.bincount(labels, minlength=len(self.objects) + 1)[1:]
            self.empty += len(labels) == 0
        self.footprints += len(labelled.footprints or ())


def survey(
    source: Source,
    root: Path,
    tiling: Tiling | None,
    progress: Progress = UNSEEN,
) -> Survey:
    """Read everything under `root`, one image at a time.

    Args:
        tiling: how scenes are cut; None leaves them whole.

    Raises:
        DataError: if the data are not there, or a file that lists others is unusable.
    """
    if tiling is not None:
        check_tiling(tiling)
    progress.step(f"listing the files of {source.title}")
    listing = source.find(root, tiling)
    bands = len(source.bands)
    found = Survey(
        listing,
        usable=dict.fromkeys(listing.splits, 0),
        sizes=Counter(),
        dtype="",
        lowest=np.full(bands, np.inf),
        highest=np.full(bands, -np.inf),
        pixels=np.zeros(IGNORE + 1, dtype=np.int64),
        objects=np.zeros(len(listing.classes), dtype=np.int64),
        empty=0,
        footprints=0,
        problems=(),
    )
    reader = Reader(source, listing.classes, IGNORE)
    for split, items in listing.splits.items():
        for _, labelled in reader.read(progress.over(f"reading the images of {split}", items)):
            found.usable[split] += 1
            found.add(labelled)
    found.problems = tuple(
        Problem(file.relative_to(root), reason) for file, reason in reader.problems
    )
    return found
