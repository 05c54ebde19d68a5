from pathlib import Path

import numpy as np
import pytest

import analysis
from analysis.statistics.pareto import on_front, pareto
from tests.analysis.made import SLOTS, make_run, trial

ARMS = [{"backbone": name} for name in ("vgg11", "swin", "vit", "resnet18")]


def test_front_is_what_no_other_point_dominates() -> None:
    rng = np.random.default_rng(0)
    score, cost = rng.integers(0, 6, 60).astype(float), rng.integers(0, 6, 60).astype(float)
    for at, found in enumerate(on_front(score, cost)):
        beaten = any(
            score[other] >= score[at]
            and cost[other] <= cost[at]
            and (score[other] > score[at] or cost[other] < cost[at])
            for other in range(60)
        )
        assert found != beaten


def test_equal_points_are_on_the_front_together() -> None:
    assert on_front(np.array([0.5, 0.5, 0.4]), np.array([2.0, 2.0, 2.0])).tolist() == [1, 1, 0]


def test_score_and_seconds_are_those_of_the_best_trial(tmp_path: Path) -> None:
    scored = [(0, 0.5, 30.0), (1, 0.6, 90.0), (2, 0.4, 60.0), (0, 0.3, 5.0), (3, None, 1.0)]
    run = make_run(
        tmp_path / "run", [trial(ARMS[at], score, seconds=took) for at, score, took in scored]
    )
    found = pareto(run, "seconds")
    assert found.split == "validation"
    assert found.missing == (3,)
    assert found.arms[["arm", "cost", "front"]].to_numpy().tolist() == [
        [0, 30.0, True],
        [2, 60.0, False],
        [1, 90.0, True],
    ]


def test_arms_with_repeats_have_means_over_them(repeated: Path) -> None:
    found = pareto(analysis.load(repeated), "latency_ms")
    assert found.split == "test"
    by_arm = found.arms.set_index("arm")
    assert by_arm["score"].tolist() == pytest.approx([0.5, 0.45])  # ResNet first: as fast, better
    assert by_arm["deviation"].tolist() == pytest.approx([0.1, 0.1])
    assert by_arm["cost"].tolist() == [7.5, 7.5]
    assert by_arm["front"].tolist() == [True, False]


def test_money_is_that_of_the_ranking(tmp_path: Path) -> None:
    run = make_run(
        tmp_path / "run",
        [trial(ARMS[0], 0.5, seconds=1800.0), trial(ARMS[0], 0.2, seconds=1800.0)],
        cost={"usd_per_hour": 3.0},
        slots=SLOTS | {"per_machine": 2},
    )
    assert pareto(run, "usd").arms["cost"].tolist() == analysis.rank_arms(run)["usd"].tolist()


def test_unknown_cost_is_refused(folder: Path) -> None:
    with pytest.raises(analysis.AnalysisError, match="does not say what its arms take in usd"):
        pareto(analysis.load(folder), "usd")


def test_test_scores_by_another_metric_are_of_the_trials_that_have_them(folder: Path) -> None:
    found = pareto(analysis.load(folder), "seconds", "AP")
    assert found.split == "test"
    assert found.arms["score"].tolist() == [0.21]


def test_arm_that_dropped_out_has_no_point_though_it_was_cheap(halved: analysis.Run) -> None:
    found = pareto(halved, "seconds")
    assert found.arms["arm"].tolist() == [0, 1]
    assert found.missing == (2,)
