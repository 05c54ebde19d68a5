"""Which bands of a file are the ones meant: the same answer in training and in maps."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rasterio.enums import ColorInterp
from rasterio.io import DatasetReader

from datasets.source import DataError
from runs.errors import counted, did_you_mean

Bands = Sequence[int | str]
"""Bands of a file: numbers from 1, or names that the file gives them."""

ALIASES = {
    "r": "red",
    "g": "green",
    "b": "blue",
    "b02": "blue",  # of Sentinel-2; "B2" is another band on another Landsat
    "b03": "green",
    "b04": "red",
    "b08": "nir",
    "nearinfrared": "nir",
    "infrared": "nir",
}
"""Common spellings of a band's name, as `_folded` gives them."""

COLOURS = ("red", "green", "blue")
INFRARED = ("nir", "rededge", "swir", "swir1", "swir2", "tir")
KNOWN = {*COLOURS, *INFRARED, "coastal", "yellow", "pan", "alpha", "vv", "vh", "hh", "hv"}
"""What a description must say, or a name that is asked for, to be taken for a band's name."""

SAID = {
    one: one.name
    for one in ColorInterp
    if one.name in KNOWN - {"alpha"}  # which of them is data, `data_bands` tells
}


def bands_of(
    reader: DatasetReader,
    wanted: Sequence[str],
    chosen: Bands | None = None,
    *,
    name: str | Path | None = None,
    option: str = "dataset.bands",
) -> tuple[int, ...]:
    """Numbers of the file's bands that are `wanted`, from 1, in the order of `wanted`.

    A file names its bands by their descriptions or, where those name none, by its colour
    interpretation; upper and lower case and the spellings in `ALIASES` are the same name.

    - It names all that are wanted: those, in whatever order they are stored.
    - Else the stored order, an alpha band aside. The file must have as many bands as are wanted,
      and each that it names must be the one that is wanted at its place.

    GDAL says red, green, blue of any three bands of bytes: where only that contradicts the wanted
    order, it is an error too, and nothing is reordered.

    Args:
        reader: the open file.
        wanted: names.
        chosen: the bands to take, whatever the file calls them, one for each that is wanted.
        name: of the file, for messages; None: as it was opened.
        option: how a person chooses bands here, for messages.

    Raises:
        DataError: the file has other bands. The message shows both orders and names `option`.
    """
    file = Path(name or reader.name)
    if chosen is not None:
        return _chosen(reader, file, wanted, chosen, option)
    names = band_names(reader, wanted)
    number = _numbers(names)
    meant = [_folded(band) for band in wanted]
    if all(band in number for band in meant):
        found = tuple(number[band] for band in meant)
        if _described(reader, wanted) or not _colours_first(names) or found == tuple(sorted(found)):
            return found
    # GDAL takes the fourth band of bytes for alpha, also where it is wanted as another.
    every = reader.count == len(wanted)
    stored = tuple(reader.indexes) if every else data_bands(reader)
    if len(stored) != len(wanted):
        raise DataError.of_file(
            file,
            f"has {counted(len(stored), 'band')}{_called(names)}, but {len(wanted)} are wanted:"
            f" {', '.join(wanted)}{f'; choose them with {option}' * (len(stored) > len(wanted))}",
        )
    said = [names[index - 1] for index in stored]
    if any(name not in ("", band) for name, band in zip(said, meant, strict=True)):
        raise DataError.of_file(
            file,
            f"names its bands {_order(names)}, but {', '.join(wanted)} are wanted: choose them, in"
            f" that order, with {option}",
        )
    return stored


def stored_bands(reader: DatasetReader, wanted: Sequence[str], title: str) -> tuple[int, ...]:
    """Numbers of the bands, from 1, of a file that stores them in the order of `wanted`.

    This is for formats that fix the order of bands: `title` names it. Bands are found as by
    `bands_of`, and must then be the first ones, in that order.

    Raises:
        DataError: the file has other bands, or its own names say another order. The message shows
            both.
    """
    numbers = bands_of(reader, wanted, option="gdal_translate -b")
    if numbers != tuple(range(1, len(wanted) + 1)):
        raise DataError.of_file(
            Path(reader.name),
            f"names its bands {_order(band_names(reader, wanted))}, but {title} stores"
            f" {', '.join(wanted)} in that order: reorder its bands with gdal_translate"
            f" {' '.join(f'-b {number}' for number in numbers)}, or mend their names",
        )
    return numbers


def band_names(reader: DatasetReader, known: Sequence[str] = ()) -> tuple[str, ...]:
    """What a file calls each of its bands, folded; "" where that is no name of a band.

    Args:
        known: names that count as such, beside `KNOWN`.
    """
    if described := _described(reader, known):
        return described
    return tuple(SAID.get(meaning, "") for meaning in reader.colorinterp)


def data_bands(reader: DatasetReader) -> tuple[int, ...]:
    """Numbers of the bands, from 1, that are not marked as alpha."""
    meanings = zip(reader.indexes, reader.colorinterp, strict=True)
    return tuple(number for number, meaning in meanings if meaning != ColorInterp.alpha)


def _described(reader: DatasetReader, known: Sequence[str]) -> tuple[str, ...]:
    """Names by description; () if no description is one."""
    names = KNOWN | {_folded(band) for band in known}
    texts = [_folded(text or "") for text in reader.descriptions]
    found = tuple(text if text in names else "" for text in texts)
    return found if any(found) else ()


def _folded(name: str) -> str:
    short = re.sub(r"[\s_-]", "", name).casefold()
    return ALIASES.get(short, short)


def _numbers(names: Sequence[str]) -> dict[str, int]:
    """The number of each band that has a name, and no other has it."""
    count = Counter(names)
    return {name: number for number, name in enumerate(names, 1) if name and count[name] == 1}


def _colours_first(names: Sequence[str]) -> bool:
    return tuple(names[: len(COLOURS)]) == COLOURS


def _chosen(
    reader: DatasetReader, file: Path, wanted: Sequence[str], chosen: Bands, option: str
) -> tuple[int, ...]:
    if len(chosen) != len(wanted):
        raise DataError.of_file(
            file,
            f"cannot be read: {option} chooses {len(chosen)}, but {len(wanted)} are wanted:"
            f" {', '.join(wanted)}",
        )
    texts = [band for band in chosen if isinstance(band, str)]
    number = _numbers(band_names(reader, texts))
    for band in chosen:
        if isinstance(band, str) and _folded(band) not in number:
            names = [text for text in reader.descriptions if text] or list(number)
            raise DataError.of_file(file, f"names no band '{band}'{did_you_mean(band, names)}")
        if isinstance(band, int) and band not in reader.indexes:
            raise DataError.of_file(file, f"has no band {band}: they run from 1 to {reader.count}")
    return tuple(number[_folded(band)] if isinstance(band, str) else band for band in chosen)


def _called(names: Sequence[str]) -> str:
    return f" ({_order(names)})" if any(names) else ""


def _order(names: Sequence[str]) -> str:
    return ", ".join(name or "(no name)" for name in names)
