"""Two synthetic cities as SpaceNet has them: a temperate one to learn from, an arid one to go to.

They differ in what was built (sizes, roofs, gaps, ground) and in how it was seen: Atlanta by
WorldView-2 in four bands from three angles, hazier the further off nadir, Khartoum by WorldView-3
in three bands through dusty air, with other gains. A network that knows only Atlanta finds few of
Khartoum's buildings.
"""

import csv
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import rasterio.warp
import shapely
from affine import Affine
from numpy.typing import NDArray
from scipy import ndimage
from shapely import Polygon

from datasets.samples.terrain import Field
from datasets.samples.town import ARID, TEMPERATE, WATER, WOODLAND, Town, make_town
from datasets.vectors import moved

SIZE = 256
DIGITAL_NUMBERS = 2047  # 11 bits

PLACES = 16
VIEWS = {  # folder: share of the light that is haze, blur in pixels
    "Atlanta_nadir8_catid_10300100023BC100": (0.0, 0.0),
    "Atlanta_nadir25_catid_103001000307D800": (0.1, 0.4),
    "Atlanta_nadir44_catid_1030010003CCD700": (0.25, 0.8),
}
BUSINESS = replace(  # flat pale roofs and worn ground: what of Atlanta is not unlike Khartoum
    TEMPERATE,
    ground=((0.50, 0.46, 0.35), (0.56, 0.50, 0.40), (0.43, 0.44, 0.29)),
    roofs=((0.78, 0.76, 0.72), (0.62, 0.60, 0.57), (0.46, 0.42, 0.38), (0.50, 0.26, 0.20)),
    gables=0.2,
)
ATLANTA = (733601, 3725139)  # easting and northing in UTM zone 16 N
ATLANTA_PIXEL = 0.5  # metres
ATLANTA_GAIN = np.array([620, 760, 700, 950])  # digital numbers of a white surface, blue to nir
ATLANTA_HAZE = np.array([420, 380, 300, 240])

TILES = 72
KHARTOUM = (32.52, 15.61)  # longitude and latitude
KHARTOUM_PIXEL = 0.3  # metres
KHARTOUM_DEGREES = 2.7e-6  # the same in degrees
KHARTOUM_GAIN = np.array([1150, 1050, 800])  # red to blue
KHARTOUM_OFFSET = np.array([140, 190, 230])
NO_FEATURES, NO_BYTES, NO_FILE = 5, 11, 17  # tiles without houses, by what stands for their label

LONGITUDE_LATITUDE = "urn:ogc:def:crs:OGC:1.3:CRS84"


def write_atlanta(root: Path, seed: int) -> None:
    """Write SpaceNet 4: every place in every view, one GeoJSON a place."""
    labels = root / "geojson/spacenet-buildings"
    labels.mkdir(parents=True)
    for view in VIEWS:
        (root / view / "Pan-Sharpen").mkdir(parents=True)
    step = round(SIZE * ATLANTA_PIXEL)
    for number in range(PLACES):
        rng = np.random.default_rng([seed, 4, number])
        look = BUSINESS if number % 2 else TEMPERATE
        town = make_town(rng, SIZE, look, ATLANTA_PIXEL)
        row, column = divmod(number, 4)
        x, y = ATLANTA[0] + column * step, ATLANTA[1] - row * step
        transform = Affine(ATLANTA_PIXEL, 0, x, 0, -ATLANTA_PIXEL, y)
        for view, (haze, blur) in VIEWS.items():
            file = root / view / "Pan-Sharpen" / f"Pan-Sharpen_{view}_{x}_{y}.tif"
            _write_tile(file, _off_nadir(rng, town, haze, blur), "EPSG:32616", transform)
        places = _place(town.buildings, transform, "EPSG:32616")
        _write_geojson(labels / f"spacenet-buildings_{x}_{y}.geojson", places)


