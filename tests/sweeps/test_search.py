"""The search does not depend on the slots, on which trial ends first, nor on an interruption."""

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest

import sweeps.space
from models.heads.head import Head
from models.heads.options import HeadOptions
from runs.arms import Arm
from runs.directory import RunDirectory
from sweeps.ledger import Ledger
from sweeps.proposals import Proposals
from sweeps.resuming import RESUME_FILE
from sweeps.schema import Sweep
from sweeps.search import ReplayError, Search, Segment
from sweeps.space import arm_names, arms_of
from sweeps.stops import Stops

MakeSweep = Callable[..., Sweep]
Ends = Callable[[dict[str, Any], int], str]
"""What a trial of this configuration is after this epoch: running, diverged or failed."""


def score(config: dict[str, Any], epoch: int) -> float:
    """A made-up landscape: one arm is best, and so is one learning rate; all get better."""
    arm = 0.3 * (config["backbone"] == "test_vit") + 0.1 * (config.get("pretraining") == "mae")
    return 0.5 + arm - 0.1 * abs(np.log10(config["lr"]) + 3) - 0.2 / (1 + epoch)


def healthy(config: dict[str, Any], epoch: int) -> str:
    return "running"


def search_of(
    sweep: Sweep, run: Path, arms: list[Arm] | None = None, *, retry_failed: bool = False
) -> Search:
    run.mkdir(parents=True, exist_ok=True)
    arms = arms or arms_of(sweep)
    directory = RunDirectory(run)
    costs = {arm: 10 + 7 * index for index, arm in enumerate(arms)}
    ledger = Ledger(directory, "AP50")
    stops = Stops(directory, arm_names(sweep))
    proposals = Proposals(sweep, arms, directory, stops)
    return Search(sweep, arms, costs, proposals, ledger, retry_failed=retry_failed)


def work(search: Search, segment: Segment, ends: Ends = healthy) -> None:
    """Train a stretch, as a worker and the agenda do."""
    ledger, number = search.ledger, segment.number
    ledger.begin(number, 0.0)
    record = ledger.records[number]
    unfinished = ledger.folder(number) / RESUME_FILE
    done = int(unfinished.read_text()) if unfinished.exists() else 0
    for epoch in range(done + 1, segment.until + 1) if segment.until else [0]:
        end = ends(record.config, epoch)
        scored = {"AP50": score(record.config, epoch)} if end == "running" else {}
        if end != "failed":
            ledger.add_epoch(number, {"epoch": epoch, **scored, "seconds": 1.0})
        if end != "running":
            return ledger.close(number, end, "because")  # type: ignore[arg-type]
    if segment.until == record.config["epochs"]:
        return ledger.close(number, "done")
    ledger.pause(number)
    unfinished.write_text(str(segment.until))
    return None


def drive(
    search: Search,
    shuffle: int = 0,
    *,
    slots: int = 3,
    stop_after: int | None = None,
    ends: Ends = healthy,
) -> list[Segment]:
    """Run the search on `slots` that end in an order drawn from `shuffle`; what was trained."""
    rng = np.random.default_rng(shuffle)
    running: list[Segment] = []
    done: list[Segment] = []
    search.advance()
    while running or search.begun:
        while search.begun and len(running) < slots:
            running.append(search.begun.popleft())
        segment = running.pop(rng.integers(len(running)))
        work(search, segment, ends)
        done.append(segment)
        if len(done) == stop_after:
            return done
        search.advance()
    assert search.over
    return done


def outcome(search: Search) -> list[tuple[Any, ...]]:
    """All that was decided: the trials, and how far each was trained."""
    return [
        (number, record.config, record.status, len(record.epochs), record.score)
        for number, record in sorted(search.ledger.records.items())
    ]


def studies_of(search: Search) -> list[optuna.Study]:
    """The studies as they are in the file: one, or one of each arm."""
    file = str(search.ledger.directory.study_file)
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(file))
    names = optuna.get_all_study_names(storage)
    return [optuna.load_study(study_name=name, storage=storage) for name in names]


def study_of(search: Search) -> optuna.Study:
    """The study as it is in the file, of the first arm if every arm has one."""
    return studies_of(search)[0]


def told(search: Search) -> list[tuple[Any, ...]]:
    """What the samplers have proposed and learnt."""
    trials = [trial for study in studies_of(search) for trial in study.get_trials()]
    return [(trial.state, trial.params, trial.intermediate_values) for trial in trials]


