import shutil
from collections.abc import Callable
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
    hub, competition = SOURCE.find(hub_root, None), SOURCE.find(competition_root, None)
    assert (hub.layout, competition.layout) == ("hub", "competition")
    pairs = list(zip(hub.splits["train"], competition.splits["train"], strict=True))
    assert len(pairs) == 12
    for one, other in pairs:
        assert one.name == other.name
        left, right = (SOURCE.read(item, ("landslide",)) for item in (one, other))
        np.testing.assert_array_equal(left.image, right.image)
        np.testing.assert_array_equal(left.mask, right.mask)


def test_images_without_masks_are_left_out_and_said(competition_root: Path) -> None:
    listing = SOURCE.find(competition_root, None)
    assert list(listing.splits) == ["train"]
    assert "in ValidData/img, 4 images without masks" in listing.notes[0]
    assert "in TestData/img, 4 images without masks" in listing.notes[1]


def test_published_masks_of_the_competition_splits_are_used(
    hub_root: Path, competition_root: Path
) -> None:
    shutil.copytree(hub_root / "annotations" / "test", competition_root / "TestData" / "mask")
    assert len(SOURCE.find(competition_root, None).splits["test"]) == 4


def test_items_are_listed_by_number(hub_root: Path) -> None:
    names = [item.name for item in SOURCE.find(hub_root, None).splits["train"]]
    assert names == [f"train/image_{n}" for n in range(1, 13)]


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float16", "float32", "float64"])
def test_any_stored_type_is_read(tmp_path: Path, dtype: str) -> None:
    values = np.random.default_rng(0).integers(0, 200, (128, 128, 14))
    mask = (values[..., 0] > 100).astype(dtype)
    with h5py.File(tmp_path / "image_1.h5", "w") as stored:
        stored["img"] = values.astype(dtype)
    with h5py.File(tmp_path / "mask_1.h5", "w") as stored:
        stored["mask"] = mask
    item = Item("1", tmp_path / "image_1.h5", tmp_path / "mask_1.h5", "1")
    labelled = SOURCE.read(item, ("landslide",))
    assert labelled.mask is not None
    assert (labelled.image.dtype.name, labelled.mask.dtype.name) == ("float32", "uint8")
    np.testing.assert_array_equal(labelled.image, values.transpose(2, 0, 1))
    np.testing.assert_array_equal(labelled.mask, mask)


@pytest.mark.parametrize("value", [0.5, 256, -1, np.nan])
def test_a_mask_value_that_is_no_class_id_is_not_rounded_to_one(
    tmp_path: Path, write_patch: Callable[..., None], value: float
) -> None:
    mask = np.zeros((128, 128))
    mask[3, 4] = value
    write_patch(tmp_path, "train", 1, np.zeros((128, 128, 14)), mask)
    (item,) = SOURCE.find(tmp_path, None).splits["train"]
    with pytest.raises(DataError, match=f"mask_1.h5 holds {value:g}, which is no class id"):
        SOURCE.read(item, ("landslide",))


@pytest.mark.parametrize("there", [True, False])
def test_of_a_wrong_root_the_error_names_what_was_looked_for(tmp_path: Path, there: bool) -> None:
    root = tmp_path if there else tmp_path / "nowhere"
    with pytest.raises(DataError) as caught:
        SOURCE.find(root, None)
    message = str(caught.value)
    assert str(root) in message and "\n" not in message
    assert "images/train/image_N.h5" in message and "TrainData/img/image_N.h5" in message
