"""Which bands of a file are meant, by the names that real files give them."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
import rasterio
from rasterio.enums import ColorInterp
from rasterio.io import DatasetReader

from datasets import DataError
from datasets.bands import Bands, bands_of, stored_bands

RGB = ("red", "green", "blue")


@contextmanager
def opened(
    tmp_path: Path,
    names: Sequence[str | None],
    dtype: str = "uint16",
    colours: Sequence[ColorInterp] = (),
    **options: str,
) -> Iterator[DatasetReader]:
    """A file with a band for each of `names`, described so, and interpreted as `colours`."""
    file = tmp_path / "scene.tif"
    form = {"driver": "GTiff", "height": 8, "width": 8, "count": len(names), "dtype": dtype}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(file, "w", **form, **options) as raster:
            raster.descriptions = tuple(names)
            if colours:
                raster.colorinterp = colours
        with rasterio.open(file) as reader:
            yield reader


@pytest.mark.parametrize(
    ("names", "numbers"),
    [
        (["blue", "green", "red", "nir"], (3, 2, 1)),
        (["B02", "B03", "B04", "B08"], (3, 2, 1)),
        (["NIR", "R", "G", "B"], (2, 3, 4)),
        (["Band 1", "Band 2", "Band 3"], (1, 2, 3)),  # no names
        (["red", None, None], (1, 2, 3)),
        ([None, None, None], (1, 2, 3)),
    ],
)
def test_bands_are_found_by_their_names_or_else_by_their_order(
    tmp_path: Path, names: list[str | None], numbers: tuple[int, ...]
) -> None:
    with opened(tmp_path, names) as reader:
        assert bands_of(reader, RGB) == numbers


def test_names_of_the_data_set_itself_count_too(tmp_path: Path) -> None:
    with opened(tmp_path, ["Slope", "DEM"]) as reader:
        assert bands_of(reader, ("dem", "slope")) == (2, 1)


def test_an_interpretation_set_on_purpose_names_bands(tmp_path: Path) -> None:
    colours = [ColorInterp.blue, ColorInterp.green, ColorInterp.red, ColorInterp.undefined]
    with opened(tmp_path, [None] * 4, colours=colours) as reader:
        assert bands_of(reader, RGB) == (3, 2, 1)


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (["nir", "red", "green"], "names its bands nir, red, green, but red, green, blue are"),
        (["blue", "red", None], r"names its bands blue, red, \(no name\), but red, green, blue"),
        (["red", "red", "blue"], "names its bands red, red, blue"),
        ([None] * 4, "has 4 bands, but 3 are wanted: red, green, blue"),
    ],
)
def test_names_that_contradict_are_refused_with_both_orders_and_the_key(
    tmp_path: Path, names: list[str | None], sentence: str
) -> None:
    with opened(tmp_path, names) as reader, pytest.raises(DataError, match=sentence) as caught:
        bands_of(reader, RGB, option="--bands")
    assert "with --bands" in str(caught.value)
    assert caught.value.problems[0].file == tmp_path / "scene.tif"


def test_what_gdal_says_of_any_bytes_reorders_nothing(tmp_path: Path) -> None:
    """Three bands of bytes are red, green, blue to GDAL, whatever was written."""
    with opened(tmp_path, [None] * 3, "uint8") as reader:
        assert bands_of(reader, RGB) == (1, 2, 3)
        with pytest.raises(DataError, match="names its bands red, green, blue, but blue, green"):
            bands_of(reader, ("blue", "green", "red"))


def test_a_fourth_band_of_bytes_is_alpha_unless_it_is_wanted(tmp_path: Path) -> None:
    with opened(tmp_path, [None] * 4, "uint8", photometric="rgb", ALPHA="YES") as reader:
        assert bands_of(reader, RGB) == (1, 2, 3)
        assert bands_of(reader, (*RGB, "nir")) == (1, 2, 3, 4)


@pytest.mark.parametrize(
    ("chosen", "numbers"), [([3, 1, 2], (3, 1, 2)), (["b04", 2, "Blue"], (3, 2, 1))]
)
def test_a_choice_is_taken_whatever_the_names_are(
    tmp_path: Path, chosen: Bands, numbers: tuple[int, ...]
) -> None:
    with opened(tmp_path, ["blue", "green", "red", "nir"]) as reader:
        assert bands_of(reader, RGB, chosen) == numbers


def test_a_format_with_a_fixed_order_refuses_a_file_that_names_another(tmp_path: Path) -> None:
    with opened(tmp_path, ["blue", "green", "red"]) as reader:
        with pytest.raises(DataError, match="names its bands blue, green, red, but xBD stores red"):
            stored_bands(reader, RGB, "xBD")
        assert stored_bands(reader, ("blue", "green", "red"), "SpaceNet 4") == (1, 2, 3)
