import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import rasterio.warp
import shapely
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.crs import CRS
from rasterio.features import geometry_mask
from shapely import Polygon

from datasets.source import DataError, Item, Tiling, Window
from datasets.spacenet import SpaceNet2, SpaceNet4

SIZE = 48
UTM = Affine(0.5, 0, 733601, 0, -0.5, 3725139)  # EPSG:32616
DEGREES = Affine(2.7e-6, 0, 32.52, 0, -2.7e-6, 15.61)  # EPSG:4326
HOUSES = [shapely.box(5, 6, 20, 17), Polygon([(25, 25), (44, 28), (30, 60)])]


def write_tile(file: Path, bands: int, crs: str | None, transform: Affine) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    profile = {"height": SIZE, "width": SIZE, "count": bands, "dtype": "uint16"}
    values = np.random.default_rng(0).integers(1, 2047, (bands, SIZE, SIZE), dtype=np.uint16)
    with rasterio.open(
        file, "w", driver="GTiff", crs=crs, transform=transform, **profile
    ) as raster:
        raster.write(values)
    return file


def placed(shapes: Sequence[Polygon], transform: Affine, crs: str, to: str) -> list[dict[str, Any]]:
    """Shapes in pixels as GeoJSON geometries in another reference system, by rasterio's way."""
    matrix = transform.to_shapely()
    there = [shapely.affinity.affine_transform(shape, matrix) for shape in shapes]
    return [rasterio.warp.transform_geom(crs, to, shape.__geo_interface__) for shape in there]


def _within_180(corners: np.ndarray) -> np.ndarray:
    return np.column_stack([(corners[:, 0] + 180) % 360 - 180, corners[:, 1]])


def collection(geometries: Sequence[Any], crs: str | None = None) -> dict[str, Any]:
    features = [
        {"type": "Feature", "properties": {"Anything": 1}, "geometry": one} for one in geometries
    ]
    named = {"crs": {"type": "name", "properties": {"name": crs}}} if crs else {}
    return {"type": "FeatureCollection", **named, "features": features}


@pytest.fixture
def write_city(tmp_path: Path) -> Callable[..., Item]:
    """Write one SpaceNet 2 tile and its label (object, text, or None for no file)."""

    def write(label: Any, crs: str | None = "EPSG:4326", transform: Affine = DEGREES) -> Item:
        tile = "AOI_2_Vegas_img7"
        image = write_tile(
            tmp_path / f"RGB-PanSharpen/RGB-PanSharpen_{tile}.tif", 3, crs, transform
        )
        file = tmp_path / f"geojson/buildings/buildings_{tile}.geojson"
        file.parent.mkdir(parents=True, exist_ok=True)
        if label is not None:
            file.write_text(label if isinstance(label, str) else json.dumps(label))
        return Item(tile, image, file if label is not None else None, tile)

    return write


@given(
    corners=st.lists(st.tuples(st.floats(1, 40), st.floats(1, 40)), min_size=1, max_size=4),
    side=st.floats(1, 12),
    to=st.sampled_from(["EPSG:4326", "EPSG:3857", "EPSG:32616", "EPSG:32617", "EPSG:2240"]),
    turn=st.floats(-40, 40),
)
@settings(max_examples=30)
def test_footprints_in_any_reference_system_come_back_to_their_pixels(
    tmp_path_factory: pytest.TempPathFactory,
    corners: list[tuple[float, float]],
    side: float,
    to: str,
    turn: float,
) -> None:
    root = tmp_path_factory.mktemp("city")
    transform = UTM @ Affine.rotation(turn)
    houses = [shapely.box(x, y, x + side, y + side / 2) for x, y in corners]
    image = write_tile(root / "tile.tif", 3, "EPSG:32616", transform)
    label = root / "tile.geojson"
    label.write_text(json.dumps(collection(placed(houses, transform, "EPSG:32616", to), to)))
    read = SpaceNet2().read(Item("tile", image, label, "tile"), ("building",))
    frame = shapely.box(0, 0, SIZE, SIZE)
    assert read.footprints is not None and len(read.footprints) == len(houses)
    for found, house in zip(read.footprints, houses, strict=True):
        assert shapely.hausdorff_distance(found, house.intersection(frame)) < 0.01
    expected = ~geometry_mask(houses, (SIZE, SIZE), Affine.identity())
    centres = shapely.points(*np.mgrid[:SIZE, :SIZE][::-1] + 0.5)
    sure = ~shapely.dwithin(shapely.union_all([h.boundary for h in houses]), centres, 0.01)
    assert read.mask is not None
    np.testing.assert_array_equal(read.mask[sure], expected[sure])


