"""Splits that text files name: one image a line."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from datasets.source import SPLITS, DataError, Item, Listing, natural_key
from runs.errors import counted, did_you_mean


def by_lists(listing: Listing, lists: Mapping[str, Path], root: Path) -> Listing:
    """All images of `listing` divided as `lists` say; with no list of train, it has the rest.

    A line names an image by its path under the root, its file name or its stem, and means all tiles
    of it; or it names one tile as the program does.

    Args:
        lists: for a split, its text file under `root`.

    Returns:
        The splits that are listed, and train; a note says how many images are in no list.

    Raises:
        DataError: for a list that cannot be read or is empty, a name that does not exist, means two
            images, or stands in two lists or twice in one; file and line are named.
    """
    items = [item for split in listing.splits.values() for item in split]
    known = _known(items, root)
    taken: dict[str, str] = {}
    splits: dict[str, list[Item]] = {}
    for split, file in lists.items():
        splits[split] = []
        if not (root / file).is_file():
            raise DataError(f"splits.{split}: there is no list {root / file}")
        for name, line in _lines(root / file):
            for item in _meant(name, line, known):
                if item.name in taken:
                    raise DataError(f"{line}: {name!r} is named already in {taken[item.name]}")
                splits[split].append(item)
                taken[item.name] = line
    rest = [item for item in items if item.name not in taken]
    notes = listing.notes
    if "train" not in lists:
        splits["train"] = rest
    elif rest:
        images = len({item.image for item in rest})
        notes += (f"in no list, and unused: {counted(images, 'image')}",)
    return replace(
        listing,
        splits={
            split: tuple(sorted(splits[split], key=lambda item: natural_key(item.name)))
            for split in SPLITS
            if split in splits
        },
        notes=notes,
    )


Known = dict[str, dict[Path, dict[str, Item]]]


def _known(items: Sequence[Item], root: Path) -> Known:
    """The items that each name means, by their image and their own name."""
    known: Known = {}
    for item in items:
        path = item.image.relative_to(root)
        spellings = {path.as_posix(), path.with_suffix("").as_posix(), path.name, path.stem}
        for name in (*spellings, item.name):
            known.setdefault(name, {}).setdefault(item.image, {})[item.name] = item
    return known


def _meant(name: str, line: str, known: Known) -> list[Item]:
    images = known.get(name)
    if images is None:
        raise DataError(f"{line}: there is no image {name!r}{did_you_mean(name, known)}")
    if len(images) > 1:
        raise DataError(
            f"{line}: {name!r} means {len(images)} images, such as"
            f" {' and '.join(map(str, list(images)[:2]))}: write its path"
        )
    (items,) = images.values()
    return list(items.values())


def _lines(file: Path) -> list[tuple[str, str]]:
    """The names in a list, each with the place where it stands."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file} cannot be read as a list of images: {error}") from None
    lines = ((number, line.strip()) for number, line in enumerate(text.splitlines(), start=1))
    names = [(name, f"{file}, line {number}") for number, name in lines if name]
    if not names:
        raise DataError(f"{file} names no image")
    return names
