from pathlib import Path

import pytest

import analysis
from tests.analysis.made import edit, trial_file


def test_trials_show_all_metrics_at_one_epoch(folder: Path) -> None:
    trials = analysis.rank_trials(analysis.load(folder))
    assert trials["number"].tolist() == [0, 1, 5, 4, 3, 2]
    assert trials[["AP50", "AP", "best_epoch"]].iloc[0].tolist() == [0.5, 0.2, 2]
    by_ap = analysis.rank_trials(analysis.load(folder), "AP").query("number == 0")
    assert by_ap[["AP50", "AP", "best_epoch"]].iloc[0].tolist() == [0.4, 0.35, 3]
    assert trials.columns.tolist() == [
        *["number", "backbone", "pretraining", "lr", "loss_weights.roi_box", "AP50", "AP"],
        *["best_epoch", "epochs", "seconds", "status", "reason"],
    ]


def test_hyperparameter_named_like_a_column_keeps_its_prefix(folder: Path) -> None:
    for file in folder.glob("trials/*/trial.json"):
        edit(file, config={"epochs": 40}, tuned=["epochs"])
    trials = analysis.rank_trials(analysis.load(folder)).query("number == 0")
    assert trials[["config/epochs", "epochs"]].iloc[0].tolist() == [40, 3]


def test_unknown_metric_is_answered_with_the_nearest(folder: Path) -> None:
    with pytest.raises(analysis.AnalysisError, match=r"no metric 'ap_50'; did you mean 'AP50'\?"):
        analysis.rank_arms(analysis.load(folder), "ap_50")


def test_trials_that_were_trained_further_come_first(halved: analysis.Run) -> None:
    trials = analysis.rank_trials(halved)
    assert trials["number"].tolist() == [0, 1, 2, 3, 4, 6, 5]
    assert trials["epochs"].tolist() == [6, 6, 2, 2, 2, 2, 1]


def test_trial_without_a_score_is_last_however_far_it_was_trained(halved: analysis.Run) -> None:
    edit(trial_file(halved.path, 1), status="failed", score=None, best_epoch=None)
    assert analysis.rank_trials(analysis.load(halved.path))["number"].tolist()[-1] == 1