def test_coordinates_are_longitude_and_latitude_unless_said_otherwise(
    write_city: Callable[..., Item],
) -> None:
    item = write_city(collection(placed(HOUSES, DEGREES, "EPSG:4326", "EPSG:4326")))
    read = SpaceNet2().read(item, ("building",))
    assert read.image.dtype == np.uint16
    assert read.mask is not None
    assert read.mask[6:17, 5:20].all() and not read.mask[:5].any() and not read.mask[:, :4].any()


def test_a_tile_lies_where_its_part_of_the_image_lies(write_city: Callable[..., Item]) -> None:
    turned = UTM @ Affine.rotation(20)
    item = write_city(None, "EPSG:32616", turned)
    read = SpaceNet2().read(replace(item, window=Window(16, 8, 32, 40)), ("building",))
    assert read.place is not None and CRS.from_wkt(read.place.crs).to_epsg() == 32616
    there = Affine(*read.place.transform) @ (3, 5)
    assert there == pytest.approx(turned @ (16 + 3, 8 + 5), abs=1e-9)


def test_multipolygons_with_z_are_single_flat_footprints(write_city: Callable[..., Item]) -> None:
    parts = shapely.MultiPolygon([shapely.box(2, 2, 9, 9), shapely.box(20, 20, 30, 30)])
    (geometry,) = placed([parts], DEGREES, "EPSG:4326", "EPSG:4326")
    with_z = shapely.force_3d(shapely.geometry.shape(geometry), 3.5).__geo_interface__
    crs = "urn:ogc:def:crs:OGC:1.3:CRS84"
    read = SpaceNet2().read(write_city(collection([with_z], crs)), ("building",))
    assert [part.area for part in read.footprints or ()] == pytest.approx([49, 100], rel=1e-4)
    assert not any(part.has_z for part in read.footprints or ())


@pytest.mark.parametrize(
    "label", ["", " \n", {"features": []}, {"features": [{"geometry": None}]}, None]
)
def test_an_empty_or_missing_label_is_a_tile_without_buildings(
    write_city: Callable[..., Item], label: Any
) -> None:
    read = SpaceNet2().read(write_city(label, crs=None), ("building",))
    assert read.mask is not None and not read.mask.any()
    assert read.footprints == ()


BOW = {"type": "Polygon", "coordinates": [[[0, 0], [2e-5, 2e-5], [2e-5, 0], [0, 2e-5], [0, 0]]]}
HOUSE = placed(HOUSES[:1], DEGREES, "EPSG:4326", "EPSG:4326")[0]


@pytest.mark.parametrize(
    ("label", "reason"),
    [
        ('{"features": [', "is not JSON"),
        ({"type": "Feature"}, "has no 'features'"),
        ({"features": [{"properties": {}}]}, "has no 'geometry' in feature 0"),
        (collection([HOUSE, {"type": "Polygon"}]), "no geometry in feature 1"),
        (collection([HOUSE, BOW]), "feature 1 is not valid: Self-intersection"),
        (collection([{"type": "Point", "coordinates": [0, 0]}]), "feature 0 is a Point"),
        (collection([HOUSE], "EPSG:999999"), "reference system that is not known"),
        ({"features": [], "crs": "EPSG:4326"}, "reference system that is not known"),
        (collection([HOUSE], "EPSG:32616"), "1 footprints, none of them near its image"),
    ],
)
def test_an_unusable_label_is_named_with_the_reason(
    write_city: Callable[..., Item], label: Any, reason: str
) -> None:
    item = write_city(label)
    with pytest.raises(DataError, match=reason) as caught:
        SpaceNet2().read(item, ("building",))
    assert [problem.file for problem in caught.value.problems] == [item.label]


def test_footprints_beyond_180_degrees_are_those_of_the_other_side(
    write_city: Callable[..., Item],
) -> None:
    """An image across the antimeridian; what lies east of it is written as -179.99…°."""
    across = Affine(2.7e-6, 0, 180 - 10 * 2.7e-6, 0, -2.7e-6, 15.61)
    matrix = across.to_shapely()
    there = [shapely.affinity.affine_transform(house, matrix) for house in HOUSES]
    wrapped = shapely.transform(there, _within_180)
    item = write_city(collection([one.__geo_interface__ for one in wrapped]), transform=across)
    found = SpaceNet2().read(item, ("building",)).footprints
    assert found is not None and len(found) == len(HOUSES)
    assert found[0].symmetric_difference(HOUSES[0]).area < 0.01


