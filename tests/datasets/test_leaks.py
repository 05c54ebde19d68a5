"""The audit: what it takes for a leak, and what not."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from PIL import Image
from rasterio import Affine

from datasets import DATASETS
from datasets.leaks import Audit, audit, refuse_leaks
from datasets.options import Dataset, prepare_dataset
from datasets.overview import overview
from datasets.source import SPLITS, DataError, Item, Listing, Window
from runs.progress import UNSEEN

SIZE = 128
Pixels = NDArray[np.uint8]


def texture(seed: int) -> Pixels:
    """Patches of 16 pixels of random brightness, [3, SIZE, SIZE], with noise."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(40, 200, (SIZE // 16, SIZE // 16)).repeat(16, 0).repeat(16, 1)
    return np.clip(coarse + rng.normal(0, 8, (3, SIZE, SIZE)), 0, 255).astype(np.uint8)


def write(file: Path, pixels: Pixels, corner: tuple[float, float] | None = None) -> Path:
    """A GeoTIFF of 1 m a pixel with its upper left corner there, in UTM; or any image, nowhere."""
    if corner is None:
        Image.fromarray(pixels.transpose(1, 2, 0)).save(file, quality=60)
        return file
    profile = {"driver": "GTiff", "count": 3, "height": SIZE, "width": SIZE, "dtype": "uint8"}
    place = Affine(1, 0, corner[0], 0, -1, corner[1])
    with rasterio.open(file, "w", crs="EPSG:32634", transform=place, **profile) as raster:
        raster.write(pixels)
    return file


Compare = Callable[..., Audit]


@pytest.fixture
def compare(tmp_path: Path) -> Compare:
    """The audit of one file in train, one in test and an unlike one in val; or of their windows."""

    def run(train: Path, test: Path, *windows: Window) -> Audit:
        other = write(tmp_path / "other.png", texture(99))
        pairs = zip((train, other, test), windows or (None,) * 3, strict=True)
        listing = Listing(
            "",
            (),
            {
                split: (Item(f"{split}/{file.stem}", file, None, file.stem, window),)
                for split, (file, window) in zip(SPLITS, pairs, strict=True)
            },
        )
        return audit(listing, overview(DATASETS["coco"], listing, [], tmp_path, UNSEEN))

    return run


def kinds(found: Audit) -> list[tuple[str, tuple[str, str]]]:
    return [(one.kind, one.splits) for one in found.leaks]


def test_a_copied_file_is_found_under_another_name(compare: Compare, tmp_path: Path) -> None:
    train = write(tmp_path / "a.png", texture(0))
    found = compare(train, Path(shutil.copy(train, tmp_path / "b.png")))
    assert kinds(found) == [("identical", ("train", "test"))]
    assert found.leaks[0].names == ("train/a", "test/b")
    with pytest.raises(DataError, match="1 of 1 test images are the same files as train images"):
        refuse_leaks(found, "data")


def test_an_image_that_was_compressed_again_looks_alike(compare: Compare, tmp_path: Path) -> None:
    train = write(tmp_path / "a.png", texture(0))
    found = compare(train, write(tmp_path / "a.jpg", texture(0)))
    assert kinds(found) == [("alike", ("train", "test"))]


def test_unlike_images_and_constant_ones_are_no_leak(compare: Compare, tmp_path: Path) -> None:
    train = write(tmp_path / "a.png", texture(0))
    assert not compare(train, write(tmp_path / "b.png", texture(1))).leaks
    shutil.rmtree(tmp_path / "data")
    grey = write(tmp_path / "grey.png", np.full_like(texture(0), 7))
    assert not compare(grey, Path(shutil.copy(grey, tmp_path / "too.png"))).leaks


def test_a_common_collar_without_data_makes_nothing_alike(compare: Compare, tmp_path: Path) -> None:
    """Both are black above the same diagonal, which is what they would be known by."""
    inside = np.tri(SIZE, dtype=np.uint8)
    faint = [100 + texture(seed) // 8 for seed in (0, 1)]
    files = [write(tmp_path / f"{seed}.png", one * inside) for seed, one in enumerate(faint)]
    assert not compare(*files).leaks


@pytest.mark.parametrize(
    ("corner", "leak"),
    [
        ((500_064, 5_800_000), True),  # half of it
        ((500_128, 5_800_000), False),  # touches
        ((500_256, 5_800_000), False),  # a width away
        ((500_127.5, 5_800_000), False),  # less than what reprojection makes of a border
    ],
)
def test_images_of_the_same_ground_overlap(
    compare: Compare, tmp_path: Path, corner: tuple[float, float], leak: bool
) -> None:
    train = write(tmp_path / "a.tif", texture(0), (500_000, 5_800_000))
    found = compare(train, write(tmp_path / "b.tif", texture(1), corner))
    assert kinds(found) == ([("overlap", ("train", "test"))] if leak else [])
    assert not leak or found.leaks[0].share == pytest.approx(0.5)
    assert found.near == {"val": 0, "test": int(corner[0] < 500_256)}


def test_windows_of_a_file_without_a_place_overlap_or_touch(
    compare: Compare, tmp_path: Path
) -> None:
    """Val is a file of its own. The right half repeats the left one: tiles of a file may do so."""
    half = texture(0)[..., :64]
    file = write(tmp_path / "a.png", np.concatenate([half, half], axis=-1))
    for x, expected in ((32, [("overlap", ("train", "test"))]), (64, [])):
        shutil.rmtree(tmp_path / "data", ignore_errors=True)
        windows = (Window(0, 0, 64, 64), Window(0, 0, 64, 64), Window(x, 0, 64, 64))
        found = compare(file, file, *windows)
        assert kinds(found) == expected
        assert found.near["test"] == 1


def test_a_second_look_reads_no_file(compare: Compare, tmp_path: Path) -> None:
    files = [write(tmp_path / name, texture(0)) for name in ("a.png", "b.png")]
    first = compare(*files)
    for file in files:
        file.write_bytes(b"")
    assert compare(*files) == first
    assert first.leaks


def test_a_sweep_refuses_leaks_unless_it_allows_them(hub_root: Path, tmp_path: Path) -> None:
    """HDF5, which is not read through GDAL."""
    root = Path(shutil.copytree(hub_root, tmp_path / "data"))
    images = root / "images"
    shutil.copy(images / "train/image_1.h5", images / "test/image_2.h5")
    told = {"name": "landslide4sense", "root": root, "image_size": 64}
    with pytest.raises(DataError, match=r"test/image_2 and train/image_1") as caught:
        prepare_dataset(Dataset.model_validate(told), tmp_path / "cache")
    assert "dataset.leaks: allow" in str(caught.value)
    allowed = prepare_dataset(Dataset.model_validate({**told, "leaks": "allow"}), tmp_path)
    assert any("the same files as train images" in note for note in allowed.notes)
