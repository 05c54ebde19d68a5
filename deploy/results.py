"""What a model finds in one image, as arrays."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deploy.maps.classes import class_parts
from deploy.maps.images import Image
from deploy.maps.labels import labelled_tiles
from deploy.maps.objects import object_rows
from deploy.maps.tiles import Find
from deploy.trained import Trained
from runs.classes import BACKGROUND


@dataclass(frozen=True, eq=False)
class ClassMap:
    """The class of each pixel of an image.

    Attributes:
        mask: uint8 [H, W], class ids; 0 is background, 255 stands where the image holds no data.
        names: of class ids 0, 1, 2, …
    """

    mask: NDArray[np.uint8]
    names: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class FoundBoxes:
    """The N objects of an image, the surest first.

    Attributes:
        boxes: float32 [N, 4], x0 y0 x1 y1 in pixel edges of the image.
        scores: float32 [N], between 0 and 1.
        labels: int64 [N], class ids from 1.
        names: of class ids 0, 1, 2, …; no object is of 0, the background.
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    labels: NDArray[np.int64]
    names: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class TileLabels:
    """The classes of each tile of an image, or of the image where it is one tile.

    Attributes:
        windows: int64 [N, 4], x, y, width and height of each tile, in pixels of the image.
        labels: of each tile, the names of its classes.
        confidences: float32 [N, K], how sure the model is of each class, in [0, 1].
        names: of class ids 1, 2, …, the columns of `confidences`.
    """

    windows: NDArray[np.int64]
    labels: tuple[tuple[str, ...], ...]
    confidences: NDArray[np.float32]
    names: tuple[str, ...]


Result = ClassMap | FoundBoxes | TileLabels


def class_map(image: Image, trained: Trained, threshold: float | None) -> ClassMap:
    """The map that `python -m deploy predict` writes."""
    mask = whole_mask(image, trained, trained.find, threshold)
    return ClassMap(mask, names_of_ids(trained))


def found_boxes(image: Image, trained: Trained, threshold: float | None) -> FoundBoxes:
    """The boxes that `python -m deploy predict` writes."""
    rows = object_rows(image, trained.data, trained.find, trained.batch, threshold)
    found = [row.objects for row in rows]
    scores = np.concatenate([objects.scores for objects in found])
    order = np.argsort(-scores, kind="stable")
    return FoundBoxes(
        np.concatenate([objects.boxes for objects in found])[order].astype(np.float32),
        scores[order].astype(np.float32),
        np.concatenate([objects.labels for objects in found])[order],
        names_of_ids(trained),
    )


def tile_labels(image: Image, trained: Trained, threshold: float | None) -> TileLabels:
    """The labels that `python -m deploy predict` writes."""
    tiles = list(labelled_tiles(image, trained.data, trained.find, trained.batch, threshold))
    return TileLabels(
        np.array([tile.window for tile in tiles], dtype=np.int64).reshape(-1, 4),
        tuple(tile.names(trained.classes) for tile in tiles),
        np.array([tile.confidences for tile in tiles], np.float32).reshape(
            -1, len(trained.classes)
        ),
        trained.classes,
    )


def whole_mask(
    image: Image, trained: Trained, find: Find, threshold: float | None = None
) -> NDArray[np.uint8]:
    """Class ids [H, W] of an image whose mask fits in memory."""
    mask = np.empty((image.height, image.width), np.uint8)
    parts = class_parts(image, trained.data, find, trained.batch, threshold)
    for (x, y, width, height), part in parts:
        mask[y : y + height, x : x + width] = part
    return mask


def names_of_ids(trained: Trained) -> tuple[str, ...]:
    """Names of class ids 0, 1, 2, …"""
    return (BACKGROUND, *trained.classes)
