import json
import multiprocessing
import shutil
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from datasets import DATASETS, DataError, Prepared, open_split
from datasets.boxes import mask_to_boxes
from datasets.options import Dataset, prepare_dataset
from runs.folders import ReadOnlyError
from tests.mounts import mounted, read_only

Prepare = Callable[..., Prepared]
SOURCE = DATASETS["landslide4sense"]


@pytest.fixture
def own_root(hub_root: Path, tmp_path: Path) -> Path:
    """A copy of the sample that a test may change."""
    return shutil.copytree(hub_root, tmp_path / "own", copy_function=shutil.copy)


def test_a_split_holds_its_images_masks_and_boxes(prepare_rgb: Prepare, hub_root: Path) -> None:
    prepared = prepare_rgb(hub_root)
    assert prepared.counts == {"train": 12, "val": 4, "test": 4}
    assert (prepared.bands, prepared.rgb) == (("B4", "B3", "B2"), (0, 1, 2))
    split = open_split(prepared, "train")
    assert split.images.shape == (12, 3, 64, 64) and split.masks.shape == (12, 64, 64)
    positives = 0
    for index, mask in enumerate(split.masks):
        boxes, labels = split.objects(index)
        expected_boxes, expected_labels = mask_to_boxes(mask, 4)
        np.testing.assert_array_equal(boxes, expected_boxes)
        np.testing.assert_array_equal(labels, expected_labels)
        positives += len(boxes) > 0
    assert prepared.objects["train"] == len(split.boxes) > 0
    assert prepared.positives["train"] == positives < 12


def test_mean_and_std_are_those_of_the_training_pixels(
    prepare_rgb: Prepare, hub_root: Path
) -> None:
    prepared = prepare_rgb(hub_root, bands=tuple(range(14)))
    pixels = open_split(prepared, "train").images.astype(np.float64)
    val = open_split(prepared, "val")
    np.testing.assert_allclose(val.mean, pixels.mean(axis=(0, 2, 3)), rtol=1e-5)
    np.testing.assert_allclose(val.std, pixels.std(axis=(0, 2, 3)), rtol=1e-4)


@pytest.mark.parametrize("size", [64, 128, 224])
def test_an_object_lies_where_its_box_says(
    prepare_rgb: Prepare, write_patch: Callable[..., None], tmp_path: Path, size: int
) -> None:
    mask = np.zeros((128, 128), dtype=np.uint8)
    mask[20:60, 80:100] = 1
    image = np.repeat(mask[..., None], 14, axis=2)
    for split in ("train", "validation", "test"):
        write_patch(tmp_path, split, 1, image, mask)
    val = open_split(prepare_rgb(tmp_path, image_size=size), "val")
    ((x0, y0, x1, y1),) = val.objects(0)[0]
    np.testing.assert_allclose([x0, y0, x1, y1], np.array([80, 20, 100, 60]) * size / 128, atol=1)
    bright = val.images[0, 0] > 0.5
    inside = np.zeros_like(bright)
    inside[int(y0) : int(y1), int(x0) : int(x1)] = True
    np.testing.assert_array_equal(bright, inside)


def test_the_fingerprint_is_of_the_content(
    prepare_rgb: Prepare, hub_root: Path, own_root: Path
) -> None:
    original, copy = prepare_rgb(hub_root), prepare_rgb(own_root)
    assert copy.folder != original.folder  # the copy has other modification times
    assert copy.fingerprint == original.fingerprint
    with h5py.File(own_root / "images" / "test" / "image_3.h5", "r+") as stored:
        stored["img"][17, 5, 3] += 0.25
    assert prepare_rgb(own_root).fingerprint != original.fingerprint


def test_the_fingerprint_is_of_the_options(prepare_rgb: Prepare, hub_root: Path) -> None:
    changes: list[dict[str, object]] = [
        {},
        {"bands": (1, 2, 3)},
        {"image_size": 32},
        {"min_area": 5},
    ]
    assert len({prepare_rgb(hub_root, **change).fingerprint for change in changes}) == 4


