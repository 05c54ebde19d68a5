"""Tallies are read as they were written, and score any of their images as if they were the set."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import analysis
from analysis.tallies import PixelTally, tally_file
from models.metrics.counts import pixel_scores
from tests.analysis.tallied import tally_detections

IMAGES = np.array(["a", "b", "c", "d"])
NAME = "000-swin_tiny_patch4_window7_224.ms_in22k_ft_in1k-mae"


def pixels(**changes: Any) -> dict[str, NDArray]:
    rng = np.random.default_rng(0)
    return {
        "names": IMAGES,
        "confusion": rng.integers(0, 50, (4, 2, 2)),
        "footprints": np.array([[3, 1, 0], [0, 0, 2], [1, 1, 1], [0, 0, 0]]),
    } | changes


@pytest.fixture
def segmented(folder: Path) -> Path:
    file = folder / "run.json"
    metrics = ["AP50", "AP", "mIoU", "footprint_F1", "IoU/background", "IoU/building"]
    file.write_text(json.dumps(json.loads(file.read_text()) | {"metrics": metrics}))
    np.savez_compressed(folder / "trials" / NAME / "test.npz", **pixels())
    return folder


def test_image_that_is_drawn_twice_counts_twice(segmented: Path) -> None:
    tally = analysis.read_tally(analysis.load(segmented), NAME)
    assert isinstance(tally, PixelTally)
    weights = np.array([[2, 0, 1, 1], [1, 1, 1, 1]], np.int32)
    drawn = tally.confusion[[0, 0, 2, 3]].sum(axis=0)
    expected = pixel_scores(drawn, ("background", "building"))
    for metric in ("mIoU", "IoU/building", "accuracy"):
        assert tally.scores(metric, weights)[0] == pytest.approx(expected[metric])
        assert tally.scores(metric, weights)[1] == tally.scores(metric)[0]
    assert tally.scores("footprint_F1", weights)[0] == pytest.approx(2 * 7 / (2 * 7 + 3 + 1))


def test_detections_are_read_for_trials_and_repeats(repeated: Path) -> None:
    run = tally_detections(repeated, images=5)
    for name in (NAME, f"{NAME}-seed2"):
        assert tally_file(run, name).is_file()
        assert run.test[name]["AP"] == analysis.read_tally(run, name).scores("AP")[0]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"confusion": np.zeros((4, 3, 3), int)}, r"its confusion are \(4, 3, 3\) instead of"),
        ({"footprints": np.zeros((3, 3), int)}, r"its footprints are \(3, 3\) instead of \(4, 3\)"),
        ({"names": np.array(["a", "b", "a", "d"])}, "it names an image twice"),
    ],
)
def test_tally_that_does_not_fit_is_refused(
    segmented: Path, changes: dict[str, NDArray], told: str
) -> None:
    np.savez(segmented / "trials" / NAME / "test.npz", **pixels(**changes))
    with pytest.raises(analysis.AnalysisError, match=rf"test\.npz is damaged \({told}"):
        analysis.read_tally(analysis.load(segmented), NAME)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 half a file", b"names: [a]"])
def test_file_that_is_no_archive_is_refused(segmented: Path, content: bytes) -> None:
    (segmented / "trials" / NAME / "test.npz").write_bytes(content)
    with pytest.raises(analysis.AnalysisError, match=r"test\.npz is damaged"):
        analysis.read_tally(analysis.load(segmented), NAME)


def test_trial_that_was_not_tested_has_no_tally(folder: Path) -> None:
    with pytest.raises(analysis.AnalysisError, match="has no tally of the test set"):
        analysis.read_tally(analysis.load(folder), NAME)


@pytest.mark.parametrize("metric", ["AP", "IoU/lake"])
def test_metric_that_was_not_counted_is_refused(segmented: Path, metric: str) -> None:
    tally = analysis.read_tally(analysis.load(segmented), NAME)
    with pytest.raises(analysis.AnalysisError, match=f"{metric} cannot be computed"):
        tally.scores(metric)