def write_khartoum(root: Path, seed: int) -> None:
    """Write AOI_5_Khartoum_Train of SpaceNet 2, `root` being that folder."""
    images, labels = root / "RGB-PanSharpen", root / "geojson/buildings"
    summary = root / "summaryData"
    for folder in (images, labels, summary):
        folder.mkdir(parents=True)
    rows: list[tuple[str, int, str, str]] = []
    for index in range(TILES):
        rng = np.random.default_rng([seed, 2, index])
        bare = index in (NO_FEATURES, NO_BYTES, NO_FILE)
        town = make_town(rng, SIZE, replace(ARID, built=0) if bare else ARID, KHARTOUM_PIXEL)
        tile = f"AOI_5_Khartoum_img{1 + 7 * index // 4}"  # some numbers are not given, as there
        row, column = divmod(index, 8)
        corner = np.array(KHARTOUM) + np.array([column, -row]) * SIZE * KHARTOUM_DEGREES
        transform = Affine(KHARTOUM_DEGREES, 0, corner[0], 0, -KHARTOUM_DEGREES, corner[1])
        reflected = town.image * KHARTOUM_GAIN[:, None, None] + KHARTOUM_OFFSET[:, None, None]
        _write_tile(images / f"RGB-PanSharpen_{tile}.tif", reflected, "EPSG:4326", transform)
        places = _place(town.buildings, transform, "EPSG:4326")
        label = labels / f"buildings_{tile}.geojson"
        if index == NO_BYTES:
            label.touch()
        elif index != NO_FILE:
            _write_geojson(label, places)
        rows += _solutions(tile, town.buildings, places)
    with (summary / "AOI_5_Khartoum_Train_Building_Solutions.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["ImageId", "BuildingId", "PolygonWKT_Pix", "PolygonWKT_Geo"])
        writer.writerows(rows)


def _off_nadir(rng: np.random.Generator, town: Town, haze: float, blur: float) -> Field:
    """Digital numbers [4, S, S], blue, green, red and nir."""
    red, green, blue = town.image
    vegetation = np.clip(2 * green - red - blue, 0, None)
    nir = 1.1 * red + 1.5 * vegetation + 0.25 * (town.classes == WOODLAND)
    nir[town.classes == WATER] *= 0.25
    surface = np.stack([blue, green, red, nir])
    surface = ndimage.gaussian_filter(surface, (0, blur, blur)) * ATLANTA_GAIN[:, None, None]
    seen: Field = (1 - haze) * surface + (0.4 + haze) * ATLANTA_HAZE[:, None, None]
    return seen + rng.normal(0, 4, seen.shape)


def _place(buildings: Sequence[Polygon], transform: Affine, crs: str) -> list[Polygon]:
    """Outlines in pixels as longitude and latitude, with a Z of 0, as the real ones have."""

    def to_degrees(corners: NDArray[np.float64]) -> NDArray[np.float64]:
        coordinates = moved(corners, transform).T
        return np.stack(rasterio.warp.transform(crs, "EPSG:4326", *coordinates), axis=1)

    return [shapely.force_3d(shapely.transform(one, to_degrees)) for one in buildings]


def _write_geojson(file: Path, places: Sequence[Polygon]) -> None:
    features: list[dict[str, Any]] = [
        {"type": "Feature", "properties": {"OBJECTID": number}, "geometry": one.__geo_interface__}
        for number, one in enumerate(places, 1)
    ]
    crs = {"type": "name", "properties": {"name": LONGITUDE_LATITUDE}}
    content = {"type": "FeatureCollection", "crs": crs, "features": features}
    file.write_text(json.dumps(content))


def _solutions(
    tile: str, buildings: Sequence[Polygon], places: Sequence[Polygon]
) -> list[tuple[str, int, str, str]]:
    """Rows of the solution file: Z without the letter, as written there."""
    if not buildings:
        return [(tile, -1, "POLYGON EMPTY", "POLYGON EMPTY")]
    pixels = shapely.to_wkt(shapely.force_3d(np.array(buildings)), old_3d=True)
    degrees = shapely.to_wkt(np.array(places), rounding_precision=12, old_3d=True)
    return [
        (tile, number, *texts) for number, texts in enumerate(zip(pixels, degrees, strict=True), 1)
    ]


def _write_tile(file: Path, numbers: Field, crs: str, transform: Affine) -> None:
    bands, height, width = numbers.shape
    with rasterio.open(
        file,
        "w",
        driver="GTiff",
        height=height,
        width=width,
        count=bands,
        dtype="uint16",
        crs=crs,
        transform=transform,
        compress="deflate",
        predictor=2,
    ) as raster:
        raster.write(np.clip(np.round(numbers), 1, DIGITAL_NUMBERS).astype(np.uint16))
