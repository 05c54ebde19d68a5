"""Bands are known by name, whatever order a file stores them in."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.enums import ColorInterp

from datasets import DataError
from datasets.options import Dataset, prepare_dataset
from tests.datasets.raster.conftest import Opened
from tests.own_rasters import NAMES, noise, squares, write


def test_names_are_those_of_the_files(masked: Path, opened: Opened) -> None:
    source = opened()
    assert source.bands == NAMES and source.rgb == (2, 1, 0)


def test_another_stored_order_gives_the_same_pixels(masked: Path, opened: Opened) -> None:
    other = [3, 0, 1, 2]
    names = [NAMES[band] for band in other]
    write(masked / "images" / "scene_4.tif", noise(4)[other], names, (420_000, 5_600_000))
    source = opened()
    listing = source.find(masked, None)
    item = next(item for item in listing.splits["train"] if item.name == "scene_4")
    assert np.array_equal(source.read(item, listing.classes).image, noise(4))
    assert any("read by name: 1 image stored in another order" in note for note in listing.notes)


def test_contradicting_names_show_both_orders(masked: Path, opened: Opened) -> None:
    names = ("blue", "green", "red", "swir")
    write(masked / "images" / "scene_4.tif", noise(4), names, (420_000, 5_600_000))
    with pytest.raises(DataError) as error:
        opened()
    assert "names its bands blue, green, red, nir, but scene_4.tif blue, green, red, swir" in str(
        error.value
    )


def unnamed(root: Path, bands: int = 4) -> None:
    for number in range(1, 5):
        corner = (400_000 + 5000 * number, 5_600_000)
        write(root / "images" / f"s{number}.tif", noise(number, bands=bands), (), corner)
        write(root / "masks" / f"s{number}.tif", squares(number), (), corner)


def test_bands_without_names_are_numbered_and_a_note_asks_for_names(
    root: Path, opened: Opened
) -> None:
    unnamed(root, bands=5)
    source = opened()
    assert len(source.bands) == 5 and source.rgb is None
    assert any("write dataset.bands" in note for note in source.notes)


def test_dataset_bands_name_what_files_do_not(root: Path, opened: Opened) -> None:
    unnamed(root)
    assert opened(bands=list(NAMES)).bands == NAMES
    with pytest.raises(DataError, match=r"names 2 \(red, nir\), but s1.tif has 4 bands"):
        opened(bands=["red", "nir"])


def test_an_image_with_other_bands_is_a_problem_with_its_name(masked: Path, opened: Opened) -> None:
    write(masked / "images" / "scene_2.tif", noise(2, bands=3), NAMES[:3], (410_000, 5_600_000))
    (problem,) = opened().problems
    assert (
        problem.file.name == "scene_2.tif"
        and "has 3 bands, but scene_1.tif has 4" in problem.reason
    )


def test_near_infrared_is_not_taken_for_alpha(root: Path, opened: Opened) -> None:
    """GDAL calls the fourth band of bytes alpha."""
    meanings = (ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha)
    for number in range(1, 5):
        pixels = (noise(number) % 250 + 1).astype(np.uint8)
        write(root / "images" / f"s{number}.tif", pixels, (), meanings=meanings)
        write(root / "masks" / f"s{number}.tif", squares(number))
    names = ["red", "green", "blue", "nir"]
    source = opened(bands=names)
    item, *_ = source.find(root, None).splits["train"]
    labelled = source.read(item, source.annotations.classes)
    assert source.bands == tuple(names) and len(labelled.image) == 4 and labelled.valid is None
    unnamed_source = opened()
    with pytest.raises(DataError, match="such as nir, name all bands"):
        unnamed_source.read(item, source.annotations.classes)


def test_a_band_that_the_file_calls_nir_is_no_alpha(root: Path, opened: Opened) -> None:
    """Nor where it holds but 0 and 255, as a mask does."""
    pixels = np.full((4, 64, 64), 255, np.uint8)
    pixels[3, :16] = 0
    for number in range(1, 5):
        file = write(root / "images" / f"s{number}.tif", pixels, NAMES)
        write(root / "masks" / f"s{number}.tif", squares(number))
    with rasterio.open(file) as raster:
        assert raster.colorinterp[3] == ColorInterp.alpha
    source = opened()
    item, *_ = source.find(root, None).splits["train"]
    labelled = source.read(item, source.annotations.classes)
    assert source.bands == NAMES and labelled.valid is None
    np.testing.assert_array_equal(labelled.image, pixels)


def test_an_alpha_band_says_where_data_are(root: Path, opened: Opened) -> None:
    meanings = (ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha)
    for number in range(1, 5):
        pixels = (noise(number) % 250 + 1).astype(np.uint8)
        pixels[3] = 255
        pixels[3, :, :16] = 0
        write(root / "images" / f"s{number}.tif", pixels, (), meanings=meanings)
        write(root / "masks" / f"s{number}.tif", squares(number))
    source = opened()
    item, *_ = source.find(root, None).splits["train"]
    valid = source.read(item, source.annotations.classes).valid
    assert source.bands == ("red", "green", "blue")
    assert valid is not None and not valid[:, :16].any() and valid[:, 16:].all()


def test_complex_numbers_are_refused(masked: Path, opened: Opened) -> None:
    pixels = noise(2).astype(np.complex64)
    write(masked / "images" / "scene_2.tif", pixels, NAMES, (410_000, 5_600_000))
    (problem,) = opened().problems
    assert "holds complex numbers" in problem.reason


def test_what_cannot_be_used_stops_the_plan_or_is_skipped_with_its_name(
    masked: Path, tmp_path: Path
) -> None:
    write(masked / "images" / "scene_2.tif", noise(2, bands=3), NAMES[:3], (410_000, 5_600_000))
    options = Dataset(name="raster", root=masked, image_size=64)
    with pytest.raises(DataError, match=r"scene_2\.tif: has 3 bands, but scene_1\.tif has 4"):
        prepare_dataset(options, tmp_path / "cache")
    assert not [*(tmp_path / "cache").rglob("*.npz")], "it is known before pixels are read"
    prepared = prepare_dataset(options.model_copy(update={"skip_bad": True}), tmp_path / "cache")
    assert [problem.file for problem in prepared.skipped] == [Path("images/scene_2.tif")]
    assert sum(prepared.counts.values()) == 5


def test_wavelengths_that_are_told_say_what_bands_are(masked: Path, tmp_path: Path) -> None:
    keys = {"name": "raster", "root": masked, "image_size": 32}
    names = prepare_dataset(Dataset.model_validate(keys), tmp_path / "cache").bands
    told = {names[0]: 0.705}
    options = Dataset.model_validate({**keys, "wavelengths": told})
    first, *others = prepare_dataset(options, tmp_path / "cache").spectrum
    assert (first.common, first.wavelength) == ("rededge071", 0.705)
    assert [band.name for band in others] == list(names[1:])
    listed = [0.5 + number / 10 for number in range(len(names))]
    options = Dataset.model_validate({**keys, "wavelengths": listed})
    spectrum = prepare_dataset(options, tmp_path / "cache").spectrum
    assert [band.wavelength for band in spectrum] == listed


def test_wavelengths_of_other_bands_are_refused(masked: Path, tmp_path: Path) -> None:
    for given, message in (({"B99": 0.5}, "no band 'B99'"), ([0.5], "lists 1, but there are")):
        keys = {"name": "raster", "root": masked, "image_size": 32, "wavelengths": given}
        with pytest.raises(DataError, match=message):
            prepare_dataset(Dataset.model_validate(keys), tmp_path / "cache")