def test_a_second_call_reads_nothing(
    prepare_rgb: Prepare, hub_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(*_: object) -> None:
        raise AssertionError("a file is read")

    first = prepare_rgb(hub_root)
    monkeypatch.setattr(type(SOURCE), "read", read)
    assert prepare_rgb(hub_root) == first


def test_two_processes_at_once_give_one_good_cache(
    prepare_rgb: Prepare, hub_root: Path, tmp_path: Path
) -> None:
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=spawn) as pool:
        list(pool.map(abs, range(2)))  # both have started
        first, second = pool.map(prepare_rgb, [hub_root, hub_root])
    assert first == second
    alone = prepare_rgb(hub_root, cache=tmp_path / "alone")
    assert replace(first, folder=alone.folder) == alone
    for split in ("train", "val", "test"):
        np.testing.assert_array_equal(
            open_split(first, split).images, open_split(alone, split).images
        )
    folders = [path for path in first.folder.parent.iterdir() if path.is_dir()]
    assert folders == [first.folder]


@pytest.mark.parametrize("file", ["train.images", "val.objects.npz", "cache.json"])
def test_a_truncated_cache_is_noticed_and_rebuilt(
    prepare_rgb: Prepare, hub_root: Path, file: str
) -> None:
    prepared = prepare_rgb(hub_root)
    before = np.array(open_split(prepared, "train").images)
    damaged = prepared.folder / file
    damaged.write_bytes(damaged.read_bytes()[:-100])
    with pytest.raises(DataError, match="prepare the data again"):
        open_split(prepared, "train")
    assert prepare_rgb(hub_root) == prepared
    np.testing.assert_array_equal(open_split(prepared, "train").images, before)


def test_a_killed_build_leaves_nothing_that_is_used(prepare_rgb: Prepare, hub_root: Path) -> None:
    prepared = prepare_rgb(hub_root)
    partial = prepared.folder.with_name(prepared.folder.name + ".partial")
    prepared.folder.rename(partial)
    (partial / "train.images").write_bytes(b"half")
    assert prepare_rgb(hub_root) == prepared
    assert not partial.exists()


@pytest.fixture
def spoilt_root(own_root: Path) -> Path:
    """One file of each kind of fault; SPOILT says which and why."""
    train = own_root / "images" / "train"
    truncated = train / "image_2.h5"
    truncated.write_bytes(truncated.read_bytes()[:1000])
    with h5py.File(train / "image_3.h5", "r+") as stored:
        stored["img"][0, 0, 13] = np.nan
    with h5py.File(train / "image_4.h5", "w") as stored:
        stored["img"] = np.zeros((14, 128, 128))
    with h5py.File(train / "image_5.h5", "w") as stored:
        stored["image"] = np.zeros((128, 128, 14))
    (own_root / "annotations" / "train" / "mask_6.h5").unlink()
    with h5py.File(own_root / "annotations" / "validation" / "mask_1.h5", "r+") as stored:
        stored["mask"][0, 0] = 7
    return own_root


SPOILT = {
    "images/train/image_2.h5": "cannot be read",
    "images/train/image_3.h5": "NaN",
    "images/train/image_4.h5": "(14, 128, 128)",
    "images/train/image_5.h5": "has no array 'img'",
    "images/train/image_6.h5": "has no mask",
    "annotations/validation/mask_1.h5": "holds class id 7; there are 0 to 1, and 255 is ignored",
}


def test_every_bad_file_is_named(prepare_rgb: Prepare, spoilt_root: Path) -> None:
    with pytest.raises(DataError) as caught:
        prepare_rgb(spoilt_root)
    reasons = {file.as_posix(): reason for file, reason in caught.value.problems}
    assert reasons.keys() == SPOILT.keys()
    for file, reason in SPOILT.items():
        assert reason in reasons[file] and file in str(caught.value)


def test_bad_files_are_skipped_only_on_demand(prepare_rgb: Prepare, spoilt_root: Path) -> None:
    prepared = prepare_rgb(spoilt_root, skip_bad=True)
    assert prepared.counts == {"train": 7, "val": 3, "test": 4}
    assert {file.as_posix() for file, _ in prepared.skipped} == SPOILT.keys()
    names = open_split(prepared, "train").names
    assert names == tuple(f"train/image_{n}" for n in (1, 7, 8, 9, 10, 11, 12))
    with pytest.raises(DataError):
        prepare_rgb(spoilt_root)