def test_a_tile_without_reference_system_cannot_place_its_footprints(
    write_city: Callable[..., Item],
) -> None:
    item = write_city(collection([HOUSE]), crs=None)
    with pytest.raises(DataError, match="is not georeferenced") as caught:
        SpaceNet2().read(item, ("building",))
    assert caught.value.problems[0].file == item.image


def test_coordinates_that_no_projection_can_place_are_named(
    write_city: Callable[..., Item],
) -> None:
    beyond = {"type": "Polygon", "coordinates": [[[-84, 95], [-84, 96], [-83, 96], [-84, 95]]]}
    item = write_city(collection([beyond]), crs="EPSG:32616", transform=UTM)
    with pytest.raises(DataError, match=r"has coordinates beyond .* Invalid latitude") as caught:
        SpaceNet2().read(item, ("building",))
    assert caught.value.problems[0].file == item.label


def test_both_files_of_a_tile_are_named_when_both_are_bad(write_city: Callable[..., Item]) -> None:
    item = write_city("{}")
    item.image.write_bytes(b"II*\0 no tiff")
    with pytest.raises(DataError) as caught:
        SpaceNet2().read(item, ("building",))
    assert [problem.file for problem in caught.value.problems] == [item.image, item.label]


def test_a_city_lists_its_tiles_by_number_and_counts_what_is_missing(tmp_path: Path) -> None:
    for number in (10, 9, 2):
        tile = f"RGB-PanSharpen/RGB-PanSharpen_AOI_4_Shanghai_img{number}.tif"
        write_tile(tmp_path / tile, 3, "EPSG:4326", DEGREES)
    labels = tmp_path / "geojson/buildings"
    labels.mkdir(parents=True)
    for number in (2, 10, 11):
        (labels / f"buildings_AOI_4_Shanghai_img{number}.geojson").touch()
    (tmp_path / "RGB-PanSharpen/RGB-PanSharpen_AOI_4_Shanghai_img2.tif.aux.xml").touch()
    listing = SpaceNet2().find(tmp_path, None)
    assert list(listing.splits) == ["train"]
    items = listing.splits["train"]
    assert [item.scene for item in items] == [f"AOI_4_Shanghai_img{n}" for n in (2, 9, 10)]
    assert [item.label and item.label.stem[-1] for item in items] == ["2", None, "0"]
    assert listing.notes == (
        "without a GeoJSON, and so taken to have no buildings: 1 of 3 tiles",
        "1 GeoJSON file without an image, unused",
    )
    assert len(SpaceNet2().find(tmp_path, Tiling(32, 0)).splits["train"]) == 12


def test_all_views_of_a_place_are_one_scene_with_one_label(tmp_path: Path) -> None:
    views = ["Atlanta_nadir10_catid_1030010003993E00", "Atlanta_nadir10_catid_1030010003CAF100"]
    for view in views:
        for place in ("733601_3725139", "734051_3725139"):
            file = tmp_path / view / f"Pan-Sharpen/Pan-Sharpen_{view}_{place}.tif"
            write_tile(file, 4, "EPSG:32616", UTM)
    label = tmp_path / "geojson/spacenet-buildings/spacenet-buildings_733601_3725139.geojson"
    label.parent.mkdir(parents=True)
    houses = placed(HOUSES, UTM, "EPSG:32616", "EPSG:4326")
    label.write_text(json.dumps(collection(houses)))
    items = SpaceNet4().find(tmp_path, None).splits["train"]
    assert len({item.name for item in items}) == 4
    assert [item.scene for item in items] == ["733601_3725139", "734051_3725139"] * 2
    assert [item.label for item in items] == [label, None] * 2
    for item in items[::2]:
        read = SpaceNet4().read(item, ("building",))
        assert read.image.shape == (4, SIZE, SIZE)
        assert read.mask is not None and read.mask[7:16, 6:19].all()


@pytest.mark.parametrize("source", [SpaceNet2(), SpaceNet4()])
def test_a_root_without_tiles_says_what_was_looked_for(
    source: SpaceNet2 | SpaceNet4, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=r"has no tiles; looked for .*Pan-?Sharpen_.*\.tif"):
        source.find(tmp_path, None)


def test_tiles_without_any_label_are_not_taken_for_empty_ones(
    write_city: Callable[..., Item], tmp_path: Path
) -> None:
    write_city(None)
    with pytest.raises(DataError, match="none of 1 tiles has a GeoJSON"):
        SpaceNet2().find(tmp_path, None)