def configs(search: Search) -> list[dict[str, Any]]:
    return [search.ledger.records[number].config for number in sorted(search.ledger.records)]


@pytest.mark.parametrize("allocation", ["adaptive", "equal"])
def test_same_decisions_on_any_slots_whatever_ends_first(
    make_sweep: MakeSweep, tmp_path: Path, allocation: str
) -> None:
    sweep = make_sweep(
        allocation=allocation,
        budget={"trials": 24, "epochs": 9},
        sampler={"startup_trials": 2},
        search={"parallel": 6},
    )
    searches = [search_of(sweep, tmp_path / str(slots)) for slots in (1, 2, 4, 16)]
    for order, (search, slots) in enumerate(zip(searches, (1, 2, 4, 16), strict=True)):
        drive(search, order, slots=slots)
    first, *others = map(outcome, searches)
    for other in others:
        assert other == first
    assert [told(search) for search in searches] == [told(searches[0])] * 4


def test_halving_trains_few_trials_long_and_one_of_every_arm_to_its_end(
    make_sweep: MakeSweep, tmp_path: Path
) -> None:
    sweep = make_sweep(
        budget={"trials": 24, "epochs": 9}, sampler={"name": "random"}, search={"parallel": 2}
    )
    search = search_of(sweep, tmp_path)
    drive(search)
    records = search.ledger.records.values()
    lengths = [len(record.epochs) for record in records]
    assert set(lengths) == {1, 3, 9}
    assert sum(length >= 3 for length in lengths) < 24 / 2
    finished = {record.arm for record in records if record.status == "done"}
    assert finished == set(arms_of(search.sweep))
    assert {record.status for record in records} == {"done", "pruned"}


def test_a_trial_is_never_trained_twice(make_sweep: MakeSweep, tmp_path: Path) -> None:
    search = search_of(make_sweep(budget={"trials": 24, "epochs": 9}), tmp_path)
    done = drive(search)
    assert len(done) == len(set(done))
    for number in search.ledger.records:
        ends = [segment.until for segment in done if segment.number == number]
        assert ends == [1, 3, 9][: len(ends)]


@pytest.mark.parametrize("after", [1, 7, 20])
def test_resumed_run_ends_as_an_uncut_one_and_trains_nothing_again(
    make_sweep: MakeSweep, tmp_path: Path, after: int
) -> None:
    sweep = make_sweep(budget={"trials": 16, "epochs": 9}, search={"parallel": 4})
    uncut = search_of(sweep, tmp_path / "uncut")
    drive(uncut)

    before = drive(search_of(sweep, tmp_path / "cut"), 1, slots=5, stop_after=after)
    resumed = search_of(sweep, tmp_path / "cut")
    again = drive(resumed, 2, slots=1)

    assert outcome(resumed) == outcome(uncut)
    assert not set(before) & set(again)
    assert [t.params for t in study_of(resumed).get_trials()] == [
        t.params for t in study_of(uncut).get_trials()
    ]


def test_nobody_waits_for_a_trial_that_costs_more(make_sweep: MakeSweep, tmp_path: Path) -> None:
    """On two virtual slots, several fast trials end while the slow one beside them runs."""
    sweep = make_sweep(
        compare={"backbone": ["test_vit", "test_resnet"]},
        fixed={"pretraining": "scratch"},
        allocation="equal",  # trials 0, 2, 4, … are of the first arm
        search={"parallel": 2},
        scheduler={"name": "none"},
    )
    search = search_of(sweep, tmp_path)
    fast, slow = arms_of(sweep)
    search.costs = {fast: 1, slow: 100}
    search.advance()
    assert [segment.number for segment in search.begun] == [0, 1]
    work(search, search.begun.popleft())
    search.advance()
    assert [segment.number for segment in search.begun] == [1, 2]
    work(search, search.begun.pop())
    search.advance()
    assert [segment.number for segment in search.begun] == [1, 3], "without the result of 1"


