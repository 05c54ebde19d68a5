"""Polygons of a layer on images in other reference systems."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import rasterio.warp
import shapely
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from rasterio.crs import CRS
from rasterio.features import shapes as outlines_of
from shapely.geometry import shape as shape_of
from shapely.geometry.base import BaseGeometry

from datasets.layers import VectorFile, describe_vector
from datasets.polygons import boxes_in, burn_classes, features_in, images_beside, overlaps
from datasets.rasters import RasterInfo
from datasets.source import DataError, Window
from datasets.vectors import in_pixels, moved

SIZE = 60
UTM = CRS.from_epsg(32633)
DEGREES = CRS.from_epsg(4326)
WHOLE = Window(0, 0, SIZE, SIZE)
IDS = {"field": 1, "pond": 2}
INFO = RasterInfo(SIZE, SIZE, 1, "uint8", UTM, Affine(10, 0, 500_000, 0, -10, 5_400_000))


def on_the_ground(polygon: BaseGeometry, crs: CRS, info: RasterInfo = INFO) -> BaseGeometry:
    """A geometry in pixels of `info`, in coordinates of `crs`."""

    def project(corners: np.ndarray) -> np.ndarray:
        x, y = moved(corners, info.transform).T
        return np.stack(rasterio.warp.transform(info.crs, crs, x, y), axis=1)

    return shapely.transform(polygon, project)


def layer(
    folder: Path,
    shapes: Sequence[BaseGeometry],
    values: Sequence[str | None],
    crs: CRS = DEGREES,
    info: RasterInfo = INFO,
) -> VectorFile:
    """A GeoPackage of geometries that are given in pixels of `info`."""
    file = folder / "labels.gpkg"
    pyogrio.raw.write(
        file,
        shapely.to_wkb([on_the_ground(shape, crs, info) for shape in shapes]),
        [np.array(values, dtype=object)],
        ["kind"],
        layer="cover",
        driver="GPKG",
        geometry_type="Unknown",
        crs=f"EPSG:{crs.to_epsg()}",
    )
    return describe_vector(file)


@given(
    st.lists(st.tuples(st.floats(0, SIZE), st.floats(0, SIZE)), min_size=3, max_size=8),
    st.sampled_from([4326, 3857, 32632, 3035]),
)
def test_geometries_come_back_to_where_they_were(
    corners: list[tuple[float, float]], code: int
) -> None:
    line = shapely.LineString(corners)
    crs = CRS.from_epsg(code)
    (back,) = in_pixels(Path("x"), np.array([on_the_ground(line, crs)]), crs, INFO)
    np.testing.assert_allclose(shapely.get_coordinates(back), corners, atol=1e-4)


@pytest.mark.parametrize("code", [4326, 3857, 32633])
def test_a_mask_made_to_polygons_is_burned_as_it_was(code: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    mask = np.kron(rng.integers(0, 3, (12, 12)), np.ones((5, 5))).astype(np.uint8)
    names = {number: name for name, number in IDS.items()}
    traced = [(shape_of(shape), names[value]) for shape, value in outlines_of(mask) if value]
    shapes, values = zip(*traced, strict=True)
    vector = layer(tmp_path, shapes, values, CRS.from_epsg(code))
    features = features_in(vector, "kind", INFO)
    np.testing.assert_array_equal(burn_classes(features, IDS, WHOLE), mask)
    part = Window(13, 7, 20, 31)
    tile = burn_classes(features_in(vector, "kind", INFO, part), IDS, part)
    np.testing.assert_array_equal(tile, mask[7:38, 13:33])
    assert features.repaired == 0 and overlaps(features) == 0


def test_boxes_are_cut_off_at_the_border(tmp_path: Path) -> None:
    shapes = [shapely.box(10, 20, 15, 40), shapely.box(-30, 50, 12, 100)]
    features = features_in(layer(tmp_path, shapes, ["pond", "field"]), "kind", INFO)
    assert shapely.total_bounds(features.polygons)[[0, 3]].tolist() == [0, SIZE]
    boxes, labels = boxes_in(features, IDS, WHOLE)
    order = np.argsort(labels)
    np.testing.assert_allclose(boxes[order], [[0, 50, 12, 60], [10, 20, 15, 40]], atol=1e-3)
    assert labels[order].tolist() == [1, 2]


def test_each_part_of_a_multipolygon_is_an_object(tmp_path: Path) -> None:
    both = shapely.MultiPolygon([shapely.box(2, 2, 9, 9), shapely.box(20, 20, 30, 30)])
    features = features_in(layer(tmp_path, [both], ["pond"]), "kind", INFO)
    assert len(features.polygons) == 2 and features.values == ("pond", "pond")


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_smaller_polygon_is_on_top(order: tuple[int, int], tmp_path: Path) -> None:
    drawn = [(shapely.box(10, 10, 50, 50), "field"), (shapely.box(20, 20, 30, 30), "pond")]
    shapes, values = zip(*(drawn[index] for index in order), strict=True)
    vector = layer(tmp_path, shapes, values)
    features = features_in(vector, "kind", INFO)
    mask = burn_classes(features, IDS, WHOLE)
    assert mask[25, 25] == 2 and mask[15, 15] == 1
    assert overlaps(features) == 1


def test_the_order_is_of_whole_polygons_not_of_what_a_tile_shows(tmp_path: Path) -> None:
    """In this tile the field shows less of itself than the pond does."""
    shapes = [shapely.box(0, 0, 11, 60), shapely.box(10, 0, 20, 20)]
    vector = layer(tmp_path, shapes, ["field", "pond"])
    tile = Window(10, 0, 10, 10)
    mask = burn_classes(features_in(vector, "kind", INFO, tile), IDS, tile)
    assert (mask == 2).all()


def test_a_pixel_may_count_as_touched(tmp_path: Path) -> None:
    features = features_in(
        layer(tmp_path, [shapely.box(5.6, 5.6, 7.4, 7.4)], ["pond"]), "kind", INFO
    )
    assert (burn_classes(features, IDS, WHOLE) > 0).sum() == 1
    assert (burn_classes(features, IDS, WHOLE, all_touched=True) > 0).sum() == 9


def test_a_line_that_crosses_itself_is_mended_and_counted(tmp_path: Path) -> None:
    bow_tie = shapely.Polygon([(10, 10), (30, 30), (30, 10), (10, 30)])
    features = features_in(layer(tmp_path, [bow_tie], ["pond"]), "kind", INFO)
    assert features.repaired == 1 and shapely.is_valid(features.polygons).all()
    assert shapely.area(features.polygons).sum() == pytest.approx(200, rel=1e-3)


def test_a_feature_without_class_is_left_out_and_counted(tmp_path: Path) -> None:
    vector = layer(tmp_path, [shapely.box(1, 1, 9, 9), shapely.box(20, 20, 30, 30)], ["pond", None])
    features = features_in(vector, "kind", INFO)
    assert features.values == ("pond",) and features.without_class == 1
    assert features_in(vector, None, INFO).values == ("cover", "cover")


def test_a_feature_that_is_no_polygon_is_named(tmp_path: Path) -> None:
    vector = layer(tmp_path, [shapely.box(1, 1, 9, 9), shapely.Point(5, 5)], ["pond", "field"])
    with pytest.raises(DataError, match=r"must hold polygons only .*: feature 2 is a Point"):
        features_in(vector, "kind", INFO)


def test_a_polygon_over_half_the_earth_is_burned(tmp_path: Path) -> None:
    """Most of it has no place in the image's zone of UTM; its edges are parallels, not lines."""
    file = tmp_path / "labels.geojson"
    half = shapely.box(-100, 48.7, 100, 89)
    file.write_text(
        f'{{"type": "Feature", "properties": {{}}, "geometry": {shapely.to_geojson(half)}}}'
    )
    wide = replace(INFO, width=6000, height=60, transform=Affine(10, 0, 500_000, 0, -10, 5_394_500))
    features = features_in(describe_vector(file), None, wide)
    mask = burn_classes(features, {"labels": 1}, Window(0, 0, 6000, 60))
    x, y = moved(
        np.stack(np.meshgrid(np.arange(6000), np.arange(60)), -1).reshape(-1, 2) + 0.5,
        wide.transform,
    ).T
    _, latitude = rasterio.warp.transform(UTM, DEGREES, x, y)
    inside = np.array(latitude).reshape(60, 6000) >= 48.7
    assert 0 < inside.mean() < 1
    assert (mask == inside).mean() > 0.999


