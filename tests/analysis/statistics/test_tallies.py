"""Tallies score any of their images as if they were the set."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import analysis
from analysis.statistics.tallies import Tally
from models.metrics.confusion import pixel_scores
from runs.factory import trial_record, write_run
from runs.tallies import BoxTally, LabelTally, PixelTally, TallyError, write_tally
from tests.analysis.tallied import tally_detections

NAMES = np.array(["a", "b", "c", "d"])
COUNTS = PixelTally(
    NAMES,
    np.random.default_rng(0).integers(0, 50, (4, 2, 2)),
    np.array([[3, 1, 0], [0, 0, 2], [1, 1, 1], [0, 0, 0]]),
)
CLASSES = ("background", "building")
NAME = "000-swin_tiny_patch4_window7_224.ms_in22k_ft_in1k-mae"


def test_image_that_is_drawn_twice_counts_twice() -> None:
    tally = Tally(COUNTS, CLASSES)
    weights = np.array([[2, 0, 1, 1], [1, 1, 1, 1]], np.int32)
    expected = pixel_scores(COUNTS.confusion[[0, 0, 2, 3]].sum(axis=0), CLASSES)
    for metric in ("mIoU", "IoU/building", "accuracy"):
        assert tally.scores(metric, weights)[0] == pytest.approx(expected[metric])
        assert tally.scores(metric, weights)[1] == tally.scores(metric)[0]
    assert tally.scores("footprint_F1", weights)[0] == pytest.approx(2 * 7 / (2 * 7 + 3 + 1))


def test_labels_are_scored_of_any_images() -> None:
    """A wrong image that is not drawn costs nothing; classes begin after the background."""
    truths = np.array([[1, 0], [0, 1], [1, 0], [0, 1]], np.bool_)
    found = np.array([[1, 0], [0, 1], [1, 0], [1, 0]], np.bool_)
    tally = Tally(
        LabelTally(NAMES, truths, found, found.astype(np.float32)), ("background", "a", "b")
    )
    weights = np.array([[1, 2, 1, 0], [1, 1, 1, 1]], np.int32)
    assert tally.scores("accuracy", weights).tolist() == [1, 0.75]
    assert tally.scores("F1/b", weights).tolist() == pytest.approx([1, 2 / 3])
    assert tally.by_image("accuracy").tolist() == [1, 1, 1, 0]
    with pytest.raises(analysis.AnalysisError, match="mIoU cannot be computed from labels"):
        tally.scores("mIoU")


def test_detections_are_read_for_trials_and_repeats(repeated: Path) -> None:
    run = tally_detections(repeated, images=5)
    for name in (NAME, f"{NAME}-seed2"):
        assert run.test[name]["AP"] == analysis.read_tally(run, name).scores("AP")[0]


def test_tally_of_other_classes_is_refused(tmp_path: Path) -> None:
    trial = trial_record(0, {"head": "fpn"}, 0.5)
    directory = write_run(
        tmp_path, [trial], test={trial.name: {"mIoU": 0.4}}, data={"classes": ["road", "water"]}
    )
    write_tally(directory.tally_file(trial), COUNTS)
    with pytest.raises(analysis.AnalysisError, match=r"counts 2 classes, but run\.json has 3"):
        analysis.read_tally(analysis.load(tmp_path), trial.name)


def test_trial_that_was_not_tested_has_no_tally(folder: Path) -> None:
    with pytest.raises(TallyError, match="only what was scored on test has a tally"):
        analysis.read_tally(analysis.load(folder), NAME)
    with pytest.raises(analysis.AnalysisError, match="imagenet was not scored on test"):
        analysis.read_tally(analysis.load(folder), "005-resnet18-imagenet")


def test_masks_are_scored_where_they_were_counted() -> None:
    """Of two objects, boxes find both, masks one."""
    boxes = BoxTally(
        np.array(["a", "b"]),
        truths=np.array([[1], [1]]),
        image=np.array([0, 1]),
        label=np.array([1, 1]),
        score=np.array([0.9, 0.8], np.float32),
        matched=np.ones((2, 10), bool),
    )
    masks = replace(boxes, mask_matched=np.array([[True] * 10, [False] * 10]))
    assert Tally(masks, CLASSES).scores("AP") == 1
    assert Tally(masks, CLASSES).scores("mask_AP") == pytest.approx(51 / 101)
    assert Tally(masks, CLASSES).by_image("mask_AP50").tolist() == [1, 0]
    with pytest.raises(analysis.AnalysisError, match="mask_AP cannot be computed"):
        Tally(boxes, CLASSES).scores("mask_AP")


def test_metric_that_was_not_counted_is_refused(repeated: Path) -> None:
    run = tally_detections(repeated, images=5)
    with pytest.raises(analysis.AnalysisError, match="mIoU cannot be computed"):
        analysis.read_tally(run, NAME).scores("mIoU")
    with pytest.raises(analysis.AnalysisError, match="IoU/lake cannot be computed"):
        Tally(COUNTS, CLASSES).scores("IoU/lake")