def drawn_sections(chance: random.Random) -> dict[str, Any]:
    """Settings of a search on which its decisions depend."""
    scheduler = chance.choice(["asha", "asha", "none"])
    return {
        "allocation": chance.choice(["adaptive", "equal"]),
        "sampler": {"name": chance.choice(["tpe", "tpe", "random"]), "startup_trials": 2},
        "scheduler": {
            "name": scheduler,
            "grace_epochs": chance.choice([1, 2]),
            "factor": chance.choice([2, 3]),
            "finish": chance.choice([0, 1, 2]),
        },
        "search": {"parallel": chance.choice([1, 2, 4, 8, 16])},
        "seed": chance.randrange(1000),
    }


@pytest.mark.parametrize("seed", range(12))
def test_more_trials_change_none_of_those_on_record(
    make_sweep: MakeSweep, tmp_path: Path, seed: int
) -> None:
    """Whatever the settings, and whatever failed, was cut short or tried again in between."""
    chance = random.Random(seed)
    sections, trials = drawn_sections(chance), chance.randint(4, 12)
    fails = chance.choice([0.0, 0.15])

    def ends(config: dict[str, Any], epoch: int) -> str:
        return "failed" if chance.random() < fails else "running"

    for stop_after in (chance.choice([None, 5]), chance.choice([None, 15]), None):
        sweep = make_sweep(**sections, budget={"trials": trials, "epochs": 9})
        search = search_of(sweep, tmp_path, retry_failed=chance.random() < 0.5)
        before = configs(search)
        drive(search, seed, ends=ends, stop_after=stop_after)
        assert configs(search)[: len(before)] == before
        trials += chance.choice([1, 12])

    learnt = told(search)
    again = search_of(sweep, tmp_path)
    assert drive(again) == []
    assert outcome(again) == outcome(search)
    assert told(again) == learnt


def test_budget_may_grow(make_sweep: MakeSweep, tmp_path: Path) -> None:
    few = make_sweep(budget={"trials": 8, "epochs": 9}, search={"parallel": 4})
    drive(search_of(few, tmp_path))
    many = few.model_copy(update={"budget": few.budget.model_copy(update={"trials": 16})})
    search = search_of(many, tmp_path)
    before = {number: record.model_copy() for number, record in search.ledger.records.items()}
    drive(search)
    assert len(search.ledger.records) == 16
    for number, record in before.items():
        assert search.ledger.records[number].config == record.config
        assert len(search.ledger.records[number].epochs) >= len(record.epochs)


def test_resuming_with_other_proposals_is_refused(make_sweep: MakeSweep, tmp_path: Path) -> None:
    drive(search_of(make_sweep(), tmp_path), stop_after=3)
    other = make_sweep(tune={"lr": {"log_uniform": [1e-5, 1e-3]}})
    with pytest.raises(ReplayError, match="trial 0 is on record as"):
        search_of(other, tmp_path).advance()


def test_adaptive_tries_every_arm_once_in_the_middle_then_favours_the_best(
    make_sweep: MakeSweep, tmp_path: Path
) -> None:
    sweep = make_sweep(budget={"trials": 40, "epochs": 1}, sampler={"startup_trials": 4})
    search = search_of(sweep, tmp_path)
    drive(search)
    first = configs(search)[:4]
    assert [(c["backbone"], c["pretraining"]) for c in first] == [
        tuple(arm.values()) for arm in arms_of(sweep)
    ]
    assert [c["lr"] for c in first] == pytest.approx([1e-3] * 4)
    later = configs(search)[4:]
    assert sum(c["backbone"] == "test_vit" for c in later) > 0.6 * len(later)


def test_equal_gives_every_arm_the_same_number(make_sweep: MakeSweep, tmp_path: Path) -> None:
    search = search_of(make_sweep(allocation="equal", budget={"trials": 14, "epochs": 1}), tmp_path)
    drive(search)
    arms = [(c["backbone"], c["pretraining"]) for c in configs(search)]
    assert {arms.count(arm) for arm in set(arms)} == {3}  # 14 is not shared by 4: two are not run


def test_grid_visits_every_point_once(make_sweep: MakeSweep, tmp_path: Path) -> None:
    tune = {"lr": {"choice": [1e-4, 1e-3]}, "loss_weights.roi_box": {"choice": [1, 2, 4]}}
    sweep = make_sweep(tune=tune, sampler={"name": "grid"}, budget={"trials": 24, "epochs": 1})
    search = search_of(sweep, tmp_path)
    drive(search)
    points = [
        (c["backbone"], c["pretraining"], c["lr"], c["loss_weights.roi_box"])
        for c in configs(search)
    ]
    assert len(points) == len(set(points)) == 2 * 2 * 2 * 3


