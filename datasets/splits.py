"""Splits for data that bring none: by lists, by blocks on the ground, or by the scenes' names.

A scene's split is decided by a hash of its name, never by the order in which a file system lists
it, so that every machine makes the same split. Scenes stay whole: tiles of one scene look alike,
and a model that has seen some of them knows the others. Where the classes of the scenes are known,
the draw is repeated until each split has each class.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datasets.blocks import in_blocks
from datasets.footprints import footprints
from datasets.overview import Overview
from datasets.source import SPLITS, DataError, Item, Listing, natural_key

DRAWS = 1000
"""How often a division is drawn in search of one in which each split has each class."""

ClassesOf = Mapping[str, frozenset[int]]
"""Ids of the classes that an item holds, by its name."""


@dataclass(frozen=True)
class Division:
    """How labelled images are divided.

    Attributes:
        val, test: shares of the scenes that become these splits, each only if it is missing.
        seed: another one draws other scenes.
        remake: divide the training images even if the data bring a split of their own.
        lists: for a split, the text file under the root that names its images, one a line.
        blocks: side in metres of blocks on the ground that are divided instead of scenes.
    """

    val: float
    test: float
    seed: int = 0
    remake: bool = False
    lists: tuple[tuple[str, Path], ...] = ()
    blocks: float | None = None


def complete_splits(
    listing: Listing,
    division: Division,
    overview: Overview | None = None,
    classes_of: ClassesOf | None = None,
) -> Listing:
    """Take the splits that `listing` lacks out of its training items.

    Args:
        overview: where the items lie; needed for blocks.
        classes_of: what the items hold; None: classes are not looked at.

    Returns:
        The listing with train, val and test, and notes where a split was made.

    Raises:
        DataError: if the fractions leave nothing for training, or a split would be empty.
    """
    missing = [name for name in SPLITS if name not in listing.splits]
    shares = _shares(missing, division)
    training, notes = listing.splits["train"], [*listing.notes]
    even = division.blocks is not None
    if division.blocks is not None:
        assert overview is not None, "blocks need to know where the items lie"
        training, note = in_blocks(training, overview, division.blocks)
        notes.append(note)
    drawn = split_by_name(training, shares, division.seed, classes_of, even=even)
    splits = {**listing.splits, **drawn.splits}
    if missing:
        made = ", ".join(f"{name} {len(splits[name])}" for name in ("train", *missing))
        by = "block" if even else "name"
        notes.append(
            f"{' and '.join(missing)} taken out of train by {by}, seed {division.seed}: {made}"
        )
        notes += _on_classes(drawn, listing.classes)
    if division.blocks is not None and overview is not None:
        splits, left_out = _without_overlaps(splits, overview)
        notes += left_out
    for name in SPLITS:
        if not splits[name]:
            raise _empty(name, training, division)
    return replace(listing, splits={name: splits[name] for name in SPLITS}, notes=tuple(notes))


def _shares(missing: Sequence[str], division: Division) -> dict[str, float]:
    """The share of each split that is missing. DataError if they cannot be meant."""
    if division.blocks is not None and not missing:
        raise DataError(
            "splits.blocks: the data bring train, val and test of their own; write"
            " splits.remake: true to divide their training images anew"
        )
    fractions = division.val, division.test
    shares = {
        name: share for name, share in zip(SPLITS[1:], fractions, strict=True) if name in missing
    }
    if any(share <= 0 for share in shares.values()) or sum(shares.values()) >= 1:
        raise DataError(
            f"split fractions {fractions}: each must be above 0, and together below 1, so that"
            " something is left to train on"
        )
    return shares


def _empty(split: str, training: Sequence[Item], division: Division) -> DataError:
    kind, remedy = "scene", ""
    if division.blocks is not None:
        kind, remedy = "block", "choose smaller blocks, "
    scenes = len({item.scene for item in training})
    return DataError(
        f"split {split} has no images ({len(training)} labelled training images in"
        f" {scenes} {kind}{'' if scenes == 1 else 's'}, fractions"
        f" {(division.val, division.test)}): {remedy}raise its fraction or add data"
    )


class Drawn(NamedTuple):
    """Splits that were drawn.

    Attributes:
        splits: train and the others, each sorted naturally by name.
        draws: how many it took.
        lacking: (split, class id) where a split lacks a class that lies in enough scenes.
    """

    splits: dict[str, tuple[Item, ...]]
    draws: int
    lacking: tuple[tuple[str, int], ...]


def split_by_name(
    items: Iterable[Item],
    shares: dict[str, float],
    seed: int,
    classes_of: ClassesOf | None = None,
    *,
    even: bool = False,
) -> Drawn:
    """Draw round(share · n) of n scenes for each key of `shares`; "train" keeps the rest.

    With `even`, scenes that together hold that share of the items: blocks hold one or hundreds.

    Depends on the names and the seed only; and on the classes, if they are given and the first draw
    leaves a split without one that lies in as many scenes as there are splits. It is then repeated,
    up to `DRAWS` times, until none is lacking; else the first draw of those that lack fewest holds.
    """
    by_scene: dict[str, list[Item]] = {}
    for item in items:
        by_scene.setdefault(item.scene, []).append(item)
    names = list(by_scene)
    present = _presence([by_scene[name] for name in names], classes_of or {})
    wanted = np.flatnonzero(present.sum(axis=0) > len(shares))
    weights = [len(by_scene[name]) if even else 1 for name in names]
    best: tuple[list[list[int]], int, tuple[tuple[str, int], ...]] | None = None
    for draw in range(DRAWS if shares and len(wanted) else 1):
        parts = _dealt(_order(names, seed, draw), weights, list(shares.values()))
        lacking = tuple(
            (split, int(found))
            for split, part in zip((*shares, "train"), parts, strict=True)
            for found in wanted[~present[part][:, wanted].any(axis=0)]
        )
        if best is None or len(lacking) < len(best[2]):
            best = parts, draw + 1, lacking
        if not lacking:
            break
    assert best is not None
    parts, draws, lacking = best
    splits = {
        split: _sorted(item for index in part for item in by_scene[names[index]])
        for split, part in zip((*shares, "train"), parts, strict=True)
    }
    return Drawn(splits, draws, lacking)


def _order(names: Sequence[str], seed: int, draw: int) -> list[int]:
    """Indices of `names` as the hashes of their names sort; every draw has another salt."""
    salt = f"{seed}/{draw}/" if draw else f"{seed}/"
    keys = [hashlib.sha256(f"{salt}{name}".encode()).digest() for name in names]
    return sorted(range(len(names)), key=keys.__getitem__)


def _dealt(
    order: Sequence[int], weights: Sequence[int], shares: Sequence[float]
) -> list[list[int]]:
    """Scenes for each share in turn, in their order, and the rest.

    A scene is taken if the weight comes closer to its share of all: of equal weights, the first
    ones are, and a large one is left to others.
    """
    total, rest = sum(weights), [*order]
    parts = []
    for share in shares:
        wanted, part = round(share * total), []
        for scene in rest:
            if weights[scene] / 2 <= wanted:
                part.append(scene)
                wanted -= weights[scene]
        taken = set(part)
        rest = [scene for scene in rest if scene not in taken]
        parts.append(part)
    return [*parts, rest]


def _presence(scenes: Sequence[Sequence[Item]], classes_of: ClassesOf) -> NDArray[np.bool_]:
    """Which scene holds which class: bool [scenes, ids]."""
    held = [
        frozenset[int]().union(*(classes_of.get(item.name, ()) for item in items))
        for items in scenes
    ]
    present = np.zeros((len(scenes), 1 + max((max(ids, default=0) for ids in held), default=0)))
    for row, ids in enumerate(held):
        present[row, list(ids)] = 1
    return present.astype(np.bool_)


def _on_classes(drawn: Drawn, classes: tuple[str, ...]) -> list[str]:
    if drawn.lacking:
        names = "; ".join(f"{split} has no {classes[found - 1]}" for split, found in drawn.lacking)
        return [f"of {DRAWS} draws none gave each split each class: {names}"]
    if drawn.draws > 1:
        return [f"drawn {drawn.draws} times until each split had each class"]
    return []


def _without_overlaps(
    splits: dict[str, tuple[Item, ...]], overview: Overview
) -> tuple[dict[str, tuple[Item, ...]], list[str]]:
    """Leave out items of train that overlap val or test on the ground, and items of val that
    overlap test: tiles that reach over the border of their block."""
    items = [item for name in SPLITS for item in splits[name]]
    prints = footprints(items, overview)
    ends = np.cumsum([len(splits[name]) for name in SPLITS])
    train, val, test = np.split(np.arange(len(items)), ends[:-1])
    kept_val = val[prints.overlaps(test, val)[0] < 0]
    kept_train = train[prints.overlaps(np.concatenate([kept_val, test]), train)[0] < 0]
    kept = {
        "train": tuple(items[row] for row in kept_train),
        "val": tuple(items[row] for row in kept_val),
        "test": splits["test"],
    }
    left_out = [
        f"{count} of {len(splits[name])} {name}"
        for name in ("train", "val")
        if (count := len(splits[name]) - len(kept[name]))
    ]
    if not left_out:
        return kept, []
    what = " and ".join(left_out)
    return kept, [f"{what} images left out, which overlap another split on the ground"]


def _sorted(items: Iterable[Item]) -> tuple[Item, ...]:
    return tuple(sorted(items, key=lambda item: natural_key(item.name)))
