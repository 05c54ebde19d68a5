"""What every data set answers: where its files lie, what they hold, how to read one.

Types only, and the two questions that need nothing but the types: the order of names, and which
bands a person meant.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from shapely import Polygon

from runs.errors import EosweepError, did_you_mean

SPLITS = ("train", "val", "test")

IGNORE = 255
"""Mask value of pixels that no loss and no metric counts."""


class Problem(NamedTuple):
    """One file that cannot be used, and why."""

    file: Path
    reason: str


class DataError(EosweepError):
    """The data are not as they should be. The message is for a person: what, where, what to do.

    Attributes:
        problems: every unusable file, where the error is about files; otherwise empty.
    """

    def __init__(self, message: str, problems: Iterable[Problem] = ()) -> None:
        super().__init__(message)
        self.problems = tuple(problems)

    @classmethod
    def of_file(cls, file: Path, reason: str) -> Self:
        """The error for one file; `reason` is a clause that follows its name."""
        return cls(f"{file} {reason}", [Problem(file, reason)])


class Tiling(NamedTuple):
    """How scenes are cut on reading: side of a tile and overlap of neighbours, in pixels of the
    file."""

    size: int
    overlap: int


class Window(NamedTuple):
    """Part of an image: its upper left corner and its size, in pixels of the file."""

    x: int
    y: int
    width: int
    height: int

    def inside(self, height: int, width: int) -> "Window":
        """What of it lies in an image of this size, beyond whose right and lower border it may
        reach."""
        x, y = self.x, self.y
        return Window(x, y, min(self.width, width - x), min(self.height, height - y))


@dataclass(frozen=True)
class Item:
    """One image, or one tile of a scene, and where its labels lie.

    Attributes:
        name: unique in the data set and the same on every machine.
        image: the file that holds it.
        label: the file that holds its labels; None where there is none.
        scene: items of one scene never lie in different splits. Where the splits are made of
            blocks on the ground, it is the block.
        window: the part of `image` that is meant; None for all of it.
    """

    name: str
    image: Path
    label: Path | None
    scene: str
    window: Window | None = None


class Place(NamedTuple):
    """Where an image lies on Earth.

    Attributes:
        crs: coordinate reference system, as WKT; x is easting or longitude whatever it says of the
            order of its axes.
        transform: (a, b, c, d, e, f): a point at (column, row) in pixel edges, (0, 0) the outer
            corner of the first pixel, lies at x = a·column + b·row + c, y = d·column + e·row + f.
    """

    crs: str
    transform: tuple[float, float, float, float, float, float]

    def within(self, window: Window | None) -> "Place":
        """The place of a part of the image, in the pixels of that part; None is all of it."""
        if window is None:
            return self
        a, b, c, d, e, f = self.transform
        x, y = window.x, window.y
        return Place(self.crs, (a, b, a * x + b * y + c, d, e, d * x + e * y + f))


@dataclass(frozen=True, eq=False)
class Labelled:
    """One item as it lies on disk.

    Attributes:
        image: [C, H, W], uint8, uint16 or float32, bands in the source's order.
        mask: uint8 [H, W], class ids, 0 background, `IGNORE` not counted; None if the data have
            none.
        boxes: float32 [M, 4], x0 y0 x1 y1 in pixel edges; None where an object is a connected
            component of the mask, or there are no objects.
        labels: int64 [M], class ids of the boxes; None where `boxes` is.
        footprints: outlines of single objects in this item's pixels; None if the data have none.
        place: where on Earth this item's pixels lie; None if its files do not say.
        valid: bool [H, W], the pixels that hold data; None: all. The others count in no loss, no
            metric and no statistic.
        image_labels: int64 [L], class ids of the image as a whole, rising; None if the data have
            none.
        remark: what to tell of images like this one, as a clause that follows "3 images are"; empty
            if there is nothing to tell.
    """

    image: NDArray[np.generic]
    mask: NDArray[np.uint8] | None
    boxes: NDArray[np.float32] | None = None
    labels: NDArray[np.int64] | None = None
    footprints: tuple[Polygon, ...] | None = None
    place: Place | None = None
    valid: NDArray[np.bool_] | None = None
    image_labels: NDArray[np.int64] | None = None
    remark: str = ""


@dataclass(frozen=True)
class Listing:
    """The items of a data set, by split, before their pixels are read.

    Attributes:
        layout: which of the data set's on-disk layouts was found.
        classes: names of class ids 1, 2, …; 0 is background.
        splits: items of every split that the data bring labels for, sorted naturally; keys are
            among "train", "val", "test", and "train" is always there.
        notes: what a reader of the results should know, e.g. files that were left out.
        problems: files that cannot be used, found out while listing.
        settings: what, beside the files, shapes what is read; plain values.

    Raises:
        DataError: two classes differ only in case or blanks.
    """

    layout: str
    classes: tuple[str, ...]
    splits: dict[str, tuple[Item, ...]]
    notes: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    settings: object = None

    def __post_init__(self) -> None:
        """Two spellings of one class would be learnt as two."""
        spelt: dict[str, str] = {}
        for name in self.classes:
            other = spelt.setdefault(re.sub(r"[\s_-]", "", name).casefold(), name)
            if other != name:
                raise DataError(
                    f"classes {other!r} and {name!r} differ only in case or blanks: give both one"
                    " name in the labels"
                )


Label = Literal["masks", "boxes", "footprints", "image labels"]
"""`image labels` are classes of an image as a whole, one or several."""


def brings(labels: Collection[Label], needed: Label) -> bool:
    """Whether data with `labels` have those that are needed: patches of a mask have boxes."""
    return needed in labels or (needed == "boxes" and "masks" in labels)


class Source(Protocol):
    """A data set: one file in this package, one line in `datasets.DATASETS`."""

    @property
    def name(self) -> str:
        """Key in `datasets.DATASETS`, and what a sweep file calls it."""

    @property
    def title(self) -> str:
        """Name for a person."""

    @property
    def bands(self) -> tuple[str, ...]:
        """Names of the bands, in the order in which `read` gives them."""

    @property
    def rgb(self) -> tuple[int, int, int] | None:
        """Indices of red, green and blue in `bands`; None if they are not known."""

    @property
    def labels(self) -> frozenset[Label]:
        """What `read` gives beside the image."""

    @property
    def tiled(self) -> bool:
        """Whether scenes can be cut into tiles of a size that the sweep chooses."""

    def find(self, root: Path, tiling: Tiling | None) -> Listing:
        """List the items under `root`, cut by `tiling` if it is given.

        Raises DataError if the data are not there, or a file that lists others (a split, an
        annotation file) is unusable. What can be left out is in the listing's `problems`.
        """

    def read(self, item: Item, classes: tuple[str, ...]) -> Labelled:
        """The item's pixels and labels; `classes` as `find` listed them.

        Raises DataError with one problem for each of the item's files that cannot be used.
        """


@runtime_checkable
class SampledSource(Source, Protocol):
    """A data set that a sweep can use without naming a root: it has an embedded sample."""

    def write_sample(self, root: Path, seed: int) -> None:
        """Write a small synthetic data set into the empty folder `root`, in the real layout."""


@runtime_checkable
class OwnFormat(Source, Protocol):
    """A data set whose image files GDAL does not read as images."""

    @property
    def suffix(self) -> str:
        """Of its image files."""

    def read_image(self, file: Path) -> NDArray[np.generic]:
        """Pixels [C, H, W], bands as in `bands`. DataError: the file cannot be used."""


@runtime_checkable
class KnowsSensor(Source, Protocol):
    """A data set of one sensor, whose bands are called as that sensor's."""

    @property
    def sensor(self) -> str:
        """Key in `datasets.spectrum.SENSORS`."""