def test_skipped_arms_are_never_proposed(make_sweep: MakeSweep, tmp_path: Path) -> None:
    sweep = make_sweep(budget={"trials": 20, "epochs": 1})
    available = arms_of(sweep)[:3]
    search = search_of(sweep, tmp_path, available)
    drive(search)
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
    drive(search)
    assert len(search.ledger.records) == 12
    for record in search.ledger.records.values():
        has_roi_box = record.config["head"] == "faster_rcnn"
        assert ("loss_weights.roi_box" in record.config) == has_roi_box
        assert ("loss_weights.roi_box" in record.tuned) == has_roi_box


def test_study_file_tells_finished_pruned_diverged_and_failed_trials_apart(
    make_sweep: MakeSweep, tmp_path: Path
) -> None:
    def ends(config: dict[str, Any], epoch: int) -> str:
        return {2: "diverged", 3: "failed"}.get(config["number"], "running")

    search = search_of(make_sweep(), tmp_path)
    drive(search, ends=ends)
    states = {
        "done": "COMPLETE",
        "pruned": "PRUNED",
        "diverged": "PRUNED",  # it has no value, and is no failure of the machine
        "failed": "FAIL",
    }
    trials = study_of(search).get_trials()
    records = search.ledger.records
    assert {record.status for record in records.values()} == set(states)
    assert [trial.state.name for trial in trials] == [
        states[records[number].status] for number in sorted(records)
    ]
    assert set(trials[0].params) == {"backbone", "pretraining", "lr", "loss_weights.roi_box"}
    for number, trial in enumerate(trials):
        if records[number].status in ("done", "pruned"):
            assert trial.value == records[number].score
            assert len(trial.intermediate_values) == len(records[number].epochs)


def test_study_and_ranking_have_the_same_best_trial(make_sweep: MakeSweep, tmp_path: Path) -> None:
    """Also where a trial that was stopped early had a higher score than a finished one."""

    def ends(config: dict[str, Any], epoch: int) -> str:
        best_arm = config["backbone"] == "test_vit"
        return "diverged" if best_arm and epoch == 2 else "running"

    search = search_of(make_sweep(scheduler={"grace_epochs": 1, "finish": 0}), tmp_path)
    drive(search, ends=ends)
    first = search.ledger.standings()[0].trial
    assert first.number == study_of(search).best_trial.number
    stopped = [record.score for record in search.ledger.records.values() if record.status != "done"]
    assert max(filter(None, stopped)) > (first.score or 0)


def test_sampler_sees_a_waiting_trial_as_pruned_and_not_as_running(
    make_sweep: MakeSweep, tmp_path: Path
) -> None:
    search = search_of(make_sweep(search={"parallel": 2}), tmp_path)
    drive(search, slots=1, stop_after=3)
    search.advance()
    kept = study_of(search).get_trials()
    assert isinstance(search.proposals, Proposals)
    seen = search.proposals.studies[0]._ot_study.get_trials()
    states = [(one.state.name, two.state.name) for one, two in zip(kept, seen, strict=True)]
    waiting = [bool(trial.intermediate_values) for trial in kept if trial.params]
    assert True in waiting and False in waiting
    assert states[: len(waiting)] == [
        ("RUNNING", "PRUNED" if waits else "RUNNING") for waits in waiting
    ]


def test_arms_of_different_lengths_race_by_shares_of_their_training(
    make_sweep: MakeSweep, tmp_path: Path
) -> None:
    sweep = make_sweep(
        compare={"training": ["none", "short", "long"]},
        variants={
            "training": {
                "none": {"epochs": 0},
                "short": {"epochs": 3},
                "long": {"epochs": 27},
            }
        },
        fixed={"backbone": "test_vit", "pretraining": "scratch"},
        budget={"trials": 20, "epochs": 9},
        scheduler={"grace_epochs": 3, "factor": 3},
    )
    search = search_of(sweep, tmp_path)
    drive(search)
    ends = {"none": {0}, "short": {1, 3}, "long": {3, 9, 27}}
    for record in search.ledger.records.values():
        assert record.epochs[-1]["epoch"] in ends[str(record.arm["training"])]


