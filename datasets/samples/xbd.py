"""A synthetic xBD: the `train` part, its scenes in three disasters and two kinds of town.

A few buildings have courtyards. Some scenes have a post-disaster image and label too, as all of
the real ones do, for a reader to leave alone.
"""

import json
import uuid
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import shapely
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning
from rasterio.features import rasterize
from shapely import Polygon

from datasets.samples.town import ARID, BACKGROUND, TEMPERATE, Look, Town, make_town

DISASTERS: dict[str, tuple[Look, int]] = {
    "hurricane-harvey": (TEMPERATE, 4),
    "santa-rosa-wildfire": (TEMPERATE, 3),
    "mexico-earthquake": (ARID, 3),
}
SIZE = 1024
WITH_POST = 1  # scenes of each disaster that have an image from after it
WALL = 6  # pixels between the outside of a building and its courtyard
DEGREES = 4.5e-6  # a pixel of half a metre
CORNER = (-95.0, 30.0)  # longitude and latitude of every scene's corner

Pixels = NDArray[np.uint8]


def write(root: Path, seed: int) -> None:
    """Write train/images and train/labels for all of `DISASTERS`."""
    images, labels = root / "train/images", root / "train/labels"
    images.mkdir(parents=True)
    labels.mkdir(parents=True)
    for index, (disaster, (look, count)) in enumerate(DISASTERS.items()):
        for number in range(count):
            rng = np.random.default_rng([seed, index, number])
            scene = f"{disaster}_{number:08}"
            image, buildings = _with_courtyard(make_town(rng, SIZE, look))
            uids = [str(uuid.UUID(bytes=rng.bytes(16), version=4)) for _ in buildings]
            times: dict[str, Pixels] = {"pre": image}
            if number < WITH_POST:
                times["post"] = image // 2 + 40
            for time, pixels in times.items():
                name = f"{scene}_{time}_disaster"
                _write_png(images / f"{name}.png", pixels)
                label = _label(buildings, uids, disaster, name)
                (labels / f"{name}.json").write_text(json.dumps(label))


def _with_courtyard(town: Town) -> tuple[Pixels, list[Polygon]]:
    """The image uint8 [3, S, S] and its buildings, the roomiest of which gets a courtyard."""
    image = np.round(town.image * 255).astype(np.uint8)
    buildings = list(town.buildings)
    yards = shapely.buffer(buildings, -WALL, join_style="mitre")
    roomiest = int(np.argmax(shapely.area(yards)))
    yard = max(shapely.get_parts(yards[roomiest]), key=shapely.area)
    buildings[roomiest] = Polygon(buildings[roomiest].exterior, [yard.exterior])
    inside = rasterize([yard], out_shape=image.shape[1:]) == 1
    ground = np.median(image[:, town.classes == BACKGROUND], axis=1).astype(np.uint8)
    image[:, inside] = image[:, inside] // 8 + (ground - ground // 8)[:, None]
    return image, buildings


def _label(buildings: list[Polygon], uids: list[str], disaster: str, name: str) -> dict[str, Any]:
    degrees = [
        shapely.transform(one, lambda xy: CORNER + xy * (DEGREES, -DEGREES)) for one in buildings
    ]
    return {
        "features": {
            "lng_lat": _features(degrees, uids, name),
            "xy": _features(buildings, uids, name),
        },
        "metadata": {
            "sensor": "SYNTHETIC",
            "gsd": 0.5,
            "disaster": disaster,
            "original_width": SIZE,
            "original_height": SIZE,
            "width": SIZE,
            "height": SIZE,
            "img_name": f"{name}.png",
        },
    }


def _features(shapes: list[Polygon], uids: list[str], name: str) -> list[dict[str, Any]]:
    damage = {"subtype": "no-damage"} if "_post_" in name else {}
    return [
        {
            "properties": {"feature_type": "building", **damage, "uid": uid},
            "wkt": shapely.to_wkt(shape, rounding_precision=9),
        }
        for shape, uid in zip(shapes, uids, strict=True)
    ]


def _write_png(file: Path, image: Pixels) -> None:
    count, height, width = image.shape
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(
            file,
            "w",
            driver="PNG",
            height=height,
            width=width,
            count=count,
            dtype="uint8",
            zlevel=1,
        ) as raster:
            raster.write(image)
