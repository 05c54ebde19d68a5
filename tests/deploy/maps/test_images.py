"""What an image is to a model: which of its bands, of which scale, from which format."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import rasterio
from PIL import Image as Photograph

from datasets import DataError
from datasets.source import Window
from deploy.errors import ModelError
from deploy.maps.images import open_array, open_image
from runs.factory import run_record
from runs.records import DataRecord

WHOLE = Window(0, 0, 32, 32)


def data(**changes: Any) -> DataRecord:
    """What a model was trained on: bytes of three bands, unless `changes` say otherwise."""
    return run_record([{"backbone": "any"}], data=changes).data


@pytest.fixture
def four_bands(tmp_path: Path) -> Path:
    """Bands whose values are 10, 20, 30 and 40; the last two are described."""
    file = tmp_path / "scene.tif"
    form = {"dtype": "uint8", "photometric": "minisblack", "ALPHA": "NO"}
    with rasterio.open(file, "w", "GTiff", 32, 32, 4, **form) as raster:
        raster.write(np.broadcast_to(np.uint8([10, 20, 30, 40])[:, None, None], (4, 32, 32)))
        raster.descriptions = (None, None, "Red", "NIR")
    return file


@pytest.mark.parametrize(
    ("bands", "values"), [([3, 1, 2], [30, 10, 20]), (["red", 2, "nir"], [30, 20, 40])]
)
def test_bands_are_chosen_by_number_and_by_name(
    four_bands: Path, bands: list[int | str], values: list[int]
) -> None:
    with open_image(four_bands, data(), bands) as image:
        pixels, _ = image.read(WHOLE)
    assert pixels[:, 0, 0].tolist() == values


@pytest.mark.parametrize(
    ("bands", "sentence"),
    [
        ([1, 2], "--bands chooses 2, but 3 are wanted: red, green, blue"),
        ([0, 1, 2], "has no band 0: they run from 1 to 4"),
        (["red", "rde", 1], "names no band 'rde'; did you mean 'Red'"),
        (None, "has 4 bands.*choose them with --bands"),
    ],
)
def test_bands_that_are_not_there_are_refused(
    four_bands: Path, bands: list[int | str] | None, sentence: str
) -> None:
    with pytest.raises(ModelError, match=sentence), open_image(four_bands, data(), bands):
        pass


def test_an_image_of_the_data_set_is_read_as_its_reader_does(tmp_path: Path) -> None:
    """Landslide4Sense has its bands last, in HDF5; GDAL takes rows for bands."""
    stored = np.random.default_rng(0).random((128, 128, 14))
    file = tmp_path / "image_1.h5"
    with h5py.File(file, "w") as opened:
        opened["img"] = stored
    half = {"mean": [0.5] * 3, "std": [0.3] * 3, "dtype": "float32"}
    record = data(name="landslide4sense", bands=["B4", "B3", "B2"], **half)
    with open_image(file, record) as image:
        pixels, valid = image.read(Window(0, 0, 128, 128))
    assert np.allclose(pixels, stored[:, :, [3, 2, 1]].transpose(2, 0, 1))
    assert valid.all()
    file.write_bytes(b"")
    with pytest.raises(DataError, match=r"image_1\.h5 cannot be read"), open_image(file, record):
        pass


@pytest.mark.parametrize(
    ("factor", "sentence"),
    [(1 / 255, "255 times smaller than the training data, about red"), (100, "times larger")],
)
def test_values_of_another_scale_are_refused(factor: float, sentence: str) -> None:
    record = data(dtype="float32")
    usual = np.broadcast_to(np.float32(record.mean)[:, None, None], (3, 32, 32)).copy()
    with open_array(usual, record):
        pass
    other = (usual * np.hypot(1, np.divide(record.std, record.mean))[:, None, None]) * factor
    with pytest.raises(ModelError, match=sentence), open_array(other, record):
        pass


def test_a_dark_or_empty_image_is_not_of_another_scale() -> None:
    for value in (0, 4, 255):
        with open_array(np.full((3, 32, 32), value, np.uint8), data()) as image:
            assert image.sample(16).shape == (3, 256)


@pytest.mark.parametrize(
    ("shape", "dtype", "sentence"),
    [
        ((32, 30, 3), "uint8", r"shape \(32, 30, 3\) has its bands last: give array.transpose"),
        ((32, 32), "uint8", r"shape \(32, 32\): give numbers of shape \(bands, height, width\)"),
        ((3, 32, 32), "complex64", "the array is complex64"),
        ((3, 32, 32), "float32", "holds float32, but the model was trained on uint8, about red"),
    ],
)
def test_arrays_of_another_form_are_refused(
    shape: tuple[int, ...], dtype: str, sentence: str
) -> None:
    with pytest.raises(ModelError, match=sentence), open_array(np.ones(shape, dtype), data()):
        pass


def test_four_bands_of_bytes_in_memory_have_no_alpha() -> None:
    """GDAL takes the fourth band of a file for alpha; where it is 0 there would be no data."""
    record = data(bands=["red", "green", "blue", "nir"], mean=[100.0] * 4, std=[50.0] * 4)
    pixels = np.full((4, 32, 32), 100, np.uint8)
    pixels[3] = 0
    with open_array(pixels, record) as image:
        found, valid = image.read(WHOLE)
    assert (found == pixels).all()
    assert valid.all()


@pytest.mark.parametrize("size", [(64, 64), (48, 80)])
@pytest.mark.parametrize("name", ["a.jpg", "a.png"])
def test_a_photograph_is_shown_upright(tmp_path: Path, name: str, size: tuple[int, int]) -> None:
    pixels = np.full((*size, 3), 90, np.uint8)
    pixels[8:16, 8:16] = 200
    exif = Photograph.Exif()
    exif[0x0112] = 6
    Photograph.fromarray(pixels).save(tmp_path / name, exif=exif)
    with open_image(tmp_path / name, data()) as image:
        height, width = image.height, image.width
        found, valid = image.read(Window(width - 32, 0, 64, 32))  # half of it is out of the image
    assert (height, width) == size[::-1]
    bright = np.argwhere(found[0] > 150)
    assert bright.min(axis=0).tolist() == [8, 16] and bright.max(axis=0).tolist() == [15, 23]
    assert valid[:, :32].all() and not valid[:, 32:].any()


def test_a_band_marked_as_alpha_that_is_no_mask_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "scene.tif"
    form = {"dtype": "uint8", "photometric": "rgb", "ALPHA": "YES"}
    with rasterio.open(file, "w", "GTiff", 32, 32, 4, **form) as raster:
        raster.write(np.random.default_rng(0).integers(0, 256, (4, 32, 32), dtype=np.uint8))
    with pytest.raises(ModelError, match="marks as alpha"), open_image(file, data()):
        pass
    record = data(bands=["red", "green", "blue", "nir"], mean=[100.0] * 4, std=[50.0] * 4)
    with open_image(file, record) as image:
        assert image.read(WHOLE)[1].all()


def test_complex_numbers_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "sar.tif"
    with rasterio.open(file, "w", "GTiff", 32, 32, 3, dtype="complex64") as raster:
        raster.write(np.ones((3, 32, 32), np.complex64))
    with (
        pytest.raises(ModelError, match="complex numbers"),
        open_image(file, data(dtype="float32")),
    ):
        pass
