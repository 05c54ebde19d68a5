"""What every data set answers: where its files lie, what they hold, how to read one.

Types only, and the two questions that need nothing but the types: the order of names, and which
bands a person meant.
"""

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

SPLITS = ("train", "val", "test")


class Problem(NamedTuple):
    """One file that cannot be used, and why."""

    file: Path
    reason: str


class DataError(Exception):
    """The data are not as they should be. The message is for a person: what, where, what to do.

    Attributes:
        problems: every unusable file, where the error is about files; otherwise empty.
    """

    def __init__(self, message: str, problems: Iterable[Problem] = ()) -> None:
        super().__init__(message)
        self.problems = tuple(problems)


@dataclass(frozen=True)
class Item:
    """One image and its mask. `name` is unique in the data set and the same on every machine."""

    name: str
    image: Path
    mask: Path | None


@dataclass(frozen=True)
class Listing:
    """The files of a data set, by split, before any is opened.

    Attributes:
        layout: which of the data set's on-disk layouts was found.
        splits: items of every split that the data bring labels for, sorted naturally; keys are
            among "train", "val", "test", and "train" is always there.
        notes: what a reader of the results should know, e.g. files that were left out.
    """

    layout: str
    splits: dict[str, tuple[Item, ...]]
    notes: tuple[str, ...] = ()


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
    def rgb(self) -> tuple[int, int, int]:
        """Indices of red, green and blue in `bands`."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of mask values 1, 2, …; 0 is background."""

    def find(self, root: Path) -> Listing:
        """List the files under `root` without opening them; DataError if the data are not there."""

    def read(self, item: Item) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """Image [C, H, W] in `bands` order and mask [H, W] of class ids.

        Raises DataError with one problem for each of the item's files that cannot be used.
        """

    def write_sample(self, root: Path, seed: int) -> None:
        """Write a small synthetic data set into the empty folder `root`, in the real layout."""


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
        if spec not in ("all", "rgb"):
            raise DataError(
                f"bands: {spec!r} is neither 'all' nor 'rgb' nor a list of names, such as"
                f" [{', '.join(source.bands[i] for i in source.rgb)}]."
            )
        return tuple(range(len(source.bands))) if spec == "all" else source.rgb
    indices = tuple(_band_index(source, band) for band in spec)
    if not indices:
        raise DataError(f"bands: the list is empty; {source.title} has {', '.join(source.bands)}.")
    if len(set(indices)) < len(indices):
        raise DataError(f"bands: {list(spec)} names a band twice.")
    return indices


def _band_index(source: Source, band: str | int) -> int:
    if isinstance(band, int) and not isinstance(band, bool):
        if 0 <= band < len(source.bands):
            return band
        raise DataError(
            f"bands: there is no band {band} in {source.title}; indices run from 0 to"
            f" {len(source.bands) - 1}."
        )
    if band in source.bands:
        return source.bands.index(str(band))
    by_lower = {name.lower(): name for name in source.bands}
    nearest = difflib.get_close_matches(str(band).lower(), by_lower, n=1, cutoff=0.5)
    hint = f"did you mean {by_lower[nearest[0]]!r}?" if nearest else "it is none of its bands:"
    raise DataError(
        f"bands: {source.title} has no band {band!r}; {hint} (it has {', '.join(source.bands)})"
    )
