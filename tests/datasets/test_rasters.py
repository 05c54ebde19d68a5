import warnings
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from datasets import DataError, Window
from datasets.rasters import raster_info, read_raster

PIXELS = np.random.default_rng(0).integers(0, 256, (3, 90, 120), dtype=np.uint8)
DRIVERS = {"tif": "GTiff", "png": "PNG", "jpg": "JPEG"}


def write(file: Path, pixels: np.ndarray = PIXELS, **options: object) -> Path:
    profile = {"driver": DRIVERS[file.suffix[1:]], "dtype": pixels.dtype, **options}
    count, height, width = pixels.shape
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(file, "w", count=count, height=height, width=width, **profile) as raster:
            raster.write(pixels)
    return file


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", ["a.tif", "a.png"])
def test_a_window_is_what_lies_there(tmp_path: Path, name: str) -> None:
    file = write(tmp_path / name)
    np.testing.assert_array_equal(read_raster(file), PIXELS)
    found = read_raster(file, Window(x=30, y=20, width=50, height=10))
    np.testing.assert_array_equal(found, PIXELS[:, 20:30, 30:80])


def test_the_header_tells_size_type_and_place(tmp_path: Path) -> None:
    place = {"crs": "EPSG:2180", "transform": from_origin(500_000, 300_000, 0.25, 0.25)}
    info = raster_info(write(tmp_path / "a.tif", PIXELS.astype(np.uint16) * 9, **place))
    assert (info.height, info.width, info.count, info.dtype) == (90, 120, 3, "uint16")
    assert info.crs is not None and info.crs.to_epsg() == 2180
    assert info.transform == place["transform"]
    assert raster_info(write(tmp_path / "a.png")).crs is None


@pytest.mark.parametrize("suffix", DRIVERS)
@pytest.mark.parametrize("share", [0, 0.5, 0.97])
def test_a_truncated_file_is_never_made_up(tmp_path: Path, suffix: str, share: float) -> None:
    whole = write(tmp_path / f"whole.{suffix}").read_bytes()
    file = tmp_path / f"cut.{suffix}"
    file.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(DataError) as caught:
        read_raster(file)
    ((named, reason),) = caught.value.problems
    assert named == file and reason.startswith("cannot be read: ")
    assert str(tmp_path) not in reason and "\n" not in reason


def test_a_tile_that_reaches_beyond_the_image_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path / "a.tif")
    assert read_raster(file, Window(70, 40, 50, 50)).shape == (3, 50, 50)
    with pytest.raises(DataError, match="is 90 × 120: the tile of 50 × 50 at row 41, column 70"):
        read_raster(file, Window(70, 41, 50, 50))


def test_what_is_no_image_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_text("<html>Not found</html>")
    with pytest.raises(DataError, match="not recognized as being in a supported file format"):
        raster_info(tmp_path / "a.tif")
    with pytest.raises(DataError, match="No such file"):
        raster_info(tmp_path / "b.tif")
