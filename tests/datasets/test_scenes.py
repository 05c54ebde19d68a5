from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from datasets.scenes import cut_scene
from datasets.source import Item, Tiling, Window


@pytest.fixture
def scene(tmp_path: Path) -> Item:
    file = tmp_path / "scene.tif"
    profile = {"height": 40, "width": 70, "count": 1, "dtype": "uint8"}
    with rasterio.open(
        file, "w", driver="GTiff", transform=Affine.translation(5, 5), **profile
    ) as raster:
        raster.write(np.zeros((1, 40, 70), np.uint8))
    return Item("part/scene", file, None, "scene")


def test_a_scene_is_one_item_without_tiling(scene: Item) -> None:
    assert cut_scene(scene, None) == [scene]


def test_tiles_keep_the_scene_and_are_named_by_their_corner(scene: Item) -> None:
    tiles = cut_scene(scene, Tiling(32, 0))
    corners = [(0, 0), (32, 0), (38, 0), (0, 8), (32, 8), (38, 8)]
    assert [tile.name for tile in tiles] == [f"part/scene_{x}_{y}" for x, y in corners]
    assert [tile.window for tile in tiles] == [Window(x, y, 32, 32) for x, y in corners]
    assert {(tile.scene, tile.image) for tile in tiles} == {("scene", scene.image)}


def test_a_scene_that_cannot_be_opened_is_left_for_reading_to_name(scene: Item) -> None:
    scene.image.write_bytes(b"no image")
    assert cut_scene(scene, Tiling(32, 0)) == [scene]
