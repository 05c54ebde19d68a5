"""Splits for data that bring none: by the scenes' names and the seed alone.

A scene's place is decided by a hash of its name, never by the order in which a file system lists
it, so that every machine makes the same split. Scenes stay whole: tiles of one scene look alike,
and a model that has seen some of them knows the others.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import replace

from datasets.source import SPLITS, DataError, Item, Listing, natural_key


def complete_splits(listing: Listing, fractions: tuple[float, float], seed: int) -> Listing:
    """Take the splits that `listing` lacks out of its training items.

    Args:
        fractions: shares of the training scenes that become val and test, each only if missing.

    Returns:
        The listing with train, val and test, and a note where a split was made.

    Raises:
        DataError: if the fractions leave nothing for training, or a split would be empty.
    """
    missing = [name for name in SPLITS if name not in listing.splits]
    shares = {
        name: share for name, share in zip(SPLITS[1:], fractions, strict=True) if name in missing
    }
    if any(share <= 0 for share in shares.values()) or sum(shares.values()) >= 1:
        raise DataError(
            f"split fractions {fractions}: each must be above 0, and together below 1, so that"
            " something is left to train on"
        )
    splits = {**listing.splits, **split_by_name(listing.splits["train"], shares, seed)}
    notes = listing.notes
    if missing:
        made = ", ".join(f"{name} {len(splits[name])}" for name in ("train", *missing))
        notes += (f"{' and '.join(missing)} taken out of train by name, seed {seed}: {made}",)
    for name in SPLITS:
        if not splits[name]:
            raise DataError(
                f"split {name} has no images ({len(listing.splits['train'])} labelled training"
                f" images in {_scenes(listing.splits['train'])} scenes, fractions {fractions}):"
                " raise its fraction or add data"
            )
    return replace(listing, splits={name: splits[name] for name in SPLITS}, notes=notes)


def split_by_name(
    items: Iterable[Item], shares: dict[str, float], seed: int
) -> dict[str, tuple[Item, ...]]:
    """Draw round(share · n) of n scenes for each key of `shares`; "train" keeps the rest.

    Depends on the names and the seed only. Each split is sorted naturally by name.
    """

    def draw(scene: str) -> bytes:
        return hashlib.sha256(f"{seed}/{scene}".encode()).digest()

    by_scene: dict[str, list[Item]] = {}
    for item in items:
        by_scene.setdefault(item.scene, []).append(item)
    drawn = sorted(by_scene, key=draw)
    splits: dict[str, list[str]] = {}
    total = len(drawn)
    for name, share in shares.items():
        count = round(share * total)
        splits[name], drawn = drawn[:count], drawn[count:]
    splits["train"] = drawn
    return {
        name: tuple(
            sorted(
                (item for scene in scenes for item in by_scene[scene]),
                key=lambda item: natural_key(item.name),
            )
        )
        for name, scenes in splits.items()
    }


def _scenes(items: Iterable[Item]) -> int:
    return len({item.scene for item in items})