def test_a_constant_band_is_said(
    prepare_rgb: Prepare, write_patch: Callable[..., None], tmp_path: Path
) -> None:
    for split in ("train", "validation", "test"):
        image = np.random.default_rng(len(split)).random((128, 128, 14))
        image[..., 3] = 0.1
        write_patch(tmp_path, split, 1, image, np.ones((128, 128)))
    prepared = prepare_rgb(tmp_path)
    assert "band B4 holds one value in all training images" in prepared.notes
    assert open_split(prepared, "train").std[0] == 1


def test_a_description_is_plain_json(prepare_rgb: Prepare, hub_root: Path) -> None:
    content = json.loads((prepare_rgb(hub_root).folder / "cache.json").read_text())
    assert content["files"]["test.masks.u8"] == 4 * 64 * 64


def test_a_fault_found_while_listing_is_refused_or_skipped_like_any_other(tmp_path: Path) -> None:
    root = tmp_path / "data"
    for number in range(9):
        pixels = np.random.default_rng(number).integers(0, 256, (64, 64, 3), dtype=np.uint8)
        box = "<xmin>5</xmin><ymin>5</ymin><xmax>30</xmax><ymax>30</ymax>"
        objects = f"<object><name>car</name><bndbox>{box}</bndbox></object>"
        root.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(root / f"{number}.png")
        (root / f"{number}.xml").write_text(f"<annotation>{objects}</annotation>")
    (root / "8.png").unlink()
    options = {"name": "voc", "root": root, "image_size": 64}
    with pytest.raises(DataError, match=r"with dataset\.skip_bad: true") as caught:
        prepare_dataset(Dataset(**options), tmp_path / "cache")
    assert "8.xml: has no image of its stem" in str(caught.value)
    prepared = prepare_dataset(Dataset(**options, skip_bad=True), tmp_path / "cache")
    assert [file.as_posix() for file, _ in prepared.skipped] == ["8.xml"]
    assert sum(prepared.counts.values()) == 8
    with pytest.raises(DataError):
        prepare_dataset(Dataset(**options), tmp_path / "cache")


@pytest.mark.parametrize("name", ["train.images", "val.masks.u8", "test.objects.npz", "cache.json"])
def test_a_flipped_bit_of_decoded_data_is_found_and_they_are_decoded_again(
    prepare_rgb: Prepare, hub_root: Path, name: str
) -> None:
    file = prepare_rgb(hub_root).folder / name
    whole = file.read_bytes()
    flipped = bytearray(whole)
    flipped[len(flipped) // 2] ^= 4
    file.write_bytes(flipped)
    prepare_rgb(hub_root)
    if name == "cache.json":  # it holds times
        assert json.loads(file.read_text())["files"] == json.loads(whole)["files"]
    else:
        assert file.read_bytes() == whole


def test_data_that_are_decoded_need_neither_lock_nor_space(
    prepare_rgb: Prepare, hub_root: Path
) -> None:
    prepared = prepare_rgb(hub_root)
    cache = prepared.folder.parents[1]
    for lock in cache.rglob("*.lock"):
        lock.unlink()
    with read_only(cache):
        assert prepare_rgb(hub_root) == prepared
        with pytest.raises(ReadOnlyError, match=r"read-only: make it writable, or .* --cache DIR"):
            prepare_rgb(hub_root, image_size=32)


def test_data_that_surely_do_not_fit_are_refused_before_they_are_decoded(
    hub_root: Path, prepare_rgb: Prepare, tmp_path: Path
) -> None:
    with (
        mounted(tmp_path / "cache", "-t", "tmpfs", "-o", "size=1m", "tmpfs") as cache,
        pytest.raises(DataError, match="take at least 21 MB, but 1 MB are free in"),
    ):
        prepare_rgb(hub_root, image_size=512, cache=cache)
