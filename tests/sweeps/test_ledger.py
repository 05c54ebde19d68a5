"""The ledger is the run's memory: whole files, the best epoch, and what a repeated epoch means."""

import json
from pathlib import Path

import pytest

from sweeps.ledger import Ledger, Record, write_json
from sweeps.space import Arm

ARM: Arm = {"backbone": "a"}


def opened(run: Path, *numbers: int) -> Ledger:
    ledger = Ledger(run, "AP50")
    for number in numbers:
        ledger.open(Record(number, f"{number:03d}-a", ARM, {"number": number}, []))
        (ledger.folder(number) / "weights.safetensors").touch()
    return ledger


def epoch(number: int, score: float) -> dict[str, float]:
    return {"epoch": number, "AP50": score, "seconds": 2.0}


def test_score_is_that_of_the_best_epoch(tmp_path: Path) -> None:
    ledger = opened(tmp_path, 0)
    for number, score in enumerate([0.1, 0.4, 0.3], start=1):
        ledger.add_epoch(0, epoch(number, score))
    ledger.close(0, "done")
    again = Ledger(tmp_path, "AP50").records[0]
    assert (again.score, again.best_epoch, again.seconds, again.status) == (0.4, 2, 6.0, "done")
    assert again.score_by(1, "AP50") == 0.1
    assert again.score_by(4, "AP50") is None


def test_epochs_repeated_after_a_cut_replace_those_before(tmp_path: Path) -> None:
    ledger = opened(tmp_path, 0)
    for number in (1, 2, 3):
        ledger.add_epoch(0, epoch(number, 0.1 * number))
    ledger.add_epoch(0, epoch(2, 0.25))
    assert [e["epoch"] for e in ledger.records[0].epochs] == [1, 2]
    assert ledger.records[0].score == 0.25


def test_diverged_epoch_keeps_the_last_good_score(tmp_path: Path) -> None:
    ledger = opened(tmp_path, 0)
    ledger.add_epoch(0, epoch(1, 0.2))
    ledger.add_epoch(0, {"epoch": 2, "seconds": 1.0})
    ledger.close(0, "diverged", "a loss was not finite")
    assert ledger.records[0].score == 0.2


def test_only_the_best_trial_of_an_arm_keeps_its_weights(tmp_path: Path) -> None:
    ledger = opened(tmp_path, 0, 1, 2)
    for number, score in ((0, 0.3), (1, 0.5), (2, 0.5)):
        ledger.add_epoch(number, epoch(1, score))
        ledger.close(number, "done")
    kept = [file.parent.name for file in tmp_path.glob("trials/*/weights.safetensors")]
    assert kept == ["001-a"]  # of two alike, the earlier


def test_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    file = tmp_path / "record.json"
    write_json(file, {"score": 1})
    with pytest.raises(TypeError):
        write_json(file, {"score": object()})
    assert json.loads(file.read_text()) == {"score": 1}
