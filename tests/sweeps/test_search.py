"""The search does not depend on which trial ends first, nor on an interruption."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from ray.tune.search import Searcher

import sweeps.space
from models.heads.head import Head
from models.heads.options import HeadOptions
from runs.directory import RunDirectory
from sweeps.ledger import Ledger
from sweeps.schema import Sweep
from sweeps.search import ReplayError, SearchInOrder
from sweeps.space import arms_of

MakeSweep = Callable[..., Sweep]
SLOTS, LAG = 3, 4


def score(config: dict[str, Any]) -> float:
    """A made-up landscape: one arm is best, and so is one learning rate."""
    arm = 0.3 * (config["backbone"] == "test_vit") + 0.1 * (config["pretraining"] == "mae")
    return 0.5 + arm - 0.1 * abs(np.log10(config["lr"]) + 3)


def search_of(sweep: Sweep, run: Path) -> SearchInOrder:
    run.mkdir(parents=True, exist_ok=True)
    return SearchInOrder(sweep, arms_of(sweep), Ledger(RunDirectory(run), "AP50"), LAG)


def drive(search: SearchInOrder, shuffle: int, stop_after: int | None = None) -> None:
    """Run the search with `SLOTS` trials at once that end in an order drawn from `shuffle`."""
    rng = np.random.default_rng(shuffle)
    running: list[dict[str, Any]] = []
    asked, finished, ended = 0, False, 0
    while not finished or running:
        while not finished and len(running) < SLOTS:
            proposal = search.suggest(f"ray-{asked}")
            asked += 1
            finished = proposal == Searcher.FINISHED
            if not isinstance(proposal, dict):
                break
            running.append(proposal)
        config = running.pop(rng.integers(len(running)))
        metrics = {"epoch": 1, "AP50": score(config), "seconds": 1.0}
        search.ledger.add_epoch(config["number"], metrics)
        search.ledger.close(config["number"], "done")
        ended += 1
        if ended == stop_after:
            return
    search.finish()


def configs(search: SearchInOrder) -> list[dict[str, Any]]:
    return [search.ledger.records[number].config for number in sorted(search.ledger.records)]


@pytest.mark.parametrize("allocation", ["adaptive", "equal"])
def test_same_trials_whatever_ends_first(
    make_sweep: MakeSweep, tmp_path: Path, allocation: str
) -> None:
    sweep = make_sweep(
        allocation=allocation,
        budget={"trials": 24, "epochs": 1},
        scheduler={"name": "none"},
        sampler={"startup_trials": 2},
    )
    runs = [search_of(sweep, tmp_path / str(order)) for order in range(3)]
    for order, search in enumerate(runs):
        drive(search, shuffle=order)
    assert configs(runs[0]) == configs(runs[1]) == configs(runs[2])
    assert len(configs(runs[0])) == 24


def test_resumed_run_ends_with_the_trials_of_an_uncut_one(
    make_sweep: MakeSweep, tmp_path: Path
) -> None:
    sweep = make_sweep(budget={"trials": 16, "epochs": 1}, scheduler={"name": "none"})
    uncut = search_of(sweep, tmp_path / "uncut")
    drive(uncut, shuffle=0)

    drive(search_of(sweep, tmp_path / "cut"), shuffle=1, stop_after=7)
    resumed = search_of(sweep, tmp_path / "cut")
    ended_before = {n for n, record in resumed.ledger.records.items() if record.ended}
    assert len(ended_before) == 7
    rerun: list[int] = []
    suggest = resumed.suggest

    def spy(trial_id: str) -> Any:
        proposal = suggest(trial_id)
        rerun.extend([proposal["number"]] if isinstance(proposal, dict) else [])
        return proposal

    resumed.suggest = spy  # type: ignore[method-assign]
    drive(resumed, shuffle=2)

    assert configs(resumed) == configs(uncut)
    assert not ended_before & set(rerun)


def test_resuming_with_other_proposals_is_refused(make_sweep: MakeSweep, tmp_path: Path) -> None:
    drive(search_of(make_sweep(), tmp_path), shuffle=0, stop_after=3)
    other = make_sweep(tune={"lr": {"log_uniform": [1e-5, 1e-3]}})
    with pytest.raises(ReplayError, match="trial 0 is on record as"):
        search_of(other, tmp_path).suggest("ray-0")


def test_adaptive_tries_every_arm_once_in_the_middle_then_favours_the_best(
    make_sweep: MakeSweep, tmp_path: Path
) -> None:
    sweep = make_sweep(budget={"trials": 40, "epochs": 1}, sampler={"startup_trials": 4})
    search = search_of(sweep, tmp_path)
    drive(search, shuffle=0)
    first = configs(search)[:4]
    assert [(c["backbone"], c["pretraining"]) for c in first] == [
        tuple(arm.values()) for arm in arms_of(sweep)
    ]
    assert [c["lr"] for c in first] == pytest.approx([1e-3] * 4)
    later = configs(search)[4:]
    assert sum(c["backbone"] == "test_vit" for c in later) > 0.6 * len(later)


def test_equal_gives_every_arm_the_same_number(make_sweep: MakeSweep, tmp_path: Path) -> None:
    search = search_of(make_sweep(allocation="equal", budget={"trials": 14, "epochs": 1}), tmp_path)
    drive(search, shuffle=0)
    arms = [(c["backbone"], c["pretraining"]) for c in configs(search)]
    assert {arms.count(arm) for arm in set(arms)} == {3}  # 14 is not shared by 4: two are not run


def test_grid_visits_every_point_once(make_sweep: MakeSweep, tmp_path: Path) -> None:
    tune = {"lr": {"choice": [1e-4, 1e-3]}, "loss_weights.roi_box": {"choice": [1, 2, 4]}}
    sweep = make_sweep(tune=tune, sampler={"name": "grid"}, budget={"trials": 24, "epochs": 1})
    search = search_of(sweep, tmp_path)
    drive(search, shuffle=0)
    points = [
        (c["backbone"], c["pretraining"], c["lr"], c["loss_weights.roi_box"])
        for c in configs(search)
    ]
    assert len(points) == len(set(points)) == 2 * 2 * 2 * 3


def test_skipped_arms_are_never_proposed(make_sweep: MakeSweep, tmp_path: Path) -> None:
    sweep = make_sweep(budget={"trials": 20, "epochs": 1})
    available = arms_of(sweep)[:3]
    search = SearchInOrder(sweep, available, Ledger(RunDirectory(tmp_path), "AP50"), LAG)
    drive(search, shuffle=0)
    assert len(configs(search)) == 20
    assert all(
        {"backbone": c["backbone"], "pretraining": c["pretraining"]} in available
        for c in configs(search)
    )


class CentreOptions(HeadOptions):
    @property
    def terms(self) -> tuple[str, ...]:
        return ("centre",)


@pytest.fixture
def two_heads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A task whose second head lacks the loss `roi_box`."""
    task = sweeps.space.TASKS["detection"]
    heads = {**task.heads, "anchor_free": Head("none:None", CentreOptions)}
    both = replace(task, heads=heads)
    monkeypatch.setitem(sweeps.space.TASKS, "detection", both)
    yield


