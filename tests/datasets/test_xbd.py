import json
import os
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely
from rasterio.crs import CRS

from datasets.source import DataError, Item, Tiling, Window
from datasets.xbd import XBD

SOURCE = XBD()
SHED = "POLYGON ((4 4, 10 4, 10 9, 4 9, 4 4))"
COURT = "POLYGON ((20 10, 40 10, 40 30, 20 30, 20 10), (25 15, 35 15, 35 25, 25 25, 25 15))"

WriteScene = Callable[..., Item]


def features(*outlines: str) -> dict[str, Any]:
    listed = [{"wkt": wkt, "properties": {"uid": f"u{n}"}} for n, wkt in enumerate(outlines)]
    return {"features": {"xy": listed, "lng_lat": []}, "metadata": {"width": 64, "height": 48}}


@pytest.fixture
def write_scene(tmp_path: Path) -> WriteScene:
    """Write an image of 48 × 64 and its label; None leaves either out."""

    def write(
        label: Any, scene: str = "flood_00000001", part: str = "train", time: str = "pre"
    ) -> Item:
        image = tmp_path / part / "images" / f"{scene}_{time}_disaster.png"
        file = tmp_path / part / "labels" / f"{scene}_{time}_disaster.json"
        image.parent.mkdir(parents=True, exist_ok=True)
        file.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(0).integers(0, 255, (3, 48, 64), dtype=np.uint8)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
            with rasterio.open(
                image, "w", driver="PNG", height=48, width=64, count=3, dtype="uint8"
            ) as raster:
                raster.write(pixels)
        if label is not None:
            file.write_text(label if isinstance(label, str) else json.dumps(label))
        return Item(f"{part}/{scene}", image, file if label is not None else None, scene)

    return write


def test_buildings_are_filled_and_courtyards_are_not(write_scene: WriteScene) -> None:
    read = SOURCE.read(write_scene(features(SHED, COURT)), ("building",))
    assert (read.image.shape, read.image.dtype) == ((3, 48, 64), np.uint8)
    expected = np.zeros((48, 64), np.uint8)
    expected[4:9, 4:10] = 1
    expected[10:30, 20:40] = 1
    expected[15:25, 25:35] = 0
    assert read.mask is not None
    np.testing.assert_array_equal(read.mask, expected)
    assert [part.area for part in read.footprints or ()] == [30, 300]


def test_a_tile_has_its_part_of_the_image_and_of_the_buildings(write_scene: WriteScene) -> None:
    whole = SOURCE.read(write_scene(features(SHED, COURT)), ("building",))
    root = next(iter(write_scene(features(SHED, COURT)).image.parents[2:]))
    tiles = SOURCE.find(root, Tiling(32, 0)).splits["train"]
    assert [tile.name for tile in tiles][:2] == [
        "train/flood_00000001_0_0",
        "train/flood_00000001_32_0",
    ]
    read = SOURCE.read(tiles[3], ("building",))  # rows 16 to 48, columns 32 to 64
    np.testing.assert_array_equal(read.image, whole.image[:, 16:48, 32:64])
    assert whole.mask is not None and read.mask is not None
    np.testing.assert_array_equal(read.mask, whole.mask[16:48, 32:64])
    assert sum(part.area for part in read.footprints or ()) == 8 * 14 - 3 * 9


def placed(label: dict[str, Any], moved: int = 0) -> dict[str, Any]:
    """`label` with longitudes and latitudes; the second building lies `moved` pixels further."""
    for number, one in enumerate(label["features"]["xy"]):
        shape = shapely.transform(
            shapely.from_wkt(one["wkt"]),
            lambda xy, off=number * moved: (-95.0, 30.0) + (xy + off) * (4.5e-6, -4e-6),
        )
        label["features"]["lng_lat"].append({**one, "wkt": shapely.to_wkt(shape, 12)})
    return label


def test_buildings_in_degrees_tell_where_a_tile_lies(write_scene: WriteScene) -> None:
    scene = write_scene(placed(features(SHED, COURT)))
    read = SOURCE.read(replace(scene, window=Window(32, 16, 32, 32)), ("building",))
    assert read.place is not None and CRS.from_wkt(read.place.crs).to_epsg() == 4326
    expected = (4.5e-6, 0, -95 + 32 * 4.5e-6, 0, -4e-6, 30 - 16 * 4e-6)
    np.testing.assert_allclose(read.place.transform, expected, rtol=0, atol=1e-11)


