"""Masks: which values they hold, and what class each value is."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from datasets.box_scenes import listed
from datasets.raster.headers import Header
from datasets.raster.labels import Parts
from datasets.rasters import MISPLACED, displacement, opened, raster_info, read_raster
from datasets.scenes import unusable
from datasets.source import IGNORE, DataError, Label, Problem, Window

MOST_VALUES = 256
"""A mask with more values is an image."""


class Values(NamedTuple):
    """What a mask holds.

    Attributes:
        counts: pixels by value.
        nodata: the value that the file declares to hold no data; None: none.
        height, width: px.
    """

    counts: dict[int, int]
    nodata: int | None
    height: int
    width: int


class Meaning(NamedTuple):
    """What the values of masks are.

    Attributes:
        classes: names of class ids 1, 2, ….
        ids: class id of each mask value; the background's is 0, of what does not count `IGNORE`.
        note: what was concluded from the values; "" if nothing was.
    """

    classes: tuple[str, ...]
    ids: dict[int, int]
    note: str


def values_of(file: Path) -> list[object] | str:
    """The fields of `Values` as JSON keeps them, or what is wrong with the mask.

    The file is read block by block.
    """
    try:
        with opened(file) as reader:
            if reader.dtypes[0] not in ("uint8", "uint16", "int16", "uint32", "int32"):
                return f"is no mask: it holds {reader.dtypes[0]}, not whole numbers"
            counts: Counter[int] = Counter()
            for _, window in reader.block_windows(1):
                stored, times = np.unique(reader.read(1, window=window), return_counts=True)
                counts.update(dict(zip(stored.tolist(), times.tolist(), strict=True)))
                if len(counts) > MOST_VALUES:
                    return f"is no mask: it holds more than {MOST_VALUES} different values"
            nodata = None if reader.nodata is None else int(reader.nodata)
            return [sorted(counts.items()), nodata, reader.height, reader.width]
    except DataError as error:
        return error.problems[0].reason


def values(found: list[Any]) -> Values:
    """What JSON has kept of `values_of`."""
    counts, nodata, height, width = found
    return Values(dict(counts), nodata, height, width)


def meaning(
    found: Mapping[str, Values],
    classes: dict[int | str, str] | tuple[str, ...] | None,
    background: int | None,
    ignored: int,
) -> Meaning:
    """What the values of masks mean, by `classes` or, without, by the values themselves.

    Args:
        found: what each mask holds, by its name for a person.
        classes: names by value, or of values 1, 2, ….
        background: the value of no class.
        ignored: the value that does not count.

    Raises:
        DataError: a value is of no class, or no value is.
    """
    total: Counter[int] = Counter()
    for one in found.values():
        total.update(one.counts)
    without = {one.nodata for one in found.values()} - {None}
    present = set(total) - {background} - without
    note = ""
    if classes is None and present == {255} and ignored == 255:
        named: dict[int, str] = {255: "foreground"}
        note = (
            "the masks hold 0 and 255: 255 is taken for a class, called foreground; name it with"
            " dataset.classes: {255: NAME}"
        )
    elif classes is None:
        named = {value: f"class {value}" for value in sorted(present - {ignored})}
        note = (
            f"the classes have no names ({listed(named.values())}): name them with dataset.classes:"
            f" {{{', '.join(f'{value}: NAME' for value in list(named)[:3])}}}"
        )
    elif isinstance(classes, dict):
        if words := [key for key in classes if not str(key).lstrip("-").isdecimal()]:
            raise DataError(
                f"dataset.classes: {words[0]!r} is no value of a mask: masks hold whole numbers"
            )
        named = {int(key): name for key, name in classes.items()}
    else:
        named = dict(enumerate(classes, 1))
    ids = {value: number for number, value in enumerate(named, 1)}
    if ignored != IGNORE and ignored in {*ids, background}:
        what = named.get(ignored, "the background")
        raise DataError(
            f"dataset.ignore_index: {ignored} is {what} (dataset.classes, dataset.background): a"
            " value cannot be both"
        )
    if background is not None and background not in ids:
        ids[background] = 0
    if background in without:
        note += "; " * bool(note) + (
            f"the masks declare {background} to hold no data, and it is the background: it counts;"
            " if it should not, write dataset.background: null"
        )
    for value in (ignored, *without):
        ids.setdefault(int(value or 0), IGNORE)
    _check(found, total, named, ids, ignored, background)
    return Meaning(tuple(named.values()), ids, note)


def _check(
    found: Mapping[str, Values],
    total: Counter[int],
    named: Mapping[int, str],
    ids: Mapping[int, int],
    ignored: int,
    background: int | None,
) -> None:
    there = f"the masks hold {listed(sorted(total))}"
    if unknown := set(total) - set(ids):
        value = min(unknown)
        where = [name for name, one in found.items() if value in one.counts]
        known = ", ".join(f"{key} {name}" for key, name in named.items())
        raise DataError(
            f"{there}, but {value} (in {len(where)} of {len(found)}, {where[0]}) is neither a class"
            f" ({known}) nor the background ({background}): name it with dataset.classes, or say"
            f" that it does not count with dataset.ignore_index: {value}"
        )
    if not any(value in total for value in named):
        ignoring = f", and {ignored} does not count (dataset.ignore_index)" * (ignored in total)
        wanted = ", ".join(f"{key} {name}" for key, name in named.items()) or "none"
        raise DataError(
            f"{there}: no pixel is of a class (classes: {wanted}{ignoring}); say what the values"
            f" are with dataset.classes: {{{max(total, default=1)}: NAME}}"
        )


def read_mask(file: Path, window: Window, ids: Mapping[int, int]) -> NDArray[np.uint8]:
    """Class ids [H, W] of a part of a mask whose values are among `ids`.

    Raises:
        DataError: the file cannot be read, or has bands that differ.
    """
    stored = read_raster(file, window)
    if len(stored) > 1 and (stored != stored[0]).any():
        raise unusable(
            file,
            f"is no mask of class ids: its {len(stored)} bands differ, as those of a picture do;"
            " convert its colours to whole numbers",
        )
    values = stored[0]
    if values.dtype != np.uint8:
        lowest, highest = min(0, *ids), max(255, *ids)
        values = np.clip(values.astype(np.int64), lowest, highest) - lowest
        ids = {value - lowest: class_id for value, class_id in ids.items()}
    table = np.full(max(255, *ids) + 1, IGNORE, dtype=np.uint8)
    table[list(ids)] = list(ids.values())
    return table[values]


class MaskLabels(NamedTuple):
    """Masks as labels of images, see `datasets.raster.labels.Labels`."""

    files: Mapping[Path, Path]
    meaning: Meaning
    kinds: frozenset[Label] = frozenset({"masks"})
    problems: tuple[Problem, ...] = ()

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of class ids 1, 2, …."""
        return self.meaning.classes

    @property
    def notes(self) -> tuple[str, ...]:
        """What was concluded from the values."""
        return (self.meaning.note,) if self.meaning.note else ()

    @property
    def settings(self) -> object:
        """What, beside the files, the labels depend on."""
        return sorted(self.meaning.ids.items())

    def read(self, image: Path, header: Header, window: Window) -> Parts:
        """The mask of a window, which must lie where the image lies."""
        file = self.files[image]
        info = raster_info(file)
        if (info.height, info.width) != (header.height, header.width):
            raise unusable(
                file,
                f"is {info.height} × {info.width} pixels, but its image {image.name} is"
                f" {header.height} × {header.width}",
            )
        if info.place is not None and header.crs:
            if info.crs != header.info.crs:
                raise unusable(file, f"is in another reference system than its image {image.name}")
            if (away := displacement(header.info, info)) > MISPLACED:
                raise unusable(
                    file, f"lies {away:.2g} pixels away from where its image {image.name} lies"
                )
        return Parts(mask=read_mask(file, window, self.meaning.ids))
