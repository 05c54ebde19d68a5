"""What lies in two splits at once, so that a score on one is a score on the other: the audit.

Three kinds, found between train, val and test:

    identical   two image files with the same bytes
    alike       two images that look the same: recompressed, rescaled, or brighter
    overlap     two images of the same ground, by the places of their files; of tiles of one file
                without a place, by their windows

Images are compared by thumbnails of `SIDE` pixels a side, grey, without the plane that fits them
best, standardised: two are alike if these correlate by at least `ALIKE`. Images that are constant
or hold data in less than half of their pixels look like too many others and are not compared, nor
are tiles of one file.

The threshold lies between what was measured on the samples, SpaceNet 4's views of one place aside,
which look alike and lie in one split. Of images that have nothing to do with each other, no two
correlate by more than 0.80 (whole) or 0.93 (the best of 10 million pairs of tiles of 64 pixels). An
image and its copy as JPEG of quality 50, of half the size or brighter by a fifth correlate by 0.992
at least; of tiles of 64 pixels, 95 of 100 do by 0.987.
"""

import filecmp
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from datasets.footprints import Footprints, Rows, footprints
from datasets.overview import SIDE, Overview
from datasets.source import SPLITS, DataError, Item, Listing

ALIKE = 0.98
FLAT = 1e-4  # deviation of a thumbnail, as a share of its mean, below which it is constant
COMPARED = 2048  # images compared with all others at a time
SHOWN = 3  # pairs that a message names

Kind = Literal["identical", "alike", "overlap"]
Handling = Literal["refuse", "allow"]


class Leak(NamedTuple):
    """An image and the one of an earlier split that it has most in common with.

    Attributes:
        splits: the earlier one, in the order train, val, test, and that of the image.
        names: of the items, in the same order.
        share: of the smaller image that both show (overlap), correlation (alike), 1 (identical).
    """

    kind: Kind
    splits: tuple[str, str]
    names: tuple[str, str]
    share: float


class Audit(NamedTuple):
    """What was found.

    Attributes:
        leaks: one for each kind, image and earlier split at most; an overlap of images that are
            alike anyway is not listed again.
        near: of val and of test, how many images lie closer to a training image than they are wide.
        counts: images in each split.
    """

    leaks: tuple[Leak, ...]
    near: dict[str, int]
    counts: dict[str, int]

    @property
    def lines(self) -> list[str]:
        """Each kind of leak between two splits: how many images, how much, and the first few."""
        told = []
        for (first, second), kind in itertools.product(_pairs(), PHRASES):
            found = [one for one in self.leaks if (one.splits, one.kind) == ((first, second), kind)]
            if found:
                what = PHRASES[kind].format(max(one.share for one in found), other=first)
                pairs = ", ".join(f"{one.names[1]} and {one.names[0]}" for one in found[:SHOWN])
                more = ", …" if len(found) > SHOWN else ""
                count = f"{len(found)} of {self.counts[second]} {second} images"
                told.append(f"{count} {what}: {pairs}{more}")
        return told

    @property
    def notes(self) -> list[str]:
        """What is said in any case: how much of val and test is next to training images."""
        shares = [
            f"{count} of {self.counts[split]} {split} images ({count / self.counts[split]:.0%})"
            for split, count in self.near.items()
            if count
        ]
        if not shares:
            return []
        return [
            f"{' and '.join(shares)} lie closer to a training image than they are wide: scores are"
            " those of places next to the training images"
        ]


PHRASES: dict[Kind, str] = {
    "identical": "are the same files as {other} images",
    "alike": "look like {other} images (correlation of thumbnails up to {0:.3f})",
    "overlap": "overlap {other} images on the ground (by up to {0:.0%})",
}


