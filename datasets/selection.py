"""Which images take part at all: where a study asks for it, only those that hold an object."""

import hashlib
import itertools
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from datasets.decoding import DecodeOptions, objects_of
from datasets.reading import Reader
from datasets.resize import resize_mask
from datasets.source import Listing, Source
from runs.files import write_text
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
    if not file.exists():
        empty = _empty(source, listing, options, progress)
        file.parent.mkdir(parents=True, exist_ok=True)
        write_text(file, json.dumps(empty))
    without = set(json.loads(file.read_text()))
    splits = {
        split: tuple(item for item in items if item.name not in without)
        for split, items in listing.splits.items()
    }
    note = f"{len(without)} images without an object of at least {options.min_area:g} px² left out"
    return replace(listing, splits=splits, notes=(*listing.notes, note))


def _empty(
    source: Source, listing: Listing, options: DecodeOptions, progress: Progress
) -> list[str]:
    reader = Reader(source, listing.classes, options.ignore_index)
    names = []
    items = [*itertools.chain.from_iterable(listing.splits.values())]
    for item, labelled in reader.read(progress.over("looking for objects", items)):
        mask = labelled.mask
        if mask is not None:
            mask = resize_mask(mask, options.image_size)
        if not len(objects_of(labelled, mask, options)[0]):
            names.append(item.name)
    return names