def test_features_on_both_sides_of_the_180th_meridian_are_found(tmp_path: Path) -> None:
    zone = CRS.from_epsg(32760)
    (x,), (y,) = rasterio.warp.transform(DEGREES, zone, [180], [-17])
    fiji = replace(INFO, crs=zone, transform=Affine(10, 0, x - 300, 0, -10, y + 300))
    left, right = shapely.box(2, 2, 6, 6), shapely.box(50, 50, 58, 58)
    vector = layer(tmp_path, [left, right], ["pond", "field"], info=fiji)
    assert vector.bounds is not None and vector.bounds[0] < -179 and vector.bounds[2] > 179
    boxes, _ = boxes_in(features_in(vector, "kind", fiji), IDS, WHOLE)
    np.testing.assert_allclose(sorted(boxes.tolist()), [[2, 2, 6, 6], [50, 50, 58, 58]], atol=1e-2)


def test_labels_beside_all_images_are_refused_with_both_extents(tmp_path: Path) -> None:
    vector = layer(tmp_path, [shapely.box(1, 1, 9, 9)], ["pond"])
    far = replace(INFO, transform=Affine(10, 0, 600_000, 0, -10, 5_300_000))
    assert images_beside(vector, {Path("a.tif"): INFO, Path("b.tif"): far}) == (Path("b.tif"),)
    said = r"lies beside all 1 images: its features are at x 15\.0.* to .*, the images at x 16\.3"
    with pytest.raises(DataError, match=said):
        images_beside(vector, {Path("b.tif"): far})


def test_an_image_without_place_takes_no_polygons(tmp_path: Path) -> None:
    vector = layer(tmp_path, [shapely.box(1, 1, 9, 9)], ["pond"])
    nowhere = replace(INFO, crs=None, transform=Affine.identity())
    with pytest.raises(DataError, match=r"a\.tif is not georeferenced \(1 of 1 images"):
        images_beside(vector, {Path("a.tif"): nowhere})
    with pytest.raises(DataError, match="cannot be laid upon an image that is not georeferenced"):
        features_in(vector, "kind", nowhere)
