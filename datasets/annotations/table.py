"""CSV, one line a box and one file for many images, as DeepForest reads and writes it.

    image_path,xmin,ymin,xmax,ymax,label
    OSBS_029.tif,203,67,227,90,Tree

The header names the columns, in any order and case; others are left alone. The image may be called
image_path, image, filename, file_name or file, the label also class, class_name or name. Corners
are in pixel edges from the outer corner of the upper left pixel, xmax and ymax exclusive: that is
how DeepForest makes them of coordinates on the ground, (xmax - left) / pixel size (Weinstein et
al., "DeepForest: A Python package for RGB deep learning tree crown delineation", Methods Ecol.
Evol. 11, 2020, doi:10.1111/2041-210X.13472). A line whose corners are all 0 or all empty says that
its image has no objects.
"""

import csv
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from datasets.annotations.pairing import Annotated, Pairing
from datasets.box_scenes import Objects, listed
from datasets.scenes import state_of, unusable
from datasets.source import natural_key

TITLE = "CSV"
CORNERS = ("xmin", "ymin", "xmax", "ymax")
IMAGE = ("image_path", "image", "filename", "file_name", "file")
LABEL = ("label", "class", "class_name", "name")


class Line(NamedTuple):
    """A box of a table, and the line it is in, counted from 1 with the header."""

    number: int
    corners: tuple[float, ...]
    label: str


@dataclass(frozen=True, eq=False)
class Table:
    """One CSV file: the boxes of each image it names, in the order of its lines."""

    boxes: dict[str, tuple[Line, ...]]


def find(files: Sequence[Path], images: Sequence[Path], root: Path) -> Annotated:
    """Pair every image that a line names. Classes are all labels that occur, sorted.

    Raises:
        DataError: naming the file and its lines: a column that is missing, a corner that is no
            number, a box without a label.
    """
    pairing = Pairing(images, root)
    names: set[str] = set()
    for file in files:
        for name, lines in load(file).boxes.items():
            pairing.add(file, name, entry=True)
            names |= {line.label for line in lines}
    return pairing.annotated(TITLE, tuple(sorted(names, key=natural_key)), ())


def read(annotated: Annotated, image: Path, size: tuple[int, int]) -> Objects:  # noqa: ARG001
    """The boxes of one image."""
    file = annotated.label_of[image]
    lines = load(file).boxes[annotated.entry_of[image]]
    labels = [annotated.classes.index(line.label) + 1 for line in lines]
    return Objects(
        size=None,
        boxes=np.array([line.corners for line in lines], dtype=np.float64).reshape(-1, 4),
        labels=np.array(labels, dtype=np.int64),
        name=lambda row: f"line {lines[row].number} of {file.name}",
    )


def load(file: Path) -> Table:
    """Parse a CSV file; the last few are kept as long as they do not change."""
    return _parse(file, *state_of(file))


@lru_cache(maxsize=4)
def _parse(file: Path, _size: int, _modified: int) -> Table:
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            rows = [[text.strip() for text in row] for row in csv.reader(stream)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise unusable(file, f"cannot be read: {error}") from None
    columns = _columns(file, [text.lower() for text in rows[0]] if rows else [])
    boxes: dict[str, list[Line]] = {}
    faults: list[str] = []
    for number, row in enumerate(rows[1:], 2):
        if not any(row):
            continue
        if len(row) <= max(columns):
            faults.append(f"line {number} has {len(row)} fields")
            continue
        image, *texts, label = (row[column] for column in columns)
        lines = boxes.setdefault(image, [])
        if not any(texts) or all(_number(text) == 0 for text in texts):
            continue
        line = Line(number, tuple(map(_number, texts)), label)
        faults += _faults(image, texts, line)
        lines.append(line)
    if faults:
        raise unusable(file, f"cannot be used: {listed(faults)}")
    return Table({image: tuple(lines) for image, lines in boxes.items()})


def _columns(file: Path, header: list[str]) -> list[int]:
    """Where the image, the four corners and the label are."""
    wanted = (IMAGE, *((corner,) for corner in CORNERS), LABEL)
    found = [next((name for name in names if name in header), None) for names in wanted]
    missing = [" or ".join(names) for names, name in zip(wanted, found, strict=True) if not name]
    if missing:
        raise unusable(
            file,
            f"has no column {', '.join(missing)}: its first line must name the columns, as in"
            " image,xmin,ymin,xmax,ymax,label",
        )
    return [header.index(name) for name in found if name]


def _number(text: str) -> float:
    """The number that `text` is; NaN if it is none."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def _faults(image: str, texts: list[str], line: Line) -> Iterator[str]:
    if not image:
        yield f"line {line.number} names no image"
    if not line.label:
        yield f"line {line.number} has no label"
    for corner, text, value in zip(CORNERS, texts, line.corners, strict=True):
        if not math.isfinite(value):
            yield f"line {line.number} has {text!r} for {corner}, no number"