@pytest.mark.parametrize(
    "label",
    [
        features(SHED, COURT),
        placed(features()),
        placed(features(SHED, COURT), moved=30),
        {**features(SHED), "features": {**features(SHED)["features"], "lng_lat": "?"}},
    ],
    ids=["no degrees", "no buildings", "not affine", "no list"],
)
def test_without_buildings_in_degrees_that_fit_there_is_no_place(
    write_scene: WriteScene, label: dict[str, Any]
) -> None:
    assert SOURCE.read(write_scene(label), ("building",)).place is None


def test_parts_become_splits_and_post_disaster_files_are_left_alone(
    write_scene: WriteScene, tmp_path: Path
) -> None:
    for part, scene in (("train", 10), ("train", 2), ("tier3", 3), ("hold", 4), ("test", 5)):
        for time in ("pre", "post"):
            write_scene(features(SHED), f"flood_{scene:08}", part, time)
    (tmp_path / "train/targets").mkdir()
    listing = SOURCE.find(tmp_path, None)
    assert {split: [item.name for item in items] for split, items in listing.splits.items()} == {
        "train": ["train/flood_00000002", "train/flood_00000010", "tier3/flood_00000003"],
        "val": ["hold/flood_00000004"],
        "test": ["test/flood_00000005"],
    }
    items = [item for items in listing.splits.values() for item in items]
    assert all("_pre_" in item.image.name for item in items)
    assert all(item.label and "_pre_" in item.label.name for item in items)
    assert listing.notes == ()


def test_what_has_no_partner_is_reported(write_scene: WriteScene, tmp_path: Path) -> None:
    item = write_scene(features(SHED))
    write_scene(features(SHED), "flood_00000002").image.unlink()
    write_scene(None, "flood_00000003")
    write_scene(None, "flood_00000004", "test")
    listing = SOURCE.find(tmp_path, None)
    assert listing.notes == (
        "in train/labels, 1 file without an image, unused",
        "in test/images, 1 image without labels, unused",
    )
    assert list(listing.splits) == ["train"]
    first, second = listing.splits["train"]
    assert first == item
    with pytest.raises(DataError, match=r"flood_00000003_pre_disaster\.png has no labels"):
        SOURCE.read(second, ("building",))


def test_one_scene_in_two_splits_is_refused(write_scene: WriteScene, tmp_path: Path) -> None:
    write_scene(features(SHED))
    write_scene(features(SHED), part="test")
    with pytest.raises(DataError, match="flood_00000001 lies in both train and test"):
        SOURCE.find(tmp_path, None)


def test_a_root_without_scenes_says_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"train.*_pre_disaster\.png with labels/") as caught:
        SOURCE.find(tmp_path, None)
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize(
    ("label", "reason"),
    [
        ("", "is not JSON"),
        ('{"features": ', "is not JSON"),
        ({"metadata": {}}, "has no 'features'"),
        ({"features": {"lng_lat": []}}, "has no list of buildings 'xy'"),
        ({"features": {"xy": [{"properties": {}}]}}, "has no 'wkt' in building 0"),
        (features(SHED, "POLYGON ((0 0, 1 0"), "does not parse in building u1"),
        (features("POLYGON ((0 0, 2 2, 2 0, 0 2, 0 0))"), r"building u0 is not valid: Self-inter"),
        (features("POINT (3 3)"), "building u0 is a Point"),
        (
            {**features(), "metadata": {"width": 64, "height": 64}},
            "of an image of 64 × 64, but .* 48 × 64",
        ),
    ],
)
def test_an_unusable_label_is_named_with_the_reason(
    write_scene: WriteScene, label: Any, reason: str
) -> None:
    item = write_scene(label)
    with pytest.raises(DataError, match=reason) as caught:
        SOURCE.read(item, ("building",))
    assert [problem.file for problem in caught.value.problems] == [item.label]


def test_both_files_of_a_scene_are_named_when_both_are_bad(write_scene: WriteScene) -> None:
    item = write_scene("{}")
    item.image.write_bytes(item.image.read_bytes()[:300])
    with pytest.raises(DataError) as caught:
        SOURCE.read(item, ("building",))
    assert [problem.file for problem in caught.value.problems] == [item.image, item.label]


def test_a_scene_that_has_changed_is_read_again(write_scene: WriteScene) -> None:
    item = write_scene(features(SHED))
    before = SOURCE.read(item, ("building",))
    before.image[:] = 0
    assert SOURCE.read(item, ("building",)).image.any()
    write_scene(features(COURT))
    assert item.label is not None
    os.utime(item.label, ns=(1, 1))
    footprints = SOURCE.read(item, ("building",)).footprints
    assert footprints is not None and shapely.equals(footprints[0], shapely.from_wkt(COURT))
