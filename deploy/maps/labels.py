"""A classifier's labels over an image of any size: one answer a tile, side by side.

A tile has the size of a training image, in pixels of the file. An image of that size, or smaller,
is one tile. Nothing is blended: a label is of the whole tile, and tiles overlap only where the last
of a row or column is shifted back to the border.
"""

import csv
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

from datasets.source import Window
from deploy.maps.images import Image
from deploy.maps.tiles import Find, found_in_row, starts
from deploy.maps.vectors import crs_member, placed
from runs.files import whole_file
from runs.plain import in_spreadsheet
from runs.records import DataRecord

JOINT = "|"
"""Between several labels of a tile, as in tables that are trained on."""


class LabelledTile(NamedTuple):
    """A tile and its classes.

    Attributes:
        window: in pixels of the image; what reaches beyond it is cut off.
        classes: bool [K], those of class ids 1 … K that it has.
        confidences: float32 [K], how sure the model is of each.
    """

    window: Window
    classes: NDArray[np.bool_]
    confidences: NDArray[np.float32]

    def names(self, classes: tuple[str, ...]) -> tuple[str, ...]:
        """The names of its classes."""
        return tuple(name for name, has in zip(classes, self.classes, strict=True) if has)


def labelled_tiles(
    image: Image, data: DataRecord, find: Find, batch: int, threshold: float | None = None
) -> Iterator[LabelledTile]:
    """The tiles of an image row by row; those without any data are left out.

    Args:
        data: what the model was trained on.
        batch: tiles that are shown to the model at once.
        threshold: the lowest confidence of a class that a tile has: of multi-label data each class
            of at least that, else the surest if it is. None for the model's own rule.

    Raises:
        ModelError: the file is damaged.
    """
    height, width = data.window
    lefts = starts(image.width, width, 0)
    for top in starts(image.height, height, 0):
        pixels, valid = image.read(Window(0, top, max(image.width, width), height))
        for x, found in found_in_row(pixels, valid, lefts, width, data.image_size, batch, find):
            confidences = found["confidences"].cpu().numpy()
            classes = found["classes"].cpu().numpy()
            if threshold is not None and data.multi_label:
                classes = confidences >= threshold
            elif threshold is not None:
                classes = classes & (confidences >= threshold)
            window = Window(x, top, width, height).inside(image.height, image.width)
            yield LabelledTile(window, classes, confidences)


def write_label_table(file: Path, tiles: Iterable[LabelledTile], classes: tuple[str, ...]) -> None:
    """Write a line a tile, whole or not at all: its window, its labels, and each confidence."""
    with whole_file(file) as whole, whole.open("w", encoding="utf-8", newline="") as opened:
        table = csv.writer(opened, lineterminator="\n")
        table.writerow(("x", "y", "width", "height", "label", *map(in_spreadsheet, classes)))
        for tile in tiles:
            confidences = (f"{value:.4f}" for value in tile.confidences.tolist())
            label = in_spreadsheet(JOINT.join(tile.names(classes)))
            table.writerow((*tile.window, label, *confidences))


def write_label_geojson(
    file: Path, tiles: Iterable[LabelledTile], classes: tuple[str, ...], image: Image
) -> None:
    """Write a feature collection, whole or not at all.

    Raises:
        ModelError: the coordinate reference system has no name that GeoJSON could give.
    """
    with whole_file(file) as whole, whole.open("w", encoding="utf-8") as opened:
        opened.writelines(geojson_of_labels(tiles, classes, image))


def geojson_of_labels(
    tiles: Iterable[LabelledTile], classes: tuple[str, ...], image: Image
) -> Iterator[str]:
    """The text of a feature collection: the outline of each tile, `label` and `confidences`."""
    crs = json.dumps(crs_member(image.crs))
    yield f'{{"type": "FeatureCollection", "crs": {crs}, "features": ['
    separator = "\n"
    for tile in tiles:
        x, y, width, height = tile.window
        outline = placed(shapely.box(x, y, x + width, y + height), image.transform)
        confidences = zip(classes, tile.confidences.tolist(), strict=True)
        feature = {
            "type": "Feature",
            "properties": {
                "label": JOINT.join(tile.names(classes)),
                "confidences": {name: round(value, 4) for name, value in confidences},
            },
            "geometry": shapely.geometry.mapping(shapely.orient_polygons(outline)),
        }
        yield separator + json.dumps(feature)
        separator = ",\n"
    yield "\n]}\n"
