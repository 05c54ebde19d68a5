"""The answer is one sentence that claims no more than the run shows."""

from dataclasses import replace
from pathlib import Path

import pytest

import analysis
from analysis.ranking.arms import rank_runs
from analysis.report.answer import answer, certainty
from analysis.report.question import unfinished
from runs.records import TestRecord
from tests.analysis.made import edit, make_run, stopped, trial, trial_file
from tests.analysis.tallied import tally_detections

SWIN = {"backbone": "swin"}
RESNET = {"backbone": "resnet"}


def answered(run: analysis.Run) -> str:
    ranking = rank_runs([run])
    return " ".join([answer(ranking).lead, *certainty(ranking).paragraphs])


def test_without_a_score_nothing_is_said(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", [trial(SWIN, None)])
    assert answered(run).startswith("There is no answer yet: no trial has a score.")


def test_before_the_test_the_leader_is_named_and_nothing_more(tmp_path: Path) -> None:
    told = answered(make_run(tmp_path / "run", [trial(SWIN, 0.4), trial(RESNET, 0.5)]))
    assert "resnet leads with mIoU 0.5000 on validation" in told
    assert "no score on test yet" in told
    assert "it cannot be compared with swin" in told


def test_arm_alone_has_no_rival(tmp_path: Path) -> None:
    told = answered(make_run(tmp_path / "run", [trial(SWIN, 0.4)]))
    assert "there is no other arm with a trial" in told


def test_without_tallies_no_arm_is_called_better(folder: Path) -> None:
    told = answered(analysis.load(folder))
    assert "(one seed, and no interval)" in told
    assert "it cannot be compared with any of the 2 other arms" in told
    assert "were not tallied" in told


def test_tied_arm_is_named_as_such(repeated: Path) -> None:
    told = answered(tally_detections(repeated))
    assert "it cannot be distinguished from swin_tiny" in told
    assert "mean ± standard deviation over 3 seeds; 95 % interval over test images and se" in told
    assert "Behrens" in told


def test_worse_arm_is_named_as_such(repeated: Path) -> None:
    told = answered(tally_detections(repeated, errors={"000": 9.0}))
    assert "it is better than swin_tiny" in told


def test_leader_on_validation_that_loses_on_test_is_not_called_better(repeated: Path) -> None:
    told = answered(tally_detections(repeated, errors={"001": 9.0}))
    assert "it scores lower on test than swin_tiny" in told
    assert "is better than" not in told


def test_too_few_images_are_the_reason(repeated: Path) -> None:
    told = answered(tally_detections(repeated, images=6))
    assert "interval over" not in told
    assert "6 test images, and 20 are needed" in told


def test_what_is_still_to_come_is_counted(repeated: Path) -> None:
    budget = {"trials": 9, "epochs": 3, "pretraining_epochs": 1, "hours": None}
    edit(repeated / "run.json", budget=budget)
    assert "5 of 9 trials have ended." in unfinished(analysis.load(repeated))
    edit(next(repeated.glob("repeats/*seed3/trial.json")), status="running")
    assert "5 of 6 seed repeats have ended." in unfinished(analysis.load(repeated))
    (repeated / "test.json").unlink()
    assert "There are no scores on test yet." in unfinished(analysis.load(repeated))


@pytest.mark.parametrize("planned", [8, 20], ids=["the whole budget", "all combinations below it"])
def test_sweep_that_is_done_is_not_called_unfinished(segmented: Path, planned: int) -> None:
    run = analysis.load(segmented)
    budget = run.record.budget.model_copy(update={"trials": planned})
    record = run.record.model_copy(update={"budget": budget})
    assert unfinished(replace(run, record=record)) == ()


def test_arm_that_dropped_out_is_called_neither_worse_nor_tied(halved: analysis.Run) -> None:
    told = answered(halved)
    assert "it cannot be distinguished from b (too close" in told
    assert "), and it is not compared with c" in told
    assert "c (epoch 2 of 6)" in told
    assert "scheduler.finish=1" in told


def test_leader_without_a_finished_training_is_said_to_have_none(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", [stopped(SWIN, [0.4]), stopped(RESNET, [0.1, 0.3])])
    assert "resnet leads with mIoU 0.3000 on validation at epoch 2 of 6" in answered(run)
    run.directory.write_test(TestRecord(scores={run.trials["name"][1]: {"mIoU": 0.2}}))
    told = answered(analysis.load(run.path))
    assert "on test (trained up to epoch 2 of 6 only; one seed, and no interval)" in told


def test_paused_trials_have_not_ended(halved: analysis.Run) -> None:
    edit(trial_file(halved.path, 3), status="waiting")
    assert "1 trial has not ended." in unfinished(analysis.load(halved.path))
