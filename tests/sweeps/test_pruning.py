"""Pruning follows the papers' formulas and looks only at trials that had ended long before."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs.arms import Arm
from runs.directory import RunDirectory
from runs.records import TrialRecord
from sweeps.ledger import Ledger
from sweeps.pruning import PruneInOrder, is_rung, rung_cutoff
from sweeps.schema import Scheduler

LAG = 2


def ledger_of(run: Path, curves: list[list[float]], arms: list[str] | None = None) -> Ledger:
    ledger = Ledger(RunDirectory(run), "AP50")
    for number, curve in enumerate(curves):
        arm = Arm({"backbone": arms[number] if arms else "a"})
        config = {"number": number, "epochs": 9}
        name = f"{number:03d}"
        ledger.open(TrialRecord(number=number, name=name, arm=arm, config=config, tuned=()))
        for epoch, score in enumerate(curve, start=1):
            ledger.add_epoch(number, {"epoch": epoch, "AP50": score, "seconds": 1.0})
    return ledger


def decide(pruning: PruneInOrder, number: int, epoch: int, score: float) -> str:
    trial: Any = SimpleNamespace(config={"number": number, "epochs": 9})
    report = {"epoch": epoch, "score": score, "diverged": False}
    return pruning.on_trial_result(None, trial, report)


@given(st.integers(1, 5), st.integers(2, 5), st.integers(1, 300))
def test_rungs_are_grace_times_powers_of_the_factor(grace: int, factor: int, epoch: int) -> None:
    assert is_rung(epoch, grace, factor) == (epoch in {grace * factor**k for k in range(10)})


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.integers(2, 5))
def test_about_one_in_factor_passes_a_rung(scores: list[float], factor: int) -> None:
    passing = sum(score >= rung_cutoff(scores, factor) for score in scores)
    assert passing >= np.floor(len(scores) / factor)


def test_asha_stops_who_falls_behind_at_a_rung_and_nowhere_else(tmp_path: Path) -> None:
    ledger = ledger_of(tmp_path, [[0.1, 0.2, 0.3], [0.4, 0.5, 0.6], [0.0] * 3, [0.0], [0.0]])
    pruning = PruneInOrder(Scheduler(grace_epochs=1, factor=3), ledger, LAG, within_arm=False)
    assert decide(pruning, 4, 1, 0.1) == "STOP"  # cutoff of .1, .4, .0 is about .2
    assert decide(pruning, 4, 1, 0.3) == "CONTINUE"
    assert decide(pruning, 4, 2, 0.0) == "CONTINUE"  # no rung
    assert decide(pruning, 4, 3, 0.0) == "STOP"


def test_trials_nearer_than_the_lag_are_not_looked_at(tmp_path: Path) -> None:
    ledger = ledger_of(tmp_path, [[0.1], [0.9], [0.0]])
    pruning = PruneInOrder(Scheduler(grace_epochs=1, factor=3), ledger, LAG, within_arm=False)
    assert decide(pruning, 2, 1, 0.2) == "CONTINUE"  # trial 1, far better, is too near


def test_equal_allocation_compares_within_the_arm(tmp_path: Path) -> None:
    ledger = ledger_of(tmp_path, [[0.9], [0.1], [0.0], [0.0]], arms=["a", "b", "a", "b"])
    rule = Scheduler(grace_epochs=1, factor=3)
    assert decide(PruneInOrder(rule, ledger, LAG, within_arm=True), 3, 1, 0.2) == "CONTINUE"
    assert decide(PruneInOrder(rule, ledger, LAG, within_arm=False), 3, 1, 0.2) == "STOP"


@pytest.mark.parametrize(("own", "decision"), [(0.2, "STOP"), (0.4, "CONTINUE")])
def test_median_rule_compares_with_running_means(tmp_path: Path, own: float, decision: str) -> None:
    ledger = ledger_of(tmp_path, [[0.1, 0.3], [0.2, 0.4], [0.3, 0.5], [0.0], [0.0]])
    pruning = PruneInOrder(Scheduler(name="median", grace_epochs=2), ledger, LAG, within_arm=False)
    assert decide(pruning, 4, 1, 0.0) == "CONTINUE"  # within grace
    assert decide(pruning, 4, 2, own) == decision  # median of .2, .3, .4 is .3
