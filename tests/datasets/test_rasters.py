import warnings
from pathlib import Path

import h5py
import numpy as np
import pytest
import rasterio
from PIL import Image, ImageOps
from rasterio.control import GroundControlPoint
from rasterio.rpc import RPC
from rasterio.transform import from_origin

from datasets import DataError, Window
from datasets.rasters import displacement, raster_info, read_image, read_raster

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
    with pytest.raises(DataError, match="is not there"):
        raster_info(tmp_path / "b.tif")


RGB = ("red", "green", "blue")


@pytest.mark.parametrize("tag", range(1, 9))
@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif"])
@pytest.mark.parametrize("size", [(64, 64), (48, 80)])
def test_an_image_is_read_as_a_viewer_shows_it(
    tmp_path: Path, name: str, tag: int, size: tuple[int, int]
) -> None:
    stored = np.zeros((*size, 3), np.uint8)
    stored[8:16, 16:40] = (255, 128, 0)
    exif = Image.Exif()
    exif[0x0112] = tag
    Image.fromarray(stored).save(tmp_path / name, exif=exif, **JPEG.get(name, {}))
    with Image.open(tmp_path / name) as image:
        shown = np.asarray(ImageOps.exif_transpose(image)).transpose(2, 0, 1)
    info = raster_info(tmp_path / name)
    assert (info.height, info.width) == shown.shape[1:]
    np.testing.assert_array_equal(read_image(tmp_path / name, RGB, "COCO JSON")[0], shown)
    window = read_raster(tmp_path / name, Window(4, 10, 30, 20))
    np.testing.assert_array_equal(window, shown[:, 10:30, 4:34])


JPEG = {"a.jpg": {"quality": 100, "subsampling": 0}}


def test_a_file_with_a_place_on_earth_is_not_turned(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(PIXELS.transpose(1, 2, 0)).save(tmp_path / "a.tif", exif=exif)
    with rasterio.open(tmp_path / "a.tif", "r+") as raster:
        raster.crs, raster.transform = "EPSG:2180", from_origin(500_000, 300_000, 0.25, 0.25)
    np.testing.assert_array_equal(read_raster(tmp_path / "a.tif"), PIXELS)


def test_complex_numbers_and_indices_of_colours_are_no_image(tmp_path: Path) -> None:
    write(tmp_path / "sar.tif", PIXELS.astype(np.complex64))
    with pytest.raises(DataError, match=r"complex numbers \(complex64\): make an amplitude"):
        read_image(tmp_path / "sar.tif", RGB, "COCO JSON")
    with rasterio.open(tmp_path / "map.tif", "w", "GTiff", 8, 8, 1, dtype="uint8") as raster:
        raster.write_colormap(1, {1: (255, 0, 0, 255)})
        raster.write(np.ones((1, 8, 8), np.uint8))
    with pytest.raises(DataError, match=r"indices of a colour table.*-expand rgb"):
        read_image(tmp_path / "map.tif", RGB, "COCO JSON")
    assert (read_raster(tmp_path / "map.tif") == 1).all()  # a mask


def test_an_alpha_band_says_which_pixels_hold_data_unless_it_is_no_mask(tmp_path: Path) -> None:
    alpha = np.full((1, 90, 120), 255, np.uint8)
    alpha[0, :30] = 0
    file = write(
        tmp_path / "a.tif", np.concatenate([PIXELS, alpha]), photometric="rgb", ALPHA="YES"
    )
    pixels, valid = read_image(file, RGB, "COCO JSON", Window(10, 20, 50, 40))
    np.testing.assert_array_equal(pixels, PIXELS[:, 20:60, 10:60])
    assert valid is not None and not valid[:10].any() and valid[10:].all()
    file = write(
        tmp_path / "b.tif", np.concatenate([PIXELS, PIXELS[:1]]), photometric="rgb", ALPHA="YES"
    )
    with pytest.raises(DataError, match="band 4, which it marks as alpha: a mask holds 0 and 255"):
        read_image(file, RGB, "COCO JSON")
    pixels, valid = read_image(file, (*RGB, "nir"), "COCO JSON")
    assert len(pixels) == 4 and valid is None


def test_an_image_placed_by_points_lies_nowhere_and_says_so(tmp_path: Path) -> None:
    points = [GroundControlPoint(row, col, col, -row) for row in (0, 90) for col in (0, 120)]
    by_points = raster_info(write(tmp_path / "a.tif", gcps=points, crs="EPSG:32633"))
    rpcs = RPC(
        **dict.fromkeys(("height_off", "height_scale", "lat_off", "lat_scale"), 1.0),
        **dict.fromkeys(("line_off", "line_scale", "long_off", "long_scale"), 1.0),
        **dict.fromkeys(("samp_off", "samp_scale"), 1.0),
        **{f"{at}_{part}_coeff": [1.0] * 20 for at in ("line", "samp") for part in ("den", "num")},
    )
    by_rpcs = raster_info(write(tmp_path / "b.tif", rpcs=rpcs))
    assert by_points.place is None and by_points.placed_by == "ground control points"
    assert by_rpcs.place is None and "(RPC)" in str(by_rpcs.placed_by)
    assert raster_info(write(tmp_path / "c.tif")).placed_by is None


def test_an_empty_file_is_said_to_be_empty(tmp_path: Path) -> None:
    (tmp_path / "a.tif").touch()
    with pytest.raises(DataError, match=r"a\.tif.* cannot be read: it is empty"):
        raster_info(tmp_path / "a.tif")


def test_a_container_is_named_with_what_it_holds(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as container:
        container["ndvi"] = np.zeros((20, 20), np.float32)
        container["cloud"] = np.zeros((20, 20), np.float32)
    with pytest.raises(DataError, match=r"2 rasters \(cloud, ndvi\).*gdal_translate 'HDF5:"):
        raster_info(tmp_path / "a.h5")


@pytest.mark.parametrize(
    ("crs", "pixel"), [("EPSG:2180", 0.25), ("EPSG:2180", 30.0), ("EPSG:4326", 2.7e-6)]
)
@pytest.mark.parametrize("shift", [0.0, 0.05, 0.3, 360.0])
def test_a_mask_s_shift_is_in_pixels_whatever_the_unit(
    tmp_path: Path, crs: str, pixel: float, shift: float
) -> None:
    corner = (15.0, 52.0)
    infos = [
        raster_info(
            write(tmp_path / name, crs=crs, transform=from_origin(x, corner[1], pixel, pixel))
        )
        for name, x in (("a.tif", corner[0]), ("b.tif", corner[0] + shift * pixel))
    ]
    assert displacement(*infos) == pytest.approx(shift, abs=1e-6)