@runtime_checkable
class KnowsClasses(Source, Protocol):
    """A data set that tells the classes of an item without reading its pixels.

    Splits of it are drawn such that each has each class.
    """

    def classes_in(self, item: Item, classes: tuple[str, ...]) -> frozenset[int]:
        """Ids from 1 of the classes that the item's labels hold; `classes` as `find` listed them.

        Raises DataError if its labels cannot be read.
        """


def natural_key(name: str) -> tuple[tuple[str, int], ...]:
    """Sort key under which image_2 comes before image_10."""
    return tuple((text, int(digits or -1)) for text, digits in re.findall(r"(\D*)(\d*)", name))


def resolve_bands(source: Source, spec: str | Sequence[str | int]) -> tuple[int, ...]:
    """Band indices that `spec` asks for, in its order.

    Args:
        spec: "all", "rgb" (gives red, green, blue, in that order), or a list of names or indices.

    Raises:
        DataError: for an unknown name (with the nearest right one), an index out of range, a band
            named twice, or none at all.
    """
    if isinstance(spec, str):
        shown = (0, 1, 2) if source.rgb is None else source.rgb
        if spec not in ("all", "rgb"):
            raise DataError(
                f"bands: {spec!r} is neither 'all' nor 'rgb' nor a list of names, such as"
                f" [{', '.join(source.bands[i] for i in shown if i < len(source.bands))}]"
            )
        if spec == "rgb" and source.rgb is None:
            raise DataError(
                "bands: rgb: it is not known which bands are red, green and blue; there are"
                f" {', '.join(source.bands)}: name them, or write all"
            )
        return tuple(range(len(source.bands))) if spec == "all" else shown
    indices = tuple(_band_index(source, band) for band in spec)
    if not indices:
        raise DataError(f"bands: the list is empty; {source.title} has {', '.join(source.bands)}")
    if len(set(indices)) < len(indices):
        raise DataError(f"bands: {list(spec)} names a band twice")
    return indices


def _band_index(source: Source, band: str | int) -> int:
    if isinstance(band, int) and not isinstance(band, bool):
        if 0 <= band < len(source.bands):
            return band
        raise DataError(
            f"bands: there is no band {band} in {source.title}; indices run from 0 to"
            f" {len(source.bands) - 1}"
        )
    if band in source.bands:
        return source.bands.index(str(band))
    hint = did_you_mean(band, source.bands)
    raise DataError(f"bands: {source.title} has no band {band!r}{hint}")
