"""SpaceNet 2 and 4: building footprints in pan-sharpened satellite images.

Both are uint16 GeoTIFF tiles of some 11 bits and GeoJSON footprints; one class. A tile whose
GeoJSON is missing or empty (no features, or no bytes at all, as some are) has no buildings.

SpaceNet 2 (WorldView-3, 0.3 m, 650 × 650 pixels, 24,586 tiles of Las Vegas, Paris, Shanghai and
Khartoum, 302,701 buildings); the root is one city's folder, `AOI_N_City_Train`:

    RGB-PanSharpen/RGB-PanSharpen_AOI_5_Khartoum_imgN.tif       red, green, blue; EPSG:4326
    geojson/buildings/buildings_AOI_5_Khartoum_imgN.geojson
    summaryData/AOI_5_Khartoum_Train_Building_Solutions.csv     (not read here)

SpaceNet 4 (WorldView-2, 0.5 m, 900 × 900 pixels, Atlanta seen 27 times from 7° to 54° off nadir,
126,747 buildings); all views of a place share one label, and a place lies in one split:

    Atlanta_nadirA_catid_C/Pan-Sharpen/Pan-Sharpen_Atlanta_nadirA_catid_C_X_Y.tif
                                                                blue, green, red, nir; EPSG:32616
    geojson/spacenet-buildings/spacenet-buildings_X_Y.geojson

Footprints may be in any coordinate reference system: the GeoJSON's `crs` member names it, and
without one it is longitude and latitude (RFC 7946). Properties are not read: their names vary.

Papers: Van Etten et al., "SpaceNet: A Remote Sensing Dataset and Challenge Series", 2018,
arXiv:1807.01232; Weir et al., "SpaceNet MVOI: A Multi-View Overhead Imagery Dataset", ICCV 2019,
arXiv:1903.12239. The band order of SpaceNet 4 is that of the challenge's own baseline.
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import shapely
from rasterio.crs import CRS
from rasterio.errors import CRSError
from shapely import Polygon

from datasets.rasters import RasterInfo, raster_info, read_image
from datasets.samples import spacenet as synthetic
from datasets.scenes import collected, cut_scene, refusal, unusable
from datasets.source import (
    DataError,
    Item,
    Label,
    Labelled,
    Listing,
    Problem,
    Tiling,
    Window,
    natural_key,
)
from datasets.vectors import Outline, burn, in_pixels, parse_json, polygons_of, read_bytes
from runs.errors import counted

CLASSES = ("building",)
LONGITUDE_LATITUDE = "EPSG:4326"


class SpaceNet2:
    """One city of SpaceNet 2 as a `Source`. See the module for its format."""

    name = "spacenet2"
    title = "SpaceNet 2"
    bands: tuple[str, ...] = ("red", "green", "blue")
    rgb = (0, 1, 2)
    labels: frozenset[Label] = frozenset({"masks", "footprints"})
    tiled = True

    def find(self, root: Path, tiling: Tiling | None) -> Listing:
        """All tiles of the city, as training data: the release has no other labels."""
        images = _matches(root / "RGB-PanSharpen", r"RGB-PanSharpen_(AOI_\d+_\w+?_img\d+)\.tif")
        footprints = _matches(
            root / "geojson/buildings", r"buildings_(AOI_\d+_\w+?_img\d+)\.geojson"
        )
        tiles = [Item(tile, file, footprints.get(tile), tile) for tile, file in images.items()]
        looked_for = "RGB-PanSharpen/RGB-PanSharpen_AOI_5_Khartoum_img1.tif"
        return _listing(self.title, root, "AOI", tiles, footprints, looked_for, tiling)

    def read(self, item: Item, classes: tuple[str, ...]) -> Labelled:  # noqa: ARG002
        """Image uint16 [3, H, W], mask of buildings, and the outline of each."""
        return _read(item, self.bands, self.title)

    def write_sample(self, root: Path, seed: int) -> None:
        """Write a synthetic Khartoum."""
        synthetic.write_khartoum(root, seed)


class SpaceNet4:
    """SpaceNet 4 as a `Source`. See the module for its format."""

    name = "spacenet4"
    title = "SpaceNet 4"
    bands: tuple[str, ...] = ("blue", "green", "red", "nir")
    rgb = (2, 1, 0)
    labels: frozenset[Label] = frozenset({"masks", "footprints"})
    tiled = True

    def find(self, root: Path, tiling: Tiling | None) -> Listing:
        """All views of all places, as training data: the release has no other labels."""
        images: dict[str, Path] = {}
        for view in root.glob("*_nadir*_catid_*/Pan-Sharpen"):
            images |= _matches(view, rf"Pan-Sharpen_({re.escape(view.parent.name)}_\d+_\d+)\.tif")
        footprints = _matches(
            root / "geojson/spacenet-buildings", r"spacenet-buildings_(\d+_\d+)\.geojson"
        )
        tiles = []
        for tile in sorted(images, key=natural_key):
            place = "_".join(tile.split("_")[-2:])
            tiles.append(Item(tile, images[tile], footprints.get(place), place))
        looked_for = "Atlanta_nadirA_catid_C/Pan-Sharpen/Pan-Sharpen_Atlanta_nadirA_catid_C_X_Y.tif"
        return _listing(self.title, root, "views", tiles, footprints, looked_for, tiling)

    def read(self, item: Item, classes: tuple[str, ...]) -> Labelled:  # noqa: ARG002
        """Image uint16 [4, H, W], mask of buildings, and the outline of each."""
        return _read(item, self.bands, self.title)

    def write_sample(self, root: Path, seed: int) -> None:
        """Write a synthetic Atlanta."""
        synthetic.write_atlanta(root, seed)


def _matches(folder: Path, pattern: str) -> dict[str, Path]:
    """Files of a folder by the first group of their name, in natural order; none without it."""
    files = folder.iterdir() if folder.is_dir() else ()
    found = {hit[1]: file for file in files if (hit := re.fullmatch(pattern, file.name))}
    return {key: found[key] for key in sorted(found, key=natural_key)}


def _listing(
    title: str,
    root: Path,
    layout: str,
    tiles: Sequence[Item],
    footprints: dict[str, Path],
    looked_for: str,
    tiling: Tiling | None,
) -> Listing:
    if not tiles:
        raise DataError(f"No {title} data: {root} has no tiles; looked for {looked_for}")
    used = {tile.label for tile in tiles} - {None}
    if not used:
        raise DataError(
            f"{title} under {root}: none of {len(tiles)} tiles has a GeoJSON under geojson; unpack"
            " the labels beside the images"
        )
    notes = []
    if without := sum(tile.label is None for tile in tiles):
        notes.append(
            f"without a GeoJSON, and so taken to have no buildings: {without} of"
            f" {counted(len(tiles), 'tile')}"
        )
    if orphans := len(footprints) - len(used):
        notes.append(f"{counted(orphans, 'GeoJSON file')} without an image, unused")
    items = tuple(part for tile in tiles for part in cut_scene(tile, tiling))
    return Listing(layout, CLASSES, {"train": items}, tuple(notes))


class _Features(NamedTuple):
    """The geometries of a GeoJSON file in coordinates of `crs`."""

    crs: CRS
    outlines: list[Outline]


def _read(item: Item, bands: tuple[str, ...], title: str) -> Labelled:
    problems: list[Problem] = []
    image, features = None, None
    with collected(problems):
        info = raster_info(item.image)
        image, valid = read_image(item.image, bands, title, item.window)
    with collected(problems):
        features = _read_features(item.label)
    if image is None or features is None:
        raise refusal(problems)
    window = item.window or Window(0, 0, info.width, info.height)
    mask, footprints = burn(_to_pixels(item, features, info), window)
    place = info.place and info.place.within(item.window)
    return Labelled(
        image, mask, footprints=footprints, place=place, valid=valid, remark=info.remark
    )


def _read_features(file: Path | None) -> _Features:
    nothing = _Features(CRS.from_string(LONGITUDE_LATITUDE), [])
    if file is None:
        return nothing
    text = read_bytes(file)
    if not text.strip():
        return nothing
    content = parse_json(file, text)
    features = content.get("features")
    if not isinstance(features, list):
        raise unusable(file, "has no 'features': it is no GeoJSON FeatureCollection")
    outlines = [_outline(file, number, feature) for number, feature in enumerate(features)]
    return _Features(_crs(file, content.get("crs")), [found for found in outlines if found])


def _outline(file: Path, number: int, feature: Any) -> Outline | None:
    """The geometry of a feature; None where it has none, as GeoJSON allows."""
    if not isinstance(feature, dict) or "geometry" not in feature:
        raise unusable(file, f"has no 'geometry' in feature {number}")
    geometry = feature["geometry"]
    if geometry is None:
        return None
    try:
        return Outline(f"feature {number}", shapely.from_geojson(json.dumps(geometry)))
    except shapely.GEOSException as error:
        raise unusable(file, f"holds no geometry in feature {number}: {error}") from None


def _crs(file: Path, member: Any) -> CRS:
    if member is None:
        return CRS.from_string(LONGITUDE_LATITUDE)
    try:
        return CRS.from_string(member["properties"]["name"])
    except (CRSError, KeyError, TypeError, AttributeError):
        raise unusable(
            file, f"names a coordinate reference system that is not known: {json.dumps(member)}"
        ) from None


def _to_pixels(item: Item, features: _Features, info: RasterInfo) -> tuple[Polygon, ...]:
    """Single polygons in pixels of the whole image: x right, y down, (0, 0) its corner."""
    if item.label is None or not features.outlines:
        return ()
    if info.crs is None:
        how = f"placed by {info.placed_by}" if info.placed_by else "not georeferenced"
        warp = "; warp it first (gdalwarp)" if info.placed_by else ""
        raise unusable(
            item.image, f"is {how}: the footprints in {item.label} have no place on it{warp}"
        )
    names, shapes = zip(*features.outlines, strict=True)
    placed = in_pixels(item.label, np.array(shapes), features.crs, info)
    polygons = polygons_of(item.label, list(map(Outline, names, placed)))
    _refuse_elsewhere(item.label, polygons, info)
    return polygons


def _refuse_elsewhere(label: Path, polygons: Sequence[Polygon], info: RasterInfo) -> None:
    """Refuse footprints that all lie far from the image: their coordinates are misunderstood."""
    around = shapely.box(-info.width, -info.height, 2 * info.width, 2 * info.height)
    if polygons and not shapely.intersects(around, np.array(polygons)).any():
        raise unusable(
            label,
            f"holds {len(polygons)} footprints, none of them near its image: is its coordinate"
            " reference system the right one?",
        )
