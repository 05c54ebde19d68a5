"""The cache of data that bring masks, boxes or footprints, in the types and sizes they have."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely

from datasets import IGNORE, DataError, Prepared, Tiling, open_split
from datasets.batches import batch_of, batches

Prepare = Callable[..., Prepared]
Stored = Callable[..., Any]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_images_keep_their_type(
    prepare_stored: Prepare, stored_source: Stored, root: Path, dtype: str
) -> None:
    rng = np.random.default_rng(0)
    source = stored_source("masks")
    for split in ("train", "val", "test"):
        image = (rng.random((3, 64, 64)) * 250).astype(dtype)
        source.write(root, f"{split}_0", image)
    prepared = prepare_stored(source, root)
    split = open_split(prepared, "test")
    assert split.images.dtype == dtype
    np.testing.assert_array_equal(split.images[0], image)
    assert (prepared.folder / "test.images").stat().st_size == image.nbytes
    (batch,) = batches(split, 2)
    expected = (image - split.mean[:, None, None]) / split.std[:, None, None]
    np.testing.assert_allclose(batch.images[0], expected, atol=1e-5)


def test_other_types_are_kept_as_float32(
    prepare_stored: Prepare, stored_source: Stored, root: Path
) -> None:
    source = stored_source("masks")
    for split in ("train", "val", "test"):
        source.write(root, f"{split}_0", np.full((3, 64, 64), -7, dtype=np.int16))
    assert open_split(prepare_stored(source, root), "val").images.dtype == np.float32


def test_resized_integers_are_rounded_to_the_nearest(
    prepare_stored: Prepare, stored_source: Stored, root: Path
) -> None:
    source = stored_source("masks")
    image = np.random.default_rng(0).integers(0, 256, (3, 64, 64), np.uint8)
    for split in ("train", "val", "test"):
        source.write(root, f"{split}_0", image)
    found = open_split(prepare_stored(source, root, image_size=32), "val").images[0]
    for split in ("train", "val", "test"):
        source.write(root, f"{split}_0", image.astype(np.float32))
    exact = open_split(prepare_stored(source, root, image_size=32), "val").images[0]
    np.testing.assert_array_equal(found, np.rint(exact))


def test_one_image_of_another_type_is_named(
    prepare_stored: Prepare, stored_source: Stored, root: Path
) -> None:
    source = stored_source("masks")
    source.write_sample(root, 0)
    source.write(root, "val_1", np.ones((3, 64, 64), dtype=np.uint16))
    with pytest.raises(DataError, match=r"val_1.npz: holds uint16, but train_0.npz holds uint8"):
        prepare_stored(source, root)


def test_boxes_that_the_data_bring_are_scaled_and_small_ones_dropped(
    prepare_stored: Prepare, stored_source: Stored, root: Path
) -> None:
    """Of 200 and 120 px² in the file, 50 and 30 px² at half its size."""
    source = stored_source("boxes")
    source.write_sample(root, 0)
    boxes = [[-9, 60, 20, 70], [3, 4, 3, 9]]  # out of the image at two sides; of no width
    source.write(root, "val_0", np.ones((3, 64, 64), np.uint8), boxes=np.float32(boxes))
    prepared = prepare_stored(source, root, image_size=32, min_area=31)
    assert prepared.labels == {"boxes"}
    assert (prepared.counts["train"], prepared.objects["train"], prepared.positives["train"]) == (
        3,
        3,
        3,
    )
    found, labels = open_split(prepared, "train").objects(1)
    assert (found.tolist(), labels.tolist()) == ([[15, 5, 25, 10]], [1])
    small = open_split(prepare_stored(source, root, image_size=32, min_area=0), "val")
    assert small.objects(0)[0].tolist() == [[0, 30, 10, 32]]
    assert small.objects(1)[1].tolist() == [1, 3]


def test_an_image_that_is_not_square_keeps_its_proportions_and_is_filled_up(
    prepare_stored: Prepare, stored_source: Stored, root: Path
) -> None:
    source = stored_source("boxes")
    for split in ("train", "val", "test"):
        source.write(root, f"{split}_0", np.ones((3, 64, 32), dtype=np.uint8))
    split = open_split(prepare_stored(source, root, image_size=64), "val")
    assert split.objects(0)[0].tolist() == [[30, 10, 32, 20], [4, 40, 10, 60]]
    assert split.sizes.tolist() == [[64, 64]]
    (batch,) = batches(split, 1)
    assert batch.valid is not None
    assert (batch.valid == (batch.masks != IGNORE)).all()
    assert batch.valid[0].any(dim=0).tolist() == 32 * [True] + 32 * [False]
    assert not batch.images[0][:, ~batch.valid[0]].any()


def test_data_without_masks_have_masks_that_take_no_room(
    prepare_stored: Prepare, stored_source: Stored, root: Path
) -> None:
    source = stored_source("boxes")
    source.write_sample(root, 0)
    prepared = prepare_stored(source, root)
    assert not list(prepared.folder.glob("*masks*"))
    assert prepared.class_pixels == {"train": (), "val": (), "test": ()}
    split = open_split(prepared, "train")
    assert split.masks.shape == (3, 64, 64) and not split.masks.any()
    assert split.masks.strides == (0, 0, 0)
    (batch,) = batches(split, 3, rng=np.random.default_rng(0), augment=True)
    assert batch.masks.shape == (3, 64, 64) and batch.footprints is None


def test_pixels_of_each_class_are_counted_and_ignored_ones_are_not(
    prepare_stored: Prepare, stored_source: Stored, root: Path
) -> None:
    source = stored_source("masks")
    source.write_sample(root, 0)
    mask = np.zeros((64, 64), dtype=np.uint8)
    mask[:8] = 3
    mask[8:24] = 2
    mask[:, 32:] = IGNORE
    source.write(root, "val_0", np.ones((3, 64, 64), np.uint8), mask=mask)
    prepared = prepare_stored(source, root, image_size=32)
    assert prepared.classes == ("house", "tree", "car")
    assert prepared.class_pixels["train"] == (3 * (1024 - 80), 3 * 80, 0, 0)
    expected = np.array([20, 0, 8, 4]) * 16
    assert prepared.class_pixels["val"] == (*(2 * np.array([944, 80, 0, 0]) + expected),)
    assert prepared.class_areas["val"] == (2 * 1024 + 512, 2 * 1024, 512, 512)
    found = open_split(prepared, "val")
    assert found.classes == ("house", "tree", "car")
    assert (found.masks[0][:, 16:] == IGNORE).all()
    boxes, labels = found.objects(0)
    assert sorted(labels.tolist()) == [2, 3] and boxes[:, 2].max() == 16


def test_split_of_background_alone_has_nothing_to_find(
    prepare_stored: Prepare, stored_source: Stored, root: Path
) -> None:
    source = stored_source("masks")
    for split, marked in (("train", 3), ("val", 0), ("test", 30)):
        mask = np.zeros((64, 64), dtype=np.uint8)
        mask[:marked, :1] = 2
        mask[:, 32:] = IGNORE
        source.write(root, f"{split}_0", np.ones((3, 64, 64), np.uint8), mask=mask)
    prepared = prepare_stored(source, root, min_area=10)
    assert prepared.without("masks") == ["val"]
    assert prepared.without("boxes") == ["train", "val"]
    found = [
        [
            len(open_split(prepared, split).first_with(label, 4))
            for split in ("train", "val", "test")
        ]
        for label in ("masks", "boxes")
    ]
    assert found == [[1, 0, 1], [0, 0, 1]]


def test_a_mask_value_can_be_ignored(
    prepare_stored: Prepare, stored_source: Stored, root: Path
) -> None:
    """Whether it would be a class or not; 255 is ignored with it."""
    source = stored_source("masks")
    source.write_sample(root, 0)
    mask = np.zeros((64, 64), dtype=np.uint8)
    mask[0], mask[1], mask[2] = 2, 9, 255
    source.write(root, "test_0", np.ones((3, 64, 64), np.uint8), mask=mask)
    with pytest.raises(DataError, match=r"test_0.npz: holds class id 9; there are 0 to 3, and 255"):
        prepare_stored(source, root)
    ignoring = open_split(prepare_stored(source, root, ignore_index=9), "test")
    assert ignoring.masks[0, :4, 0].tolist() == [2, IGNORE, IGNORE, 0]
    with pytest.raises(DataError, match="9; there are 0 to 3, and 2 and 255 are ignored"):
        prepare_stored(source, root, ignore_index=2)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"mask": np.zeros((64, 32), np.uint8)}, "is 64 × 32, but its image is 64 × 64"),
        ({"mask": np.full((64, 64), 4, np.uint8)}, "holds class id 4; there are 0 to 3"),
        ({"mask": np.arange(4096, dtype=np.uint8).reshape(64, 64)}, "4, 5, 6, 7, 8 and 246 more;"),
        ({"labels": np.array([1, 4])}, "holds class id 4 of a box; there are 1 to 3"),
        ({"labels": np.array([0, 1])}, "holds class id 0 of a box"),
        ({"boxes": np.full((2, 4), np.nan, np.float32)}, "a box with corners that are no numbers"),
        ({"image": np.ones((1, 64, 64), np.uint8)}, r"has 1 band, not 3 \(red, green, blue\)"),
    ],
)
def test_what_no_source_checks_is_checked_here(
    prepare_stored: Prepare,
    stored_source: Stored,
    root: Path,
    content: dict[str, np.ndarray],
    reason: str,
) -> None:
    source = stored_source("masks", "boxes")
    source.write_sample(root, 0)
    source.write(root, "val_2", **{"image": np.ones((3, 64, 64), np.uint8), **content})
    with pytest.raises(DataError, match=f"1 file cannot .*\n  val_2.npz: .*{reason}") as caught:
        prepare_stored(source, root, tiling=None)
    assert [file.name for file, _ in caught.value.problems] == ["val_2.npz"]


def test_footprints_come_back_as_they_were(
    prepare_stored: Prepare, stored_source: Stored, root: Path
) -> None:
    source = stored_source("masks", "footprints")
    source.write_sample(root, 0)
    hole = shapely.box(0.1, 0.2, 9.3, 9.4).difference(shapely.box(3, 3, 4, 4))
    image = np.ones((3, 64, 64), np.uint8)
    source.write(root, "val_0", image, footprints=np.array([], dtype=str))
    source.write(root, "val_1", image, footprints=[hole.wkt])
    split = open_split(prepare_stored(source, root, image_size=32), "val")
    assert split.footprints(0) == [] and split.footprints(1)[0].normalize() == hole.normalize()
    two = batch_of(split, np.array([2, 0]))
    assert two.footprints is not None and [len(found) for found in two.footprints] == [2, 0]
    assert two.sizes.tolist() == [[64, 64], [64, 64]]
    assert two.to("cpu").footprints == two.footprints
    (augmented,) = batches(split, 3, rng=np.random.default_rng(0), augment=True)
    assert augmented.footprints is None


def test_tiles_are_cut_with_all_their_labels(
    prepare_stored: Prepare, stored_source: Stored, root: Path
) -> None:
    source = stored_source("masks", "boxes", "footprints")
    source.write_sample(root, 0)
    prepared = prepare_stored(source, root, image_size=32, tiling=Tiling(32, 0))
    assert prepared.counts == {"train": 12, "val": 12, "test": 12}
    split = open_split(prepared, "train")
    left, right = split.names.index("train_0_0_0"), split.names.index("train_0_32_0")
    assert split.objects(right)[0].tolist() == [[0, 10, 18, 20]]
    assert split.objects(left)[0].tolist() == []  # two columns of it lie here: a sliver
    assert [shape.bounds for shape in split.footprints(left)] == [(30, 10, 32, 20)]
    assert split.sizes.tolist() == 12 * [[32, 32]]
    with np.load(root / "train_0.npz") as stored:
        np.testing.assert_array_equal(split.images[right], stored["image"][:, :32, 32:])
        np.testing.assert_array_equal(split.masks[right], stored["mask"][:32, 32:])


def test_a_scene_with_a_fault_is_named_once_however_many_tiles_it_has(
    prepare_stored: Prepare, stored_source: Stored, root: Path
) -> None:
    source = stored_source("masks")
    source.write_sample(root, 0)
    source.write(root, "val_2", np.ones((3, 64, 64), np.uint8), mask=np.full((64, 64), 9, np.uint8))
    with pytest.raises(DataError) as caught:
        prepare_stored(source, root, tiling=Tiling(16, 4))
    assert len(caught.value.problems) == 1


def test_an_error_that_names_no_file_is_not_taken_for_a_bad_file(
    prepare_stored: Prepare, stored_source: Stored, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(*_: object) -> None:
        raise DataError("the disk is on fire")

    source = stored_source("masks")
    source.write_sample(root, 0)
    monkeypatch.setattr(source, "read", read)
    with pytest.raises(DataError, match="on fire"):
        prepare_stored(source, root, skip_bad=True)


def test_the_fingerprint_tells_everything_that_shapes_a_batch(
    prepare_stored: Prepare, stored_source: Stored, root: Path, tmp_path: Path
) -> None:
    changes: list[dict[str, object]] = [
        {},
        {"tiling": Tiling(32, 0)},
        {"tiling": Tiling(32, 8)},
        {"ignore_index": 3},
        {"stretch": (2, 98)},
        {"stretch": (1, 98)},
    ]
    source = stored_source("masks", "boxes", "footprints")
    source.write_sample(root, 0)
    found = [prepare_stored(source, root, **change) for change in changes]
    image = np.load(root / "val_1.npz")["image"]
    for content in (
        {"mask": np.zeros((64, 64), np.uint8)},
        {"boxes": np.array([[30, 10, 50, 20], [4, 40, 10, 61]], dtype=np.float32)},
        {"labels": np.array([1, 2])},
        {"footprints": [shapely.box(1, 2, 3, 4).wkt]},
        {"image": image[::-1]},
    ):
        source.write(root, "val_1", **{"image": image, **content})
        found.append(prepare_stored(source, root))
    assert len({prepared.fingerprint for prepared in found}) == len(found)
    assert len({prepared.folder for prepared in found}) == len(found)
    moved = root.rename(tmp_path / "elsewhere")
    assert prepare_stored(source, moved).fingerprint == found[-1].fingerprint


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tiling": Tiling(16, 16)}, "tiles of 16 px cannot overlap by 16 px"),
        ({"ignore_index": -100}, "ignore_index: -100 is no mask value"),
        ({"stretch": (98, 2)}, "the lower one first"),
        ({"stretch": (0, 101)}, "between 0 and 100"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    prepare_stored: Prepare,
    stored_source: Stored,
    root: Path,
    options: dict[str, object],
    message: str,
) -> None:
    source = stored_source("masks")
    source.write_sample(root, 0)
    with pytest.raises(DataError, match=message):
        prepare_stored(source, root, **options)
