"""Pairs of arms that differ in one factor, against scores of their tallies."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest

import analysis
from analysis.factors.ablation import ablation
from analysis.factors.tested import arms_on_test
from runs.arms import Arm, Scalar
from tests.analysis.factored import Values, factored_run
from tests.analysis.made import make_run, trial

GAIN = {"rgb": 0.0, "rgbn": 0.05, "all": 0.0}


def quality(arm: Values) -> float:
    return 0.7 + GAIN[str(arm["bands"])] + 0.1 * (arm["backbone"] == "swin")


def grid(**factors: list[Scalar]) -> list[dict[str, Scalar]]:
    return [dict(zip(factors, values, strict=True)) for values in product(*factors.values())]


ARMS = grid(backbone=["swin", "vgg"], bands=["rgb", "rgbn", "all"])


@pytest.fixture
def run(tmp_path: Path) -> analysis.Run:
    """Two backbones on three choices of bands; the second one helps, the third one does not."""
    return factored_run(tmp_path / "run", ARMS, quality)


def test_mean_over_pairs_and_each_pair_are_differences_of_test_scores(run: analysis.Run) -> None:
    found = ablation(run, "bands")
    scores = {one.values: one.score for one in arms_on_test(run).arms}
    rows = [(one.level, one.pairs) for one in found.gains]
    assert rows == [("rgbn", 2), ("rgbn", 1), ("rgbn", 1), ("all", 2), ("all", 1), ("all", 1)]
    mean, swin, vgg = (one.difference for one in found.gains[:3])
    for one, difference in ((found.gains[1], swin), (found.gains[2], vgg)):
        assert one.line
        own, base = (scores[Arm({**one.line, "bands": level})] for level in ("rgbn", "rgb"))
        assert difference == pytest.approx(own - base)
    assert mean == pytest.approx(np.mean([swin, vgg]))


def test_a_choice_that_helps_is_told_from_one_that_does_not(run: analysis.Run) -> None:
    helps, _, _, does_not, *_ = ablation(run, "bands").gains
    assert helps.low > 0.03 and helps.p < 0.001
    assert does_not.low < 0 < does_not.high and does_not.p > 0.05


def test_interval_of_the_mean_is_narrower_than_of_its_pairs(run: analysis.Run) -> None:
    mean, *pairs = ablation(run, "bands").gains[:3]
    assert all(mean.high - mean.low < one.high - one.low for one in pairs)


def test_seeds_make_intervals_wider(tmp_path: Path) -> None:
    runs = [factored_run(tmp_path / str(seeds), ARMS, quality, seeds=seeds) for seeds in (0, 2)]
    once, repeated = (ablation(run, "bands").gains[1] for run in runs)
    assert arms_on_test(runs[1]).noise.freedom == 6
    assert repeated.found and once.found
    assert repeated.found.error.over_seeds > 0 == once.found.error.over_seeds


def test_arm_without_a_partner_is_in_no_pair(tmp_path: Path) -> None:
    arms = [arm for arm in ARMS if arm != {"backbone": "vgg", "bands": "rgb"}]
    found = ablation(factored_run(tmp_path / "run", arms, quality), "bands")
    assert [(one.level, one.pairs) for one in found.gains] == [("rgbn", 1), ("all", 1)]
    assert found.alone == (3, 4)


def test_on_few_test_images_there_are_differences_and_no_intervals(tmp_path: Path) -> None:
    found = ablation(factored_run(tmp_path / "run", ARMS, quality, images=12), "bands")
    assert found.tested.no_intervals == "12 test images, and 20 are needed"
    assert found.gains[0].difference > 0.03
    assert np.isnan([found.gains[0].low, found.gains[0].p]).all()


def test_run_that_was_not_tested_has_no_answer(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", [trial({"bands": one}, 0.5) for one in GAIN])
    with pytest.raises(analysis.AnalysisError, match="a score on test yet"):
        ablation(run, "bands")


def test_intervals_of_scores_are_those_of_the_ranking(run: analysis.Run) -> None:
    ranked = analysis.rank_arms(run)
    tested = arms_on_test(run).arms
    assert [one.score for one in tested] == ranked["test"].tolist()
    assert [[one.low, one.high] for one in tested] == ranked[["ci_low", "ci_high"]].values.tolist()
