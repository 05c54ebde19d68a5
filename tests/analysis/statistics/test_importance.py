from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import analysis
from analysis.statistics.importance import FEWEST, importances
from tests.analysis.made import Made, make_run, stopped, trial

ARMS = ({"backbone": "vgg11"}, {"backbone": "vit"})
TUNE = {
    "lr": {"log_uniform": [1e-4, 1e-2]},
    "weight_decay": {"uniform": [0.0, 0.1]},
    "optimizer": {"choice": ["adamw", "sgd"]},
}


def trials(count: int, seed: int = 0) -> list[Made]:
    """Scores that are lr's and the backbone's doing, in this order."""
    rng = np.random.default_rng(seed)
    made = []
    for at in range(count):
        lr = float(10 ** rng.uniform(-4, -2))
        config = {"lr": lr, "weight_decay": float(rng.uniform(0, 0.1))}
        config |= {"optimizer": str(rng.choice(["adamw", "sgd"]))}
        score = 0.8 - 0.3 * (np.log10(lr) + 3) ** 2 + 0.1 * (at % 2)
        made.append(trial(ARMS[at % 2], float(score), config=config))
    return made


def test_what_makes_the_score_is_found_across_and_within_arms(tmp_path: Path) -> None:
    across, *within = importances(make_run(tmp_path / "run", trials(120), tune=TUNE))
    assert (across.arm, across.trials) == (None, 120)
    assert set(across.shares) == {"backbone", *TUNE}
    assert list(across.shares)[:2] == ["lr", "backbone"]
    assert {"lr", "backbone"} <= across.clear
    assert [(part.arm, part.trials) for part in within] == [(0, 60), (1, 60)]
    for part in within:
        assert set(part.shares) == set(TUNE)
        assert next(iter(part.shares)) == "lr"
        assert part.clear == {"lr"}
        assert sum(part.shares.values()) == pytest.approx(1)


def test_chance_is_seldom_called_clear(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    clear = 0
    for seed in range(5):
        made = [replace(one, score=float(rng.random())) for one in trials(40, seed)]
        for at, one in enumerate(made):
            one.arm = ARMS[0] if at else ARMS[1]
        run = make_run(tmp_path / str(seed), made, tune=TUNE)
        clear += len(importances(run)[0].clear)
    assert clear <= 4  # of 20; 1 is expected


def test_too_few_trials_have_a_reason_instead_of_numbers(tmp_path: Path) -> None:
    across, *within = importances(make_run(tmp_path / "run", trials(FEWEST), tune=TUNE))
    assert across.shares
    for part in within:
        assert (part.shares, part.reason) == ({}, "10 trials with a score, and 20 are needed")


def test_trials_that_score_alike_say_nothing(tmp_path: Path) -> None:
    made = [replace(one, score=0.0 if at else 0.5) for at, one in enumerate(trials(40))]
    across = importances(make_run(tmp_path / "run", made, tune=TUNE))[0]
    assert (across.shares, across.reason) == (
        {},
        "three quarters of its 40 trials have the same score",
    )


def test_value_that_an_arm_settles_is_no_parameter_of_it(tmp_path: Path) -> None:
    made = trials(120)
    for one in made[::2]:
        one.config["weight_decay"] = 0.05
    across, first, second = importances(make_run(tmp_path / "run", made, tune=TUNE))
    assert "weight_decay" in across.shares
    assert "weight_decay" not in first.shares
    assert "weight_decay" in second.shares


def test_trial_outside_of_its_domain_is_refused(tmp_path: Path) -> None:
    tune = TUNE | {"lr": {"log_uniform": [1e-3, 1e-2]}}
    run = make_run(tmp_path / "run", trials(40), tune=tune)
    with pytest.raises(analysis.AnalysisError, match=r"tune of run\.json does not match trial 00"):
        importances(run)


def test_finished_trials_are_above_stopped_ones_of_a_higher_score(tmp_path: Path) -> None:
    """A high learning rate led to the end, and a high weight decay to early scores alone."""
    rng = np.random.default_rng(0)
    made = []
    for _ in range(80):
        lr, decay = float(10 ** rng.uniform(-4, -2)), float(rng.uniform(0, 0.1))
        finished = lr > 10**-2.5
        score = 0.3 if finished else 0.5 + decay
        one = stopped(ARMS[0], [score] * (6 if finished else 1))
        one.config = {"lr": lr, "weight_decay": decay}
        made.append(one)
    tune = {"lr": TUNE["lr"], "weight_decay": TUNE["weight_decay"]}
    across = importances(make_run(tmp_path / "run", made, tune=tune))[0]
    assert next(iter(across.shares)) == "lr"
    assert across.clear == {"lr"}
