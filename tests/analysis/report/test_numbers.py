"""Numbers of the report, computed again by hand from the JSON and NPZ files of the run."""

import json
import re
from collections.abc import Iterator
from math import sqrt
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from analysis.figures import sketch_figures
from tests.analysis.report.conftest import reported
from tests.analysis.report.reading import Page
from tests.analysis.tallied import tally_detections


def trials_of(run: Path, **arm: str) -> list[dict[str, Any]]:
    files = sorted(run.glob("trials/*/trial.json"))
    trials = [json.loads(file.read_text()) for file in files]
    return [one for one in trials if arm.items() <= one["arm"].items()]


def confusions(run: Path, pattern: str) -> Iterator[NDArray[np.int64]]:
    for file in sorted(run.glob(f"{pattern}/test.npz")):
        with np.load(file) as tally:
            yield tally["confusion"]


def ious(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """Of each class, from counts [..., K, K]."""
    right = np.diagonal(confusion, axis1=-2, axis2=-1)
    return right / (confusion.sum(-1) + confusion.sum(-2) - right)


def average_precision(file: Path) -> float:
    """Of one class at IoU 0.5: the mean, over 101 recalls, of the best precision from there on."""
    with np.load(file) as tally:
        order = np.argsort(-tally["score"], kind="stable")
        hits, truths = tally["matched"][order, 0].cumsum(), tally["truths"].sum()
    precision = hits / np.arange(1, len(hits) + 1)
    reached = hits / truths
    best = [precision[reached >= level].max(initial=0) for level in np.linspace(0, 1, 101)]
    return float(np.mean(best))


def test_scores_of_masks_are_those_of_the_tallies(segmented: Path, page: Page) -> None:
    first = page.table("ranking-table")[0]
    seeds = [ious(one.sum(axis=0)).mean() for one in confusions(segmented, "repeats/000-*")]
    assert (first["head"], first["loss"]) == ("fpn", "dice")
    assert first["test"] == f"{mean(seeds):.4f}"
    assert first["± (seeds)"] == f"{stdev(seeds):.4f} (3)"


def test_interval_is_that_of_other_test_images_and_other_seeds(segmented: Path, page: Page) -> None:
    """Drawn: the error of the resamples, and Student's t times that of the mean over three seeds.

    No other arm has several seeds.
    """
    rng = np.random.default_rng(0)
    seeds = np.stack(list(confusions(segmented, "repeats/000-*")))
    count = seeds.shape[1]
    drawn = rng.integers(count, size=(2000, count))
    found = np.array([ious(seeds[:, images].sum(axis=1)).mean(axis=-1) for images in drawn])
    angles, scores = np.arcsin(np.sqrt(found)), ious(seeds.sum(axis=1)).mean(axis=-1)
    apart = angles - angles.mean(axis=1, keepdims=True)
    by_image = apart.var(axis=0).sum() / 2 * count / (count - 1)
    over_seeds = max(np.arcsin(np.sqrt(scores)).var(ddof=1), by_image) / 3
    over_images = np.arcsin(np.sqrt(found.mean(axis=1))).var() * count / (count - 1) - by_image / 3
    error = sqrt(max(0, over_images)) * rng.standard_t(count - 1, 400_000)
    error += sqrt(over_seeds) * rng.standard_t(2, 400_000)
    expected = np.arcsin(sqrt(scores.mean())) + np.quantile(error, [0.025, 0.975])
    low, high = json.loads(page.table("ranking-table")[0]["95 % CI"])
    assert (low, high) == pytest.approx(tuple(np.sin(expected) ** 2), abs=0.002)
    told = re.search(r"over test images and seeds (\S+) to ([\d.]+)\)", page.section("answer"))
    assert told and [round(float(one), 3) for one in told.groups()] == [low, high]


def test_money_effects_and_classes_are_those_of_the_files(segmented: Path, page: Page) -> None:
    trials = trials_of(segmented, head="unet", loss="dice")
    (arm,) = (row for row in page.table("costs") if row["arm"] == "unet · dice")
    assert float(arm["usd"]) == pytest.approx(sum(one["seconds"] for one in trials) / 1000 / 2)
    fpn = [
        max(one["score"] for one in trials_of(segmented, head="fpn", loss=loss))
        for loss in ("dice", "focal")
    ]
    (level,) = (row for row in page.table("effects-table") if row["level"] == "fpn")
    assert level["mean"] == f"{mean(fpn):.4f}"
    (confusion,) = confusions(segmented, "trials/003-*")
    (classes,) = (row for row in page.table("classes-table") if row["arm"] == "unet · focal")
    assert classes["water"] == f"{ious(confusion.sum(axis=0))[1]:.4f}"


def test_a_score_is_the_same_wherever_the_page_has_it(segmented: Path, page: Page) -> None:
    """Of an arm with repeats, the mean over them: in tables, in figures and in their words."""
    recalls = np.mean(
        [
            np.diagonal(one.sum(axis=0)) / one.sum(axis=(0, 2))
            for one in confusions(segmented, "repeats/000-*")
        ],
        axis=0,
    )
    rows = page.table("best-classes-table")
    assert [row["recall"] for row in rows] == [f"{recall:.4f}" for recall in recalls]
    (confusion,) = (
        image.attributes["alt"]
        for image in page.all("img")
        if "recognises" in image.attributes["alt"]
    )
    for row, recall in zip(rows, recalls, strict=True):
        assert f"{row['class']} {recall:.0%}" in confusion
    mean_iou = mean(float(row["IoU"]) for row in rows)
    first, *_ = page.table("ranking-table")
    assert float(first["test"]) == pytest.approx(mean_iou, abs=1e-4)
    (by_class,) = (row for row in page.table("classes-table") if row["arm"] == "fpn · dice")
    assert [by_class[row["class"]] for row in rows] == [row["IoU"] for row in rows]


def test_area_under_the_curve_is_the_score_in_the_ranking(repeated: Path) -> None:
    run = tally_detections(repeated)
    first, *_ = reported(repeated).table("ranking-table")
    sketches, _ = sketch_figures(run)
    panel, _ = sketches["precision_recall"].canvas.axes
    (line,) = panel.lines
    assert f"{np.mean(line.get_ydata()):.4f}" == first["test"]
    assert f"AP50 {float(first['test']):.3f}" in sketches["precision_recall"].caption


def test_scores_of_boxes_are_those_of_the_tallies(repeated: Path) -> None:
    tally_detections(repeated)
    first, *_ = reported(repeated).table("ranking-table")
    files = sorted(repeated.glob("repeats/001-*/test.npz"))
    seeds = [average_precision(file) for file in files]
    assert first["backbone"] == "resnet18"
    assert first["test"] == f"{mean(seeds):.4f}"
    assert first["± (seeds)"] == f"{stdev(seeds):.4f} (3)"


def test_effort_and_validation_scores_of_boxes_are_those_of_the_files(repeated: Path) -> None:
    page = reported(repeated)
    trials = trials_of(repeated, backbone="resnet18")
    first, *_ = page.table("ranking-table")
    scored = [max(epoch.get("AP50", 0) for epoch in one["epochs"]) for one in trials]
    assert first["best"] == f"{max(scored):.4f}"
    assert first["n"] == str(len(trials))
    assert float(first["seconds"]) == pytest.approx(sum(one["seconds"] for one in trials))
    total = sum(one["seconds"] for one in trials_of(repeated))
    assert f"trials {total:.3g} s of slot time for 6 trials" in page.section("cost")
