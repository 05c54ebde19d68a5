"""The ledger is the run's memory: the best epoch, repeated epochs, and the rule of the winner."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from runs.arms import Arm
from runs.directory import RunDirectory
from runs.records import TrialRecord
from sweeps.ledger import Ledger, best_by, reached, seen
from sweeps.repeats import open_repeats
from sweeps.schema import Sweep


def opened(run: Path, *arms: str) -> Ledger:
    """A ledger with a running trial of each of `arms`, which has weights already."""
    ledger = Ledger(RunDirectory(run), "AP50")
    for number, backbone in enumerate(arms):
        arm = Arm({"backbone": backbone})
        name, config = f"{number:03d}-{backbone}", {"number": number, "seed": 0, "epochs": 4}
        ledger.open(TrialRecord(number=number, name=name, arm=arm, config=config, tuned=()))
        (ledger.folder(number) / "weights.safetensors").touch()
    return ledger


def epoch(number: int, score: float) -> dict[str, float]:
    return {"epoch": number, "AP50": score, "seconds": 2.0}


def test_score_is_that_of_the_best_epoch(tmp_path: Path) -> None:
    ledger = opened(tmp_path, "a")
    for number, score in enumerate([0.1, 0.4, 0.3], start=1):
        ledger.add_epoch(0, epoch(number, score))
    ledger.close(0, "done")
    again = Ledger(RunDirectory(tmp_path), "AP50").records[0]
    assert (again.score, again.best_epoch, again.seconds, again.status) == (0.4, 2, 6.0, "done")
    assert best_by(again, "AP50") == [(1, 0.1), (2, 0.4), (3, 0.4)]
    assert reached(again, 3) and not reached(again, 4)


def test_epochs_repeated_after_a_cut_replace_those_before(tmp_path: Path) -> None:
    ledger = opened(tmp_path, "a")
    for number in (1, 2, 3):
        ledger.add_epoch(0, epoch(number, 0.1 * number))
    ledger.add_epoch(0, epoch(2, 0.25))
    assert [e["epoch"] for e in ledger.records[0].epochs] == [1, 2]
    assert ledger.records[0].score == 0.25


def test_search_sees_repeated_epochs_as_they_first_were(tmp_path: Path) -> None:
    ledger = opened(tmp_path, "a")
    for number, score in ((1, 0.1), (2, 0.2), (1, 0.15), (2, 0.25), (3, 0.3), (3, 0.35), (4, 0.4)):
        ledger.add_epoch(0, epoch(number, score))
    again = Ledger(RunDirectory(tmp_path), "AP50").records[0]
    assert [one["AP50"] for one in again.epochs] == [0.15, 0.25, 0.35, 0.4]
    assert [one["AP50"] for one in seen(again)] == [0.1, 0.2, 0.3, 0.4]


def test_diverged_epoch_keeps_the_last_good_score(tmp_path: Path) -> None:
    ledger = opened(tmp_path, "a")
    ledger.add_epoch(0, epoch(1, 0.2))
    ledger.add_epoch(0, {"epoch": 2, "seconds": 1.0})
    ledger.close(0, "diverged", "a loss was not finite")
    assert ledger.records[0].score == 0.2
    assert reached(ledger.records[0], 1) and not reached(ledger.records[0], 2)


def ended(run: Path, *trials: tuple[str, float]) -> Ledger:
    """A ledger of ended trials, given by arm and score."""
    ledger = opened(run, *(arm for arm, _ in trials))
    for number, (_, score) in enumerate(trials):
        ledger.add_epoch(number, epoch(1, score))
        ledger.close(number, "done")
    return ledger


def test_only_the_best_trial_of_an_arm_keeps_its_weights(tmp_path: Path) -> None:
    ended(tmp_path, ("a", 0.3), ("a", 0.5), ("a", 0.5))
    kept = [file.parent.name for file in tmp_path.glob("trials/*/weights.safetensors")]
    assert kept == ["001-a"]  # of equal ones, the first


def test_a_best_trial_that_runs_again_keeps_its_weights_when_another_one_ends(
    tmp_path: Path,
) -> None:
    """As when a run is resumed with more trials, and one that was pruned continues."""
    ledger = opened(tmp_path, "a", "a")
    ledger.add_epoch(0, epoch(1, 0.5))
    ledger.close(0, "pruned")
    ledger.begin(0, 0.0)
    ledger.add_epoch(1, epoch(1, 0.6))
    ledger.close(1, "pruned")
    kept = sorted(file.parent.name for file in tmp_path.glob("trials/*/weights.safetensors"))
    assert kept == ["000-a", "001-a"]


def test_a_failed_trial_keeps_no_weights(tmp_path: Path) -> None:
    ledger = opened(tmp_path, "a")
    ledger.add_epoch(0, epoch(1, 0.5))
    ledger.close(0, "failed", "its worker died")
    assert not list(tmp_path.glob("trials/*/weights.safetensors"))


def test_of_equal_arms_the_one_that_was_first_to_reach_the_score_wins_everywhere(
    make_sweep: Callable[..., Sweep], tmp_path: Path
) -> None:
    """A: .3 and .5, b: .5 between them. Every caller of the rule takes b."""
    trials = ended(tmp_path, ("a", 0.3), ("b", 0.5), ("a", 0.5))
    repeats = Ledger(trials.directory, "AP50", "repeats")
    assert [one.trial.name for one in trials.standings(repeats)] == ["001-b", "002-a"]
    repeated = open_repeats(make_sweep(repeats={"top": 1, "seeds": 2}), trials, repeats, ())
    assert [one.of for one in repeated] == ["001-b", "001-b"]
    kept = sorted(file.parent.name for file in tmp_path.glob("trials/*/weights.safetensors"))
    assert kept == ["001-b", "002-a"]  # one of each arm
    assert trials.directory.training().name == "001-b"  # the model that is used


def test_a_paused_trial_waits_and_a_forgotten_one_has_nothing_to_resume_from(
    tmp_path: Path,
) -> None:
    ledger = opened(tmp_path, "a")
    ledger.begin(0, 0.0)
    for name in ("resume.pt", "resume.pt.before"):
        (ledger.folder(0) / name).touch()
    ledger.pause(0)
    assert Ledger(RunDirectory(tmp_path), "AP50").records[0].status == "waiting"
    ledger.forget(0)
    assert [file.name for file in ledger.folder(0).glob("resume*")] == []
    assert (ledger.folder(0) / "weights.safetensors").exists()


def test_setting_the_clock_neither_ends_nor_extends_the_budget_of_hours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger, deadline = opened(tmp_path, "a"), time.monotonic() + 3600
    ledger.add_epoch(0, epoch(1, 0.1))
    for hours in (-24, 24):
        now = time.time() + 3600 * hours
        monkeypatch.setattr(time, "time", lambda now=now: now)
        assert not ledger.out_of_time(deadline)
        assert ledger.out_of_time(deadline - 3599)