def audit(listing: Listing, overview: Overview) -> Audit:
    """Compare the splits of `listing`."""
    items = [item for split in SPLITS for item in listing.splits[split]]
    ends = np.cumsum([len(listing.splits[split]) for split in SPLITS])
    rows = dict(zip(SPLITS, np.split(np.arange(len(items)), ends[:-1]), strict=True))
    prints = footprints(items, overview)
    looks = _standardised(overview.thumbnails[overview.of(items)])
    leaks: list[Leak] = []
    for first, second in _pairs():
        alike = _alike(items, looks, rows[first], rows[second])
        overlap = _overlap(items, prints, rows[first], rows[second])
        alike_names = {one[1] for one in alike}
        found = alike + [one for one in overlap if one[1] not in alike_names]
        leaks += [Leak(kind, (first, second), names, share) for kind, names, share in found]
    near = {split: int(prints.near(rows["train"], rows[split]).sum()) for split in SPLITS[1:]}
    return Audit(tuple(leaks), near, {split: len(part) for split, part in rows.items()})


def refuse_leaks(found: Audit, title: str) -> None:
    """Raise DataError if there are leaks."""
    if found.leaks:
        lines = "".join(f"\n  {line}" for line in found.lines)
        raise DataError(
            f"{title}: the splits share images, so that scores would be too high; remove the copies"
            " or divide by dataset.splits.blocks, or write dataset.leaks: allow" + lines
        )


Found = tuple[Kind, tuple[str, str], float]


def _pairs() -> list[tuple[str, str]]:
    return list(itertools.combinations(SPLITS, 2))


def _standardised(thumbnails: NDArray[np.float32]) -> NDArray[np.float32]:
    """Thumbnails [N, SIDE, SIDE] as vectors [N, SIDE²] whose products are correlations; 0 of those
    that cannot be compared."""
    flat = thumbnails.reshape(len(thumbnails), -1).astype(np.float64)
    known = np.isfinite(flat)
    count = known.sum(axis=1, keepdims=True)
    mean = np.where(known, flat, 0).sum(axis=1, keepdims=True) / np.maximum(count, 1)
    flat = np.where(known, flat - mean, 0)
    across = np.linspace(-1, 1, SIDE)
    plane = np.stack([np.tile(across, SIDE), np.repeat(across, SIDE)]) / np.linalg.norm(
        np.tile(across, SIDE)
    )
    flat -= flat @ plane.T @ plane
    norm = np.linalg.norm(flat, axis=1, keepdims=True)
    compared = (norm / SIDE > FLAT * np.abs(mean)) & (count >= flat.shape[1] / 2)
    return np.where(compared, flat / np.where(compared, norm, 1), 0).astype(np.float32)


def _alike(
    items: Sequence[Item], looks: NDArray[np.float32], first: Rows, second: Rows
) -> list[Found]:
    """Of each of `second` that looks like one of `first`, the one most alike."""
    numbers = {file: number for number, file in enumerate({item.image for item in items})}
    files = np.array([numbers[item.image] for item in items])
    same = _SameBytes()
    found: list[Found] = []
    for start in range(0, len(second), COMPARED):
        part = second[start : start + COMPARED]
        likeness = looks[part] @ looks[first].T
        likeness[files[part][:, None] == files[first]] = 0
        best = likeness.argmax(axis=1)
        for row, other in zip(part, best, strict=True):
            share = float(likeness[row - part[0], other])
            if share >= ALIKE:
                one, two = items[first[other]], items[row]
                identical = one.window == two.window and same(one.image, two.image)
                kind: Kind = "identical" if identical else "alike"
                found.append((kind, (one.name, two.name), 1.0 if identical else share))
    return found


class _SameBytes:
    """Whether two files are the same, looked up once a pair: tiles share their files."""

    def __init__(self) -> None:
        self._known: dict[tuple[Path, Path], bool] = {}

    def __call__(self, one: Path, two: Path) -> bool:
        if (one, two) not in self._known:
            self._known[one, two] = filecmp.cmp(one, two, shallow=False)
        return self._known[one, two]


def _overlap(items: Sequence[Item], prints: Footprints, first: Rows, second: Rows) -> list[Found]:
    most, shares = prints.overlaps(first, second)
    return [
        ("overlap", (items[other].name, items[row].name), float(share))
        for row, other, share in zip(second, most, shares, strict=True)
        if other >= 0
    ]