def test_what_a_beaten_trial_resumes_from_is_deleted(make_sweep: MakeSweep, tmp_path: Path) -> None:
    sweep = make_sweep(budget={"trials": 18, "epochs": 9}, search={"parallel": 2})
    search = search_of(sweep, tmp_path)
    kept: list[int] = []

    class Keeps(Ledger):
        def pause(self, number: int) -> None:
            super().pause(number)
            (self.folder(number) / "resume.pt").touch()
            kept.append(len(list(tmp_path.glob("trials/*/resume.pt"))))

    search.ledger.__class__ = Keeps
    drive(search)
    assert max(kept) < 18 * 2 / 3
    assert not list(tmp_path.glob("trials/*/resume.pt"))


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
    drive(search)
    assert {record.arm for record in search.ledger.records.values()} == set(arms_of(sweep))
    again = Ledger(search.ledger.directory, "AP50")
    assert {record.arm for record in again.records.values()} == set(arms_of(sweep))


def test_failed_trials_are_tried_again_and_nothing_that_was_decided_changes(
    make_sweep: MakeSweep, tmp_path: Path
) -> None:
    """They rejoin when all others have come to rest, and are compared with them at their rungs."""
    sweep = make_sweep(
        budget={"trials": 24, "epochs": 9}, sampler={"startup_trials": 2}, search={"parallel": 4}
    )
    failing = (3, 9)
    drive(
        search_of(sweep, tmp_path),
        ends=lambda config, epoch: "failed" if config["number"] in failing else "running",
    )
    before = RunDirectory(tmp_path).trials()
    assert {one.number for one in before if one.status == "failed"} == set(failing)

    search = search_of(sweep, tmp_path, retry_failed=True)
    again = drive(search)
    assert {segment.number for segment in again[:2]} == set(failing)
    after = search.ledger.records
    assert all(after[one].score is not None and after[one].ended for one in failing)
    for record in before:
        assert after[record.number].config == record.config
    states = {one.number: one.state.name for one in study_of(search).get_trials()}
    assert all(states[one] == "FAIL" for one in failing), "the sampler is told as it was then"

    resumed = search_of(sweep, tmp_path)
    assert drive(resumed) == []
    assert outcome(resumed) == outcome(search)


def test_a_trial_that_fails_again_may_be_tried_again(make_sweep: MakeSweep, tmp_path: Path) -> None:
    sweep = make_sweep(budget={"trials": 8, "epochs": 9}, search={"parallel": 4})

    def fails(config: dict[str, Any], epoch: int) -> str:
        return "failed" if config["number"] == 2 and epoch == 2 else "running"

    drive(search_of(sweep, tmp_path), ends=fails)
    first = outcome(search_of(sweep, tmp_path))
    drive(search_of(sweep, tmp_path, retry_failed=True), ends=fails)
    assert drive(search_of(sweep, tmp_path)) == []
    assert outcome(search_of(sweep, tmp_path)) == first
    drive(search_of(sweep, tmp_path, retry_failed=True))
    assert RunDirectory(tmp_path).trials()[2].score is not None


def test_a_failed_trial_is_tried_again_although_more_trials_have_left_it_behind(
    make_sweep: MakeSweep, tmp_path: Path
) -> None:
    """Among few trials it was the best of its arm, and failed at epoch 2; among many it waits at 1.

    The larger search takes it there first, so that it fails and rejoins as any failed trial does.
    """
    few = make_sweep(
        allocation="equal",
        tune={"lr": {"log_uniform": [1e-4, 1e-3]}},  # best at its end, and the first in the middle
        sampler={"name": "random"},
        budget={"trials": 4, "epochs": 9},
    )

    def ends(config: dict[str, Any], epoch: int) -> str:
        return "failed" if config["number"] == 0 and epoch == 2 else "running"

    drive(search_of(few, tmp_path), ends=ends)
    many = few.model_copy(update={"budget": few.budget.model_copy(update={"trials": 24})})
    without = search_of(many, tmp_path)
    drive(without)
    assert not without.race.ended(0) and without.ledger.records[0].status == "failed"

    search = search_of(many, tmp_path, retry_failed=True)
    assert {segment.number for segment in drive(search)} == {0}
    assert search.ledger.records[0].score is not None
    assert study_of(search).get_trials()[0].state.name == "FAIL"
    assert outcome(search_of(many, tmp_path)) == outcome(search)
