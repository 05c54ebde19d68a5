"""Which bands all images have, and where each image stores them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from datasets.raster.headers import Header
from datasets.source import DataError, Problem
from runs.errors import counted

Numbers = dict[Path, tuple[int, ...]]


def common_bands(
    headers: Mapping[Path, Header],
    named: Sequence[str | int] | str | None,
    problems: list[Problem],
) -> tuple[tuple[str, ...], Numbers, list[str]]:
    """Names of the bands, the numbers (from 1) of each image's bands in that order, and notes.

    The names are those that the files give. Where they give none, or only the red, green and blue
    that GDAL says of any three bands, `named` tells them, one for each band as it is stored.

    Args:
        named: `dataset.bands`: names, numbers, "all", "rgb", or None.
        problems: an image with another number of bands is added to them.

    Raises:
        DataError: files name their bands differently, or `named` does not fit.
    """
    given = _given(named)
    if given is not None and _tells(headers, given):
        numbers = {image: tuple(range(1, len(given) + 1)) for image in headers}
        return given, numbers, [f"bands are named by dataset.bands: {', '.join(given)}"]
    first, usual = next(iter(headers.items()))
    wanted = _names(usual)
    numbers = {}
    other_order = 0
    for image, one in headers.items():
        names = _names(one)
        if len(names) != len(wanted):
            reason = f"has {len(names)} bands, but {first.name} has {len(wanted)}"
            problems.append(Problem(image, reason))
            continue
        if sorted(names) != sorted(wanted):
            raise DataError(
                f"{first.name} names its bands {_order(wanted)}, but {image.name} {_order(names)}:"
                " give all files the same names, or none and name them with dataset.bands"
            )
        numbers[image] = stored(one)
        if all(names):
            numbers[image] = tuple(one.names.index(name) + 1 for name in wanted)
        other_order += names != wanted
    notes = []
    if other_order:
        notes.append(
            f"bands are read by name: {counted(other_order, 'image')} stored in another order than"
            f" {first.name} ({_order(wanted)})"
        )
    if alpha := sum(bool(one.alpha) for one in headers.values()):
        notes.append(f"the alpha band says where images hold data, in {counted(alpha, 'image')}")
    if not all(wanted):
        unnamed = ", ".join(f"NAME {number}" for number in range(1, len(wanted) + 1))
        notes.append(
            f"the files do not name their {counted(len(wanted), 'band')}: write dataset.bands: "
            f"[{unnamed}], in the stored order"
        )
        wanted = tuple(name or f"band {number}" for number, name in enumerate(wanted, 1))
    return wanted, numbers, notes


def stored(one: Header) -> tuple[int, ...]:
    """Numbers of the bands that are not alpha."""
    return tuple(number for number in range(1, len(one.names) + 1) if number != one.alpha)


def _names(one: Header) -> tuple[str, ...]:
    return tuple(one.names[number - 1] for number in stored(one))


def _given(named: Sequence[str | int] | str | None) -> tuple[str, ...] | None:
    if named is None or isinstance(named, str) or not all(isinstance(one, str) for one in named):
        return None
    return tuple(str(one) for one in named)


def _tells(headers: Mapping[Path, Header], given: tuple[str, ...]) -> bool:
    """Whether `given` says what the bands are, rather than which are wanted.

    Raises:
        DataError: files have no names that say which of their bands are meant.
    """
    for image, one in headers.items():
        own = {name.casefold() for name in one.names if name}
        if all(name.casefold() in own for name in given):
            return False
        if any(one.names) and one.described:
            return False
        if len(one.names) != len(given) and len(stored(one)) != len(given):
            raise DataError(
                f"dataset.bands names {len(given)} ({', '.join(given)}), but {image.name} has"
                f" {len(one.names)} bands, and the file does not say which is which: name all of"
                " them in the stored order"
            )
    return True


def _order(names: Sequence[str]) -> str:
    return ", ".join(name or "(no name)" for name in names)
