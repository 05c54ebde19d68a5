"""The place of each image on Earth, from the GeoTIFF to the split that is opened."""

import json
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS

from datasets import DATASETS, Prepared, Tiling, open_split
from datasets.places import fitted

Prepare = Callable[..., Prepared]

TURNED = (
    Affine.translation(733601, 3725139) @ Affine.rotation(30) @ Affine.scale(0.5, -0.4)
)  # north is not up, and pixels are not square
DEGREES = Affine(2.7e-6, 0, 32.52, 0, -2.7e-6, 15.61)
SPLITS: dict[str, tuple[str | None, Affine]] = {
    "train": ("EPSG:32616", TURNED),
    "val": (None, Affine.identity()),
    "test": ("EPSG:4326", DEGREES),
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """COCO JSON with one GeoTIFF of 48 × 64 pixels a split, that of val not georeferenced."""
    root = tmp_path / "data"
    (root / "annotations").mkdir(parents=True)
    for split, (crs, transform) in SPLITS.items():
        write_image(root / f"{split}.tif", crs, transform)
        content = {
            "images": [{"id": 1, "file_name": f"{split}.tif", "width": 64, "height": 48}],
            "categories": [{"id": 1, "name": "house"}],
            "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [3, 3, 9, 9]}],
        }
        (root / f"annotations/{split}.json").write_text(json.dumps(content))
    return root


def write_image(file: Path, crs: str | None, transform: Affine) -> None:
    profile: dict[str, Any] = {"driver": "GTiff", "count": 3, "dtype": "uint8"}
    if crs:
        profile |= {"crs": crs, "transform": transform}
    pixels = np.random.default_rng(0).integers(0, 255, (3, 48, 64), dtype=np.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(file, "w", height=48, width=64, **profile) as raster:
            raster.write(pixels)


@pytest.fixture
def prepare_coco(prepare_stored: Prepare) -> Prepare:
    # `prepare_stored` gives the options; its sources are chosen by the caller.
    return partial(prepare_stored, DATASETS["coco"])


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_tile_lies_where_the_file_says(prepare_coco: Prepare, root: Path, split: str) -> None:
    opened = open_split(prepare_coco(root, tiling=Tiling(32, 8), image_size=64), split)
    crs, _ = SPLITS[split]
    assert opened.names[-1].endswith("_32_16")
    with rasterio.open(root / f"{split}.tif") as raster:
        for index, name in enumerate(opened.names):
            place = opened.place(index)
            assert place is not None and CRS.from_wkt(place.crs) == CRS.from_string(str(crs))
            x, y = map(int, name.split("_")[-2:])
            for column, row in ((0, 0), (32, 0), (5, 29)):
                expected = raster.xy(y + row, x + column, offset="ul")
                found = Affine(*place.transform) @ (column, row)
                np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)


def test_images_without_a_place_have_none(prepare_coco: Prepare, root: Path) -> None:
    prepared = prepare_coco(root)
    assert open_split(prepared, "val").place(0) is None
    assert not (prepared.folder / "val.places.npz").exists()


def test_places_of_some_images_leave_the_others_without(prepare_coco: Prepare, root: Path) -> None:
    """All in one split: of three images, the second is not georeferenced."""
    parts = [json.loads((root / f"annotations/{split}.json").read_text()) for split in SPLITS]
    for number, part in enumerate(parts):
        part["images"][0]["id"] = part["annotations"][0]["image_id"] = number
        part["annotations"][0]["id"] = number
    merged = {key: [entry for part in parts for entry in part[key]] for key in parts[0]}
    merged["categories"] = parts[0]["categories"]
    (root / "annotations/test.json").write_text(json.dumps(merged))
    for split in ("train", "val"):
        write_image(root / f"other_{split}.tif", None, Affine.identity())
        file = root / f"annotations/{split}.json"
        file.write_text(file.read_text().replace(f'"{split}.tif"', f'"other_{split}.tif"'))
    test = open_split(prepare_coco(root), "test")
    places = {name.split("/")[-1]: test.place(index) for index, name in enumerate(test.names)}
    assert places["val.tif"] is None
    for split in ("train", "test"):
        assert (place := places[f"{split}.tif"]) is not None
        crs, transform = SPLITS[split]
        assert CRS.from_wkt(place.crs) == CRS.from_string(str(crs))
        assert place.transform == pytest.approx(transform[:6], rel=1e-12)


def test_the_fingerprint_is_not_of_the_place(prepare_coco: Prepare, root: Path) -> None:
    """It tells pixels and labels apart: scores on the same of them can be compared."""
    before = prepare_coco(root)
    write_image(root / "test.tif", "EPSG:32616", TURNED)
    moved = prepare_coco(root)
    assert moved.folder != before.folder and moved.fingerprint == before.fingerprint
    assert open_split(moved, "test").place(0) != open_split(before, "test").place(0)


TRIANGLES: NDArray[np.float64] = np.array(
    [[10, 10], [40, 12], [30, 50], [200, 220], [230, 240], [210, 250]], dtype=np.float64
)


def placed(pixels: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.array([DEGREES @ (x, y) for x, y in pixels])


def test_points_in_both_systems_tell_the_place() -> None:
    found = fitted(TRIANGLES, placed(TRIANGLES).round(9), (1024, 1024))
    assert found is not None
    for corner in ((0, 0), (1024, 1024)):
        np.testing.assert_allclose(Affine(*found) @ corner, DEGREES @ corner, rtol=0, atol=2e-8)


@pytest.mark.parametrize(
    "pixels",
    [TRIANGLES[:3], np.column_stack([np.arange(9.0), np.arange(9.0)]), np.full((6, 2), np.nan)],
    ids=["three points", "a line", "no numbers"],
)
def test_too_few_points_tell_no_place(pixels: NDArray[np.float64]) -> None:
    assert fitted(pixels, placed(pixels), (1024, 1024)) is None


def test_points_that_do_not_agree_tell_no_place() -> None:
    """Of the same points, 1.5 pixels of noise are as nothing over the whole of a small image."""
    noise = np.random.default_rng(0).normal(0, 1.5, TRIANGLES.shape)
    assert fitted(TRIANGLES, placed(TRIANGLES + noise), (1024, 1024)) is None
    assert fitted(TRIANGLES, placed(TRIANGLES + noise / 50), (256, 256)) is not None