@pytest.mark.usefixtures("two_heads")
def test_loss_weight_is_no_parameter_of_heads_without_the_loss(
    make_sweep: MakeSweep, tmp_path: Path
) -> None:
    sweep = make_sweep(
        compare={"backbone": ["test_vit"], "head": ["faster_rcnn", "anchor_free"]},
        fixed={"pretraining": "scratch"},
        budget={"trials": 12, "epochs": 1},
        scheduler={"name": "none"},
    )
    search = search_of(sweep, tmp_path)
    search.ledger.metric = "AP50"
    for number in range(12):
        config = search.suggest(str(number))
        assert isinstance(config, dict)
        has_roi_box = config["head"] == "faster_rcnn"
        assert ("loss_weights.roi_box" in config) == has_roi_box
        assert ("loss_weights.roi_box" in search.ledger.records[number].tuned) == has_roi_box
        search.ledger.add_epoch(number, {"epoch": 1, "AP50": 0.1, "seconds": 1.0})
        search.ledger.close(number, "done")


def test_study_file_holds_scores_failures_and_unscored_trials(
    make_sweep: MakeSweep, tmp_path: Path
) -> None:
    search = search_of(make_sweep(), tmp_path)
    for number, (status, scored) in enumerate(
        [("done", True), ("failed", False), ("diverged", False)]
    ):
        search.suggest(str(number))
        if scored:
            search.ledger.add_epoch(number, {"epoch": 1, "AP50": 0.25, "seconds": 1.0})
        search.ledger.close(number, status)
    search.finish()
    storage = optuna.storages.JournalStorage(
        optuna.storages.journal.JournalFileBackend(str(search.ledger.directory.study_file))
    )
    trials = optuna.load_study(study_name="tiny", storage=storage).get_trials()[:3]
    assert [t.state.name for t in trials] == ["COMPLETE", "FAIL", "PRUNED"]
    assert trials[0].value == 0.25
    assert set(trials[0].params) == {"backbone", "pretraining", "lr", "loss_weights.roi_box"}


def test_whole_numbers_are_the_same_arm_in_the_sweep_and_in_a_trial(
    make_sweep: MakeSweep, tmp_path: Path
) -> None:
    """YAML says 0 where the setting is 0.0: a trial of another arm would find no weights."""
    sweep = make_sweep(
        compare={
            "backbone": ["test_vit"],
            "weight_decay": [0, 0.1],
            "loss_weights.rpn_box": [1, 2],
        },
        fixed={"pretraining": "scratch"},
        tune={"lr": {"log_uniform": [1e-4, 1e-2]}},
        budget={"trials": 8, "epochs": 1},
    )
    search = search_of(sweep, tmp_path)
    drive(search, shuffle=0)
    assert {record.arm for record in search.ledger.records.values()} == set(arms_of(sweep))
    again = Ledger(search.ledger.directory, "AP50")
    assert {record.arm for record in again.records.values()} == set(arms_of(sweep))
