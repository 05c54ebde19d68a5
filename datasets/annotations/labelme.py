"""labelme JSON, one file an image: https://github.com/wkentaro/labelme.

    {"imagePath": "../images/a.tif", "imageHeight": 512, "imageWidth": 640,
     "shapes": [{"label": "pond", "shape_type": "rectangle", "points": [[x, y], [x, y]]}, …]}

`points` are in pixels from the outer corner of the upper left pixel, in any order, as labelme draws
them. A rectangle, a polygon and a mask (given by its two corners) become the box around their
points. A file belongs to the image that `imagePath` names or, without one, to that of its stem.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from datasets.annotations.pairing import Annotated, Pairing
from datasets.box_scenes import Objects, listed
from datasets.scenes import unusable
from datasets.source import DataError, natural_key
from datasets.vectors import parse_json, read_bytes

TITLE = "labelme JSON"
LEAST_POINTS = {"rectangle": 2, "polygon": 3, "mask": 2}


def find(files: Sequence[Path], images: Sequence[Path], root: Path) -> Annotated:
    """Pair every file. Classes are all labels that occur, sorted.

    A file that cannot be used gives no classes and is paired by its stem: reading it says what is
    wrong with it.
    """
    pairing = Pairing(images, root)
    names: set[str] = set()
    for file in files:
        try:
            content = _content(file)
        except DataError:
            content = {"shapes": []}
        path = content.get("imagePath")
        pairing.add(file, path if path and isinstance(path, str) else file.stem)
        names |= {shape["label"] for shape in content["shapes"] if not _fault(shape)}
    return pairing.annotated(TITLE, tuple(sorted(names, key=natural_key)), ())


def read(annotated: Annotated, image: Path, size: tuple[int, int]) -> Objects:  # noqa: ARG001
    """The boxes of one image.

    Raises:
        DataError: naming the file and its shapes, counted from 1: not JSON, not labelme's; a shape
            that is no rectangle, polygon or mask, or has no label or points; a size that is none.
    """
    file = annotated.label_of[image]
    content = _content(file)
    faults = list(_faults(content["shapes"]))
    if faults:
        raise unusable(file, f"cannot be used: {listed(faults)}")
    shapes = content["shapes"]
    points = [np.array(shape["points"], dtype=np.float64) for shape in shapes]
    boxes = [np.concatenate([corners.min(axis=0), corners.max(axis=0)]) for corners in points]
    sides = [content.get(key) for key in ("imageHeight", "imageWidth")]
    if not all(side is None or type(side) is int for side in sides):
        raise unusable(file, "has an imageHeight or imageWidth that is no whole number")
    labels = [annotated.classes.index(shape["label"]) + 1 for shape in shapes]
    return Objects(
        size=(sides[0], sides[1]) if sides[0] and sides[1] else None,
        boxes=np.array(boxes, dtype=np.float64).reshape(-1, 4),
        labels=np.array(labels, dtype=np.int64),
        name=lambda row: f"shape {row + 1} of {file.name}",
    )


def _content(file: Path) -> dict[str, Any]:
    content = parse_json(file, read_bytes(file))
    if not isinstance(content.get("shapes"), list):
        raise unusable(file, "has no list 'shapes': it is no labelme JSON")
    return content


def _faults(shapes: list[Any]) -> Iterator[str]:
    for number, shape in enumerate(shapes, 1):
        if fault := _fault(shape):
            yield f"shape {number} {fault}"


def _fault(shape: Any) -> str | None:
    if not isinstance(shape, dict):
        return "is no object"
    if not isinstance(shape.get("label"), str) or not shape["label"]:
        return "has no label"
    kind = shape.get("shape_type") or "polygon"  # what labelme took it for before it had the key
    if kind not in LEAST_POINTS:
        return f"is a {kind}, not a {' or '.join(LEAST_POINTS)}"
    points = shape.get("points")
    if not isinstance(points, list) or not all(map(_is_point, points)):
        return "has points that are no pairs of numbers"
    if len(points) < LEAST_POINTS[kind]:
        return f"is a {kind} of {len(points)} points"
    return None


def _is_point(point: Any) -> bool:
    return (
        isinstance(point, list)
        and len(point) == 2
        and all(type(value) in (int, float) for value in point)
    )
