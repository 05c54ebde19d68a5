"""Rows of tiles that are read once are the same pixels, in every thread."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from datasets import DataError, strips
from datasets.rasters import read_raster
from datasets.source import Window

HEIGHT, WIDTH, SIDE = 48, 200, 16
WINDOWS = [
    Window(x, y, min(SIDE, WIDTH - x), SIDE)
    for y in range(0, HEIGHT, SIDE)
    for x in range(0, WIDTH, SIDE)
]


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 60_000, (3, HEIGHT, WIDTH)).astype(np.uint16)


def write(file: Path, pixels: np.ndarray, **form: Any) -> Path:
    form |= {"count": len(pixels), "dtype": pixels.dtype, "crs": "EPSG:32633"}
    form |= {"transform": rasterio.Affine(1, 0, 5e5, 0, -1, 5e6)}
    with rasterio.open(file, "w", "GTiff", WIDTH, HEIGHT, **form) as raster:
        raster.write(pixels)
    return file


@pytest.mark.parametrize("form", [{"blockysize": 1}, {"blockysize": 5}, {"tiled": True}])
@pytest.mark.parametrize("largest", [strips.LARGEST, 1000])
def test_each_tile_is_what_lies_there(
    tmp_path: Path,
    pixels: np.ndarray,
    form: dict[str, Any],
    largest: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(strips, "LARGEST", largest)
    file = write(tmp_path / "a.tif", pixels, compress="deflate", **form)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda window: read_raster(file, window), WINDOWS))
    for (x, y, width, height), part in zip(WINDOWS, found, strict=True):
        np.testing.assert_array_equal(part, pixels[:, y : y + height, x : x + width])


def test_a_file_that_has_changed_is_read_again(tmp_path: Path, pixels: np.ndarray) -> None:
    file = write(tmp_path / "a.tif", pixels, blockysize=1)
    read_raster(file, WINDOWS[0])
    file.unlink()
    write(file, pixels + 1, blockysize=1)
    np.testing.assert_array_equal(read_raster(file, WINDOWS[1]), pixels[:, :16, 16:32] + 1)


def test_a_tile_may_be_changed_by_who_reads_it(tmp_path: Path, pixels: np.ndarray) -> None:
    file = write(tmp_path / "a.tif", pixels, blockysize=1)
    read_raster(file, WINDOWS[0])[:] = 0
    np.testing.assert_array_equal(read_raster(file, WINDOWS[0]), pixels[:, :16, :16])


def test_a_row_that_cannot_be_read_fails_for_each_tile_of_it(
    tmp_path: Path, pixels: np.ndarray
) -> None:
    file = write(tmp_path / "a.tif", pixels, blockysize=1, compress="deflate")
    content = bytearray(file.read_bytes())
    content[len(content) // 2 :] = bytes(len(content) - len(content) // 2)
    file.write_bytes(content)
    for window in WINDOWS[-2:]:
        with pytest.raises(DataError, match=r"a\.tif"):
            read_raster(file, window)
