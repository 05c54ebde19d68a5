from pathlib import Path

import pytest

import analysis
from analysis.standings import comparable_arms
from analysis.unfinished import epoch_reached, unfinished_arms
from tests.analysis.made import edit, make_run, stopped, trial_file

A, B, C = ({"backbone": name} for name in "abc")


@pytest.mark.parametrize(
    ("status", "other", "told"),
    [
        ("pruned", "pruned", "it dropped out at epoch 2 of 6"),
        ("waiting", "pruned", "its training is not finished yet, at epoch 2 of 6"),
        ("pruned", "running", "its training is not finished yet, at epoch 2 of 6"),
        ("diverged", "pruned", "it diverged at epoch 1 of 6"),
        ("stopped", "pruned", "it was stopped by hand at epoch 2 of 6"),
    ],
)
def test_arm_is_said_to_have_dropped_out_only_if_nothing_of_it_goes_on(
    tmp_path: Path, status: str, other: str, told: str
) -> None:
    trials = [stopped(A, [0.1] * 6), stopped(B, [0.3, 0.2], status=status)]
    trials.append(stopped(B, [0.1], status=other))
    run = make_run(tmp_path / "run", trials)
    found = unfinished_arms(run, "mIoU")
    assert {arm: one.reason for arm, one in found.items()} == {1: told}


def test_finished_trial_keeps_its_arm_whatever_a_stopped_one_scored(halved: analysis.Run) -> None:
    assert list(unfinished_arms(halved, "mIoU")) == [2]
    assert list(unfinished_arms(halved, "IoU/water")) == [2]


def test_epoch_is_counted_in_the_epochs_of_the_trial(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", [stopped(A, [0.1, 0.2], of=29), stopped(B, [0.1], of=3)])
    assert [epoch_reached(run, number) for number in (0, 1)] == ["2 of 29", "1 of 3"]


def test_arms_are_comparable_with_the_first_if_they_were_trained_as_far(
    halved: analysis.Run,
) -> None:
    assert [one.arm for one in comparable_arms(halved, "mIoU")] == [0, 1]
    for number in (0, 1):
        edit(trial_file(halved.path, number), status="failed", score=None, best_epoch=None)
    left = analysis.load(halved.path)
    assert [one.arm for one in comparable_arms(left, "mIoU")] == [2, 0]
