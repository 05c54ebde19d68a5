import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from datasets import DATASETS, DataError, Item

SOURCE = DATASETS["landslide4sense"]


@pytest.fixture
def competition_root(hub_root: Path, tmp_path: Path) -> Path:
    """The hub tree's patches in the competition layout: masks for training only."""
    for there, here in (("train", "TrainData"), ("validation", "ValidData"), ("test", "TestData")):
        shutil.copytree(hub_root / "images" / there, tmp_path / here / "img")
    shutil.copytree(hub_root / "annotations" / "train", tmp_path / "TrainData" / "mask")
    return tmp_path


def test_both_layouts_read_alike(hub_root: Path, competition_root: Path) -> None:
    hub, competition = SOURCE.find(hub_root), SOURCE.find(competition_root)
    assert (hub.layout, competition.layout) == ("hub", "competition")
    pairs = list(zip(hub.splits["train"], competition.splits["train"], strict=True))
    assert len(pairs) == 12
    for one, other in pairs:
        assert one.name == other.name
        for left, right in zip(SOURCE.read(one), SOURCE.read(other), strict=True):
            np.testing.assert_array_equal(left, right)


def test_images_without_masks_are_left_out_and_said(competition_root: Path) -> None:
    listing = SOURCE.find(competition_root)
    assert list(listing.splits) == ["train"]
    assert "4 images in ValidData/img have no masks" in listing.notes[0]
    assert "4 images in TestData/img have no masks" in listing.notes[1]


def test_published_masks_of_the_competition_splits_are_used(
    hub_root: Path, competition_root: Path
) -> None:
    shutil.copytree(hub_root / "annotations" / "test", competition_root / "TestData" / "mask")
    assert len(SOURCE.find(competition_root).splits["test"]) == 4


def test_items_are_listed_by_number(hub_root: Path) -> None:
    names = [item.name for item in SOURCE.find(hub_root).splits["train"]]
    assert names == [f"train/image_{n}" for n in range(1, 13)]


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float16", "float32", "float64"])
def test_any_stored_type_is_read(tmp_path: Path, dtype: str) -> None:
    values = np.random.default_rng(0).integers(0, 200, (128, 128, 14))
    mask = (values[..., 0] > 100).astype(dtype)
    with h5py.File(tmp_path / "image_1.h5", "w") as stored:
        stored["img"] = values.astype(dtype)
    with h5py.File(tmp_path / "mask_1.h5", "w") as stored:
        stored["mask"] = mask
    image, read = SOURCE.read(Item("1", tmp_path / "image_1.h5", tmp_path / "mask_1.h5"))
    assert (image.dtype.name, read.dtype.name) == ("float32", "uint8")
    np.testing.assert_array_equal(image, values.transpose(2, 0, 1))
    np.testing.assert_array_equal(read, mask)


@pytest.mark.parametrize("there", [True, False])
def test_a_wrong_root_is_told_what_was_looked_for(tmp_path: Path, there: bool) -> None:
    root = tmp_path if there else tmp_path / "nowhere"
    with pytest.raises(DataError) as caught:
        SOURCE.find(root)
    message = str(caught.value)
    assert str(root) in message and "\n" not in message
    assert "images/train/image_N.h5" in message and "TrainData/img/image_N.h5" in message
