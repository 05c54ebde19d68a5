"""YOLO, one `*.txt` an image, as Ultralytics and Darknet write it: https://docs.ultralytics.com.

A line is an object: its class, counted from 0, and either the centre and size of its box or the
corners of its outline, as shares of the image's width and height from its upper left corner:

    class x_centre y_centre width height
    class x1 y1 x2 y2 x3 y3 …

An outline becomes the box around it. A file without lines is an image without objects. The names
of the classes are in `names` of a `data.yaml` (or another YAML file), or one a line in
`classes.txt` or `obj.names`, beside the labels or in a folder above; without them classes are
called by number.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from datasets.annotations.pairing import Annotated, Pairing
from datasets.box_scenes import Objects, listed
from datasets.scenes import unusable
from datasets.source import DataError, natural_key

TITLE = "YOLO"
NAMES = ("classes.txt", "obj.names")
YAML_FILES = ("*.yaml", "*.yml")
NO_LABELS = re.compile(r"classes|(train|val|valid|test)|readme.*", re.IGNORECASE)
"""Stems of text files that lie beside labels; they are labels where an image has that stem."""
ROUNDING = 0.01
"""By how much a share may leave 0 to 1; the box must still lie in the image, to a pixel."""


def find(files: Sequence[Path], images: Sequence[Path], root: Path) -> Annotated:
    """Pair every text file by its stem, `labels/train/a.txt` with `images/train/a.tif`.

    Raises:
        DataError: a file of names cannot be used, two differ, or the data are of key points.
    """
    stems = {image.stem for image in images}
    labels = [file for file in files if file.stem in stems or not NO_LABELS.fullmatch(file.stem)]
    pairing = Pairing(images, root)
    for file in labels:
        pairing.add(file, file.stem)
    classes = _classes(labels, root)
    if classes is not None:
        return pairing.annotated(TITLE, classes, ())
    count = 1 + max((_largest(file) for file in pairing.label_of.values()), default=-1)
    note = (
        f"no data.yaml, classes.txt or obj.names under {root} names the classes: they are called"
        f" by number, 0 to {count - 1}"
    )
    return pairing.annotated(TITLE, tuple(map(str, range(count))), (note,))


def read(annotated: Annotated, image: Path, size: tuple[int, int]) -> Objects:
    """The boxes of one image of `size`, height and width in pixels.

    Raises:
        DataError: naming the file and its lines: a class without a name, a number of values that
            is neither a box's nor an outline's, a value that is no share of the image.
    """
    file = annotated.label_of[image]
    lines = _lines(file)
    faults = [
        f"line {number} {fault}"
        for number, values in lines
        if (fault := _fault(values, len(annotated.classes)))
    ]
    if faults:
        raise unusable(file, f"cannot be used: {listed(faults)}")
    shares = np.array([_edges(values[1:]) for _, values in lines], dtype=np.float64).reshape(-1, 4)
    height, width = size
    return Objects(
        size=None,
        boxes=shares * (width, height, width, height),
        labels=np.array([int(values[0]) + 1 for _, values in lines], dtype=np.int64),
        name=lambda row: f"line {lines[row][0]} of {file.name}",
    )


def _lines(file: Path) -> list[tuple[int, NDArray[np.float64]]]:
    """Lines that are not empty, with their number counted from 1; what is no number is NaN."""
    lines = enumerate(_text(file).splitlines(), 1)
    return [
        (number, np.array([_number(word) for word in line.split()]))
        for number, line in lines
        if line.strip()
    ]


def _number(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        return np.nan


def _fault(values: NDArray[np.float64], classes: int) -> str | None:
    class_id, shares = values[0], values[1:]
    if not np.isfinite(values).all():
        return "holds what is no number"
    if class_id != int(class_id) or not 0 <= class_id < classes:
        return f"is of class {class_id:g}, but the classes are 0 to {classes - 1}"
    if len(shares) != 4 and (len(shares) < 6 or len(shares) % 2):
        return f"has {len(values)} values, not 5 (a box) or 7, 9, 11, … (an outline)"
    beyond = shares[(shares < -ROUNDING) | (shares > 1 + ROUNDING)]
    if len(beyond):
        return f"has {beyond[0]:g}, which is no share of the image from 0 to 1"
    return None


def _edges(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """x0 y0 x1 y1 of a box, given by centre and size, or of an outline's points."""
    if len(shares) == 4:
        centre, half = shares[:2], shares[2:] / 2
        return np.concatenate([centre - half, centre + half])
    points = shares.reshape(-1, 2)
    return np.concatenate([points.min(axis=0), points.max(axis=0)])


def _largest(file: Path) -> int:
    """The largest class in a file; -1 if it has none, or cannot be used."""
    try:
        classes = [values[0] for _, values in _lines(file)]
    except DataError:
        return -1
    return int(max((one for one in classes if np.isfinite(one)), default=-1))


def _classes(labels: Sequence[Path], root: Path) -> tuple[str, ...] | None:
    """The names that a file gives; all that are found must give the same."""
    found: dict[Path, tuple[str, ...]] = {}
    for folder in _folders(labels, root):
        for file in (at for pattern in YAML_FILES for at in sorted(folder.glob(pattern))):
            if (names := _yaml_names(file)) is not None:
                found[file] = names
        for file in (folder / name for name in NAMES):
            if file.is_file():
                found[file] = tuple(filter(None, map(str.strip, _text(file).splitlines())))
    for file, names in found.items():
        first = next(iter(found))
        if names != found[first]:
            raise DataError(f"{first} and {file} name different classes: make them the same")
    return next(iter(found.values()), None)


def _folders(labels: Sequence[Path], root: Path) -> list[Path]:
    """The root, and the folders on the way from it to the labels."""
    inside = {folder for file in labels for folder in file.parents if folder.is_relative_to(root)}
    return sorted(inside | {root}, key=lambda folder: natural_key(folder.as_posix()))


def _yaml_names(file: Path) -> tuple[str, ...] | None:
    """`names` of a YAML file: a list, or names by number; None if it has none."""
    try:
        content = YAML(typ="safe", pure=True).load(_text(file))
    except YAMLError as error:
        raise unusable(file, f"is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict) or "names" not in content:
        return None
    if "kpt_shape" in content:
        raise unusable(file, "is of key points (kpt_shape), which are not read: only boxes are")
    names = content["names"]
    numbered = dict(enumerate(names)) if isinstance(names, list) else names
    if not isinstance(numbered, dict) or sorted(numbered, key=str) != sorted(
        range(len(numbered)), key=str
    ):
        raise unusable(file, "must give in 'names' a list, or a name for each of 0, 1, 2, …")
    return tuple(str(numbered[number]) for number in range(len(numbered)))


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise unusable(file, f"cannot be read: {error}") from None
