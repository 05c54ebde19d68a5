"""What an image is to a model: which of its bands, of which scale, from which format."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import rasterio

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
        ([1, 2], "2 are chosen, but the model takes 3: red, green, blue"),
        ([0, 1, 2], "has no band 0: they run from 1 to 4"),
        (["red", "rde", 1], "describes no band as 'rde'; did you mean 'Red'"),
        (None, "has 4 bands.*choose those with --bands"),
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
