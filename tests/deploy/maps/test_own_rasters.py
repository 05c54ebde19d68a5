"""One file gives the same pixels in training and in maps, and the same ones count."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from datasets.raster import OwnData, open_raster
from datasets.source import Window
from deploy.maps.images import open_image
from runs.factory import run_record

SIDE = 40
RNG = np.random.default_rng(0)
INTEGERS = RNG.integers(1, 250, (4, SIDE, SIDE)).astype(np.uint8)
FLOATS = RNG.normal(size=(4, SIDE, SIDE)).astype(np.float32)


def write(file: Path, pixels: np.ndarray, names: tuple[str, ...] = (), **form: Any) -> None:
    form |= {"count": len(pixels), "dtype": pixels.dtype, "crs": "EPSG:32633"}
    form.setdefault("transform", rasterio.Affine(10, 0, 5e5, 0, -10, 5e6))
    file.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(file, "w", "GTiff", SIDE, SIDE, **form) as raster:
        raster.write(pixels)
        if names:
            raster.descriptions = names


def collar(pixels: np.ndarray, value: float, bands: Any = slice(None)) -> np.ndarray:
    changed = pixels.copy()
    changed[bands, :, :7] = value
    return changed


def near_infrared(file: Path) -> None:
    write(file, INTEGERS)  # GDAL takes the fourth band for alpha


def described_infrared(file: Path) -> None:
    write(file, INTEGERS, ("red", "green", "blue", "nir"))  # and here, too


def unnamed(file: Path) -> None:
    write(file, INTEGERS.astype(np.uint16))


def described(file: Path) -> None:
    write(file, INTEGERS.astype(np.uint16), ("nir", "B04", "green", "blue"))


def zero_collar(file: Path) -> None:
    dark = collar(INTEGERS.astype(np.uint16), 0)
    dark[0, 20:, 20:] = 0  # one band may well be 0 where there is data
    write(file, dark, nodata=0)


def one_band_without(file: Path) -> None:
    write(file, collar(FLOATS, -9999, 2), nodata=-9999)


def not_a_number(file: Path) -> None:
    write(file, collar(FLOATS, np.nan, 1))


def alpha(file: Path) -> None:
    opaque = INTEGERS.copy()
    opaque[3] = 255
    opaque[3, :5] = 0
    write(file, opaque)


@pytest.mark.parametrize(
    ("make", "bands", "nodata"),
    [
        (near_infrared, ("red", "green", "blue", "nir"), None),
        (described_infrared, None, None),
        (unnamed, None, None),
        (unnamed, ("a", "b", "c", "d"), None),
        (described, None, None),
        (zero_collar, None, None),
        (one_band_without, None, None),
        (not_a_number, None, None),
        (alpha, None, None),
        (unnamed, None, 17.0),
    ],
)
def test_training_and_maps_see_the_same(
    tmp_path: Path, make: Callable[[Path], None], bands: tuple[str, ...] | None, nodata: float
) -> None:
    file = tmp_path / "images" / "a.tif"
    make(file)
    write(tmp_path / "masks" / "a_mask.tif", np.ones((1, SIDE, SIDE), np.uint8))
    source = open_raster(
        tmp_path, OwnData(nodata=nodata), bands, ignored=255, cache=tmp_path / "cache"
    )
    (item,) = source.find(tmp_path, None).splits["train"]
    trained = source.read(item, ("class 1",))
    valid = np.ones((SIDE, SIDE), bool) if trained.valid is None else trained.valid
    count = len(source.bands)
    data = run_record(
        [{"backbone": "any"}],
        data={
            "bands": source.bands,
            "rgb": None,
            "dtype": trained.image.dtype.name,
            "mean": (0.0,) * count if trained.image.dtype.kind == "f" else (100.0,) * count,
            "std": (50.0,) * count if trained.image.dtype.kind == "u" else (1.0,) * count,
            "nodata": nodata,
        },
    ).data
    with open_image(file, data) as image:
        pixels, held = image.read(Window(0, 0, SIDE, SIDE))
    np.testing.assert_array_equal(held, valid)
    np.testing.assert_array_equal(pixels[:, valid], trained.image[:, valid])
