"""What labels say before splits are made: which images hold an object, and which classes."""

import hashlib
import itertools
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from datasets.decoding import DecodeOptions, final_objects
from datasets.reading import Reader, in_order
from datasets.source import DataError, Item, KnowsClasses, Labelled, Listing, Source
from runs.errors import counted
from runs.files import kept_json, write_text
from runs.progress import Progress


def only_with_objects(
    source: Source,
    listing: Listing,
    options: DecodeOptions,
    key: Sequence[object],
    cache: Path,
    progress: Progress,
) -> Listing:
    """`listing` without the items that hold no object as `options` count them, and a note.

    Items that cannot be read stay, for decoding to name. Reading all labels takes a while: what was
    found is kept under a hash of `key`, which tells the files and options apart.
    """
    digest = hashlib.sha256(json.dumps(key).encode()).hexdigest()
    file = cache / "data" / f"{source.name}-objects-{digest[:16]}.json"
    empty: list[str] | None = kept_json(file, list)
    if empty is None:
        empty = _empty(source, listing, options, progress)
        file.parent.mkdir(parents=True, exist_ok=True)
        write_text(file, json.dumps(empty))
    without = set(empty)
    splits = {
        split: tuple(item for item in items if item.name not in without)
        for split, items in listing.splits.items()
    }
    note = (
        f"{counted(len(without), 'image')} without an object of at least {options.min_area:g} px²"
        " left out"
    )
    return replace(listing, splits=splits, notes=(*listing.notes, note))


def classes_of(
    source: KnowsClasses,
    listing: Listing,
    key: Sequence[object],
    cache: Path,
    progress: Progress,
) -> dict[str, frozenset[int]]:
    """Ids of the classes that each item holds, by its name; kept as above.

    Items whose labels cannot be read hold none: decoding names them.
    """
    digest = hashlib.sha256(json.dumps(key).encode()).hexdigest()
    file = cache / "data" / f"{source.name}-classes-{digest[:16]}.json"
    found: dict[str, list[int]] | None = kept_json(file, dict)
    if found is None:

        def look(item: Item) -> list[int]:
            try:
                return sorted(source.classes_in(item, listing.classes))
            except DataError:
                return []

        items = [*itertools.chain.from_iterable(listing.splits.values())]
        held = in_order(progress.over("looking for the classes of the scenes", items), look)
        found = {item.name: ids for item, ids in zip(items, held, strict=True)}
        file.parent.mkdir(parents=True, exist_ok=True)
        write_text(file, json.dumps(found))
    return {name: frozenset(ids) for name, ids in found.items()}


def _empty(
    source: Source, listing: Listing, options: DecodeOptions, progress: Progress
) -> list[str]:
    reader = Reader(source, listing.classes, options.ignore_index)
    items = [*itertools.chain.from_iterable(listing.splits.values())]

    def holds_none(item: Item, labelled: Labelled) -> str | None:
        return None if len(final_objects(item, labelled, options)[0]) else item.name

    found = reader.read(progress.over("looking for objects", items), holds_none)
    return [name for name in found if name is not None]
