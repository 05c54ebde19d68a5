"""Tallies and predictions are read as they were written, or refused."""

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from runs.predictions import PredictionsError, read_predictions, write_predictions
from runs.tallies import (
    BoxTally,
    LabelTally,
    PixelTally,
    Tally,
    TallyError,
    read_tally,
    write_tally,
)

NAMES = np.array(["a", "b"])
PIXELS = PixelTally(NAMES, np.arange(18).reshape(2, 3, 3), np.ones((2, 3), np.int64))
BOXES = BoxTally(
    NAMES,
    np.array([[1], [0]]),
    np.array([0, 1, 1]),
    np.array([1, 1, 1]),
    np.array([0.9, 0.5, 0.25], np.float32),
    np.eye(3, 10, dtype=bool),
)


LABELS = LabelTally(
    NAMES,
    np.eye(2, 3, dtype=np.bool_),
    np.ones((2, 3), np.bool_),
    np.full((2, 3), 0.5, np.float32),
)
SCENES = np.array(["field", "field"])


@pytest.mark.parametrize(
    "tally",
    [
        PIXELS,
        BOXES,
        PixelTally(NAMES, PIXELS.confusion, None),
        replace(PIXELS, scenes=SCENES),
        replace(BOXES, scenes=SCENES),
        LABELS,
        replace(LABELS, scenes=SCENES),
        replace(BOXES, mask_matched=~BOXES.matched),
    ],
)
def test_a_tally_is_read_as_it_was_written(tmp_path: Path, tally: Tally) -> None:
    write_tally(tmp_path / "test.npz", tally)
    read = read_tally(tmp_path / "test.npz")
    assert type(read) is type(tally)
    for name, array in vars(tally).items():
        np.testing.assert_array_equal(getattr(read, name), array)


@pytest.mark.parametrize(
    ("tally", "said"),
    [
        (PixelTally(np.array(["a", "a"]), PIXELS.confusion, None), "lists an image twice"),
        (PixelTally(NAMES, PIXELS.confusion[:1], None), "confusion has shape"),
        (PixelTally(NAMES, PIXELS.confusion[:, :2], None), "not square"),
        (BoxTally(**{**vars(BOXES), "image": BOXES.image + 1}), "none of its 2"),
        (BoxTally(**{**vars(BOXES), "matched": BOXES.matched[:, :9]}), "matched has shape"),
        (replace(LABELS, found=LABELS.found[:, :2]), "found has shape"),
        (replace(BOXES, mask_matched=BOXES.matched[:1]), "mask_matched has shape"),
    ],
)
def test_arrays_that_do_not_fit_together_are_refused(
    tmp_path: Path, tally: Tally, said: str
) -> None:
    write_tally(tmp_path / "test.npz", tally)
    with pytest.raises(TallyError, match=rf"test\.npz is damaged .*{said}"):
        read_tally(tmp_path / "test.npz")


def test_a_file_that_is_missing_or_no_archive_is_said(tmp_path: Path) -> None:
    with pytest.raises(TallyError, match="is missing"):
        read_tally(tmp_path / "test.npz")
    (tmp_path / "test.npz").write_bytes(b"PK\3\4 and no more")
    with pytest.raises(TallyError, match="is damaged"):
        read_tally(tmp_path / "test.npz")


def test_a_tally_is_read_or_refused_wherever_it_is_damaged(tmp_path: Path) -> None:
    file = tmp_path / "test.npz"
    write_tally(file, PIXELS)
    whole = file.read_bytes()
    refused = 0
    for position in range(0, len(whole), 3):
        file.write_bytes(whole[:position] + bytes([whole[position] ^ 0xFF]) + whole[position + 1 :])
        try:
            read_tally(file)
        except TallyError as error:
            refused += 1
            assert "test.npz" in str(error)
    assert refused > len(whole) / 6


@pytest.mark.parametrize("name", ["names", "footprints", "confusion", "format"])
def test_a_tally_without_one_of_its_arrays(tmp_path: Path, name: str) -> None:
    file = tmp_path / "test.npz"
    write_tally(file, PIXELS)
    with np.load(file) as archive:
        # Without its digest, as of an earlier version.
        arrays = {key: array for key, array in archive.items() if key not in (name, "digest")}
    np.savez(file, **arrays)
    if name == "footprints":
        assert read_tally(file).footprints is None  # type: ignore[union-attr]
    else:
        with pytest.raises(TallyError, match=r"test\.npz is damaged \(it has no "):
            read_tally(file)


def test_another_format_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "test.npz", format=3, names=NAMES, confusion=PIXELS.confusion)
    with pytest.raises(TallyError, match=r"test\.npz: format 3 is not the one"):
        read_tally(tmp_path / "test.npz")
    with write_predictions(tmp_path / "found.h5") as predictions:
        predictions.add(["a"], [{"mask": np.zeros((4, 4), np.uint8)}])
    with h5py.File(tmp_path / "found.h5", "a") as opened:
        opened.attrs["format"] = 3
    with pytest.raises(PredictionsError, match=r"found\.h5: format 3 is not the one"):
        list(read_predictions(tmp_path / "found.h5", ["a"]))


def test_masks_are_read_by_name(tmp_path: Path) -> None:
    masks = np.random.default_rng(0).integers(0, 3, (3, 8, 8)).astype(np.uint8)
    file = tmp_path / "predictions.h5"
    with write_predictions(file) as predictions:
        predictions.add(["a", "b"], [{"mask": mask} for mask in masks[:2]])
        predictions.add(["c"], [{"mask": masks[2]}])
    third, first = read_predictions(file, ["c", "a"])
    np.testing.assert_array_equal(third["mask"], masks[2])
    np.testing.assert_array_equal(first["mask"], masks[0])


def test_boxes_are_read_by_name_also_where_an_image_has_none(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    counts = {"a": 2, "b": 3, "c": 0, "d": 1}
    found = {
        name: {
            "boxes": rng.random((count, 4)).astype(np.float32),
            "labels": np.ones(count, np.int64),
            "scores": rng.random(count).astype(np.float32),
        }
        for name, count in counts.items()
    }
    file = tmp_path / "predictions.h5"
    with write_predictions(file) as predictions:
        predictions.add(list(found), list(found.values()))
    for name, read in zip(counts, read_predictions(file, counts), strict=True):
        for key, array in found[name].items():
            np.testing.assert_array_equal(read[key], array)


def test_labels_are_read_by_name(tmp_path: Path) -> None:
    found = [
        {"classes": np.array([True, False]), "confidences": np.array([0.9, sure], np.float32)}
        for sure in (0.1, 0.4)
    ]
    file = tmp_path / "predictions.h5"
    with write_predictions(file) as predictions:
        predictions.add(["a", "b"], found)
    (read,) = read_predictions(file, ["b"])
    assert read.keys() == found[1].keys()
    for key, array in found[1].items():
        np.testing.assert_array_equal(read[key], array)


def test_predictions_that_are_missing_or_damaged_are_said(tmp_path: Path) -> None:
    file = tmp_path / "predictions.h5"
    with pytest.raises(PredictionsError, match="is missing"):
        list(read_predictions(file, ["a"]))
    with write_predictions(file) as predictions:
        predictions.add(["a"], [{"mask": np.zeros((4, 4), np.uint8)}])
    with pytest.raises(PredictionsError, match="has no image b"):
        list(read_predictions(file, ["b"]))
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(PredictionsError, match="is damaged"):
        list(read_predictions(file, ["a"]))
