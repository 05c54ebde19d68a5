"""A scene as one item or as its tiles, and what is wrong with its files said all at once."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from datasets.rasters import raster_info
from datasets.source import DataError, Item, Problem, Tiling
from datasets.tiling import windows


def cut_scene(item: Item, tiling: Tiling | None) -> list[Item]:
    """`item` as it is, or an item for each tile of it, named `{item.name}_{x}_{y}` in pixels.

    An image whose header cannot be read stays whole: reading it names the fault, along with those
    of all the other files, and there it can be skipped.
    """
    if tiling is None:
        return [item]
    try:
        info = raster_info(item.image)
    except DataError:
        return [item]
    return [
        replace(item, name=f"{item.name}_{window.x}_{window.y}", window=window)
        for window in windows(info.height, info.width, tiling)
    ]


def uncut_name(item: Item) -> str:
    """The name that the scene of `item` had before `cut_scene`."""
    window = item.window
    return item.name if window is None else item.name.removesuffix(f"_{window.x}_{window.y}")


@contextmanager
def collected(problems: list[Problem]) -> Iterator[None]:
    """Go on after an error about files, so that all of an item's faults are said at once."""
    try:
        yield
    except DataError as error:
        problems += error.problems


def refusal(problems: Iterable[Problem]) -> DataError:
    """The error that says all of `problems`."""
    problems = tuple(problems)
    return DataError("; ".join(f"{file} {reason}" for file, reason in problems), problems)


def state_of(file: Path) -> tuple[int, int]:
    """Size and time of the last change: what is parsed once is kept under them.

    Raises:
        DataError: naming the file, if it is not there.
    """
    try:
        status = file.stat()
    except OSError as error:
        raise unusable(file, f"cannot be read: {error.strerror}") from None
    return status.st_size, status.st_mtime_ns


def unusable(file: Path, reason: str) -> DataError:
    """The error for one file; `reason` is a clause that follows its name."""
    return DataError.of_file(file, reason)
