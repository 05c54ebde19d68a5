from pathlib import Path

import numpy as np
import pytest

from analysis.figures.precision_recall import precision_recall
from analysis.statistics.tallies import read_tally
from runs.tallies import BoxTally
from tests.analysis.tallied import tally_detections


def tally(score: list[float], right: list[bool], truths: int) -> BoxTally:
    return BoxTally(
        names=np.array(["image"]),
        truths=np.array([[truths]]),
        image=np.zeros(len(score), "int64"),
        label=np.ones(len(score), "int64"),
        score=np.array(score, "float32"),
        matched=np.repeat(np.array(right, bool)[:, None], 10, axis=1),
    )


def test_curve_goes_from_the_surest_detection_down() -> None:
    found = tally([0.5, 0.9, 0.7, 0.3], [True, True, False, True], truths=4)
    recall, precision = precision_recall(found, 1, 0)
    assert recall.tolist() == [0.25, 0.25, 0.5, 0.75]
    # Raw: 1, 1/2, 2/3, 3/4; what comes later may raise it.
    assert precision.tolist() == [1, 0.75, 0.75, 0.75]


def test_area_under_the_curve_is_the_average_precision(folder: Path) -> None:
    run = tally_detections(folder)
    found = read_tally(run, next(iter(run.test)))
    assert isinstance(found.counts, BoxTally)
    for metric, level in (("AP50", 0), ("AP75", 5)):
        recall, precision = precision_recall(found.counts, 1, level)
        at = np.searchsorted(recall, np.linspace(0, 1, 101), side="left")
        area = np.append(precision, 0)[at].mean()
        assert area == pytest.approx(found.scores(metric)[0])


def test_class_without_a_true_box_has_no_curve() -> None:
    recall, precision = precision_recall(tally([0.5], [False], truths=0), 1, 0)
    assert recall.size == precision.size == 0
