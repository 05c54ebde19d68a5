"""What is stopped by hand ends, and nothing else changes in what a resumed run decides again."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from runs.arms import Arm
from runs.factory import latency_of
from runs.records import TrialRecord
from sweeps.agenda import Agenda
from sweeps.jobs import Job, MakeStage, Score, Time, Train
from sweeps.ledger import Ledger
from sweeps.plan import Plan, make_plan
from sweeps.reports import Report
from sweeps.schema import Sweep
from sweeps.slots import Machine
from sweeps.views import Lines

MakeSweep = Callable[..., Sweep]
GOOD = Arm({"backbone": "test_vit", "batch_size": 4})
STOPPED = "arm=test_vit-4"


@pytest.fixture
def make_agenda(make_sweep: MakeSweep, tmp_path: Path, cache: Path) -> Callable[..., Agenda]:
    """The agenda of a run of four arms in a folder; of the same folder, that of a resumed run."""

    def make(run: str = "run", **sections: Any) -> Agenda:
        sweep = make_sweep(
            compare={"backbone": ["test_resnet", "test_vit"], "batch_size": [2, 4]},
            fixed={"pretraining": "scratch"},
            tune={"lr": {"log_uniform": [1e-4, 1e-2]}},
            budget={"trials": 24, "epochs": 9},
            search={"parallel": 6},
            **sections,
        )
        plan = make_plan(sweep, tmp_path / run, cache, [Machine(3, 0)])
        return agenda_of(plan)

    return make


def agenda_of(plan: Plan) -> Agenda:
    plan.directory.path.mkdir(parents=True, exist_ok=True)
    trials = Ledger(plan.directory, "AP50")
    repeats = Ledger(plan.directory, "AP50", "repeats")
    view = Lines(plan, [trials, repeats], Console(quiet=True))
    return Agenda(plan, trials, repeats, view, None)


def report_of(agenda: Agenda, job: Job) -> Report:
    """What a worker would tell next; scores are made up, and the best are those of `GOOD`."""
    if isinstance(job, Score):
        return Report({"AP50": 0.5}, last=True)
    if isinstance(job, Time):
        return Report({"latency": latency_of(1.0)}, last=True)
    assert isinstance(job, Train)
    training = job.training
    ledger = agenda.trials if training.group == "trials" else agenda.repeats
    record = ledger.records[training.number]
    epoch = record.trained + 1
    score = (
        0.3
        + 0.3 * (record.arm == GOOD)
        + 0.02 * epoch
        - 0.1 * abs(np.log10(record.config["lr"]) + 3)
    )
    numbers = {
        "epoch": epoch,
        "diverged": False,
        "metrics": {"AP50": score, "loss": 1.0, "seconds": 1.0, "time": 0.0},
        "device": "cpu",
        "architecture": "none",
        "parameters": 1,
    }
    return Report(numbers, last=epoch == training.until)


def drive(agenda: Agenda, reports: int | None = None, shuffle: int = 0) -> None:
    """Do what there is to do in three slots, in an order drawn from `shuffle`."""
    rng = np.random.default_rng(shuffle)
    agenda.heed()
    while reports is None or reports:
        while len(agenda.running) < 3 and (job := agenda.next()):
            agenda.started(job)
        if not agenda.running:
            break
        job = list(agenda.running.values())[rng.integers(len(agenda.running))]
        agenda.report(job, report_of(agenda, job))
        reports = reports and reports - 1


def stop(agenda: Agenda, *requests: str) -> None:
    folder = agenda.plan.directory.requests_folder
    folder.mkdir(exist_ok=True)
    for request in requests:
        (folder / request).touch()
    agenda.heed()


def trained(agenda: Agenda) -> list[tuple[str, str, int]]:
    """How far each trial was trained."""
    records = [*agenda.trials.records.values(), *agenda.repeats.records.values()]
    return sorted((one.name, one.status, one.trained) for one in records)


def of_arm(agenda: Agenda) -> list[TrialRecord]:
    return [one for one in agenda.trials.records.values() if one.arm == GOOD]


@pytest.mark.parametrize(
    "sections",
    [
        {"allocation": "equal"},
        {"sampler": {"startup_trials": 4}},
        {"sampler": {"name": "random"}},
    ],
    ids=str,
)
def test_nothing_of_a_stopped_arm_is_trained_and_others_are_finished_and_repeated(
    make_agenda: Callable[..., Agenda], sections: dict[str, Any]
) -> None:
    agenda = make_agenda(repeats={"top": 2, "seeds": 2}, **sections)
    drive(agenda, reports=20)
    begun, running = len(of_arm(agenda)), list(agenda.running)
    before = {one.name: one.trained for one in of_arm(agenda)}
    stop(agenda, STOPPED)
    assert {one.status for one in of_arm(agenda) if one.name not in running} <= {"stopped", "done"}
    drive(agenda)

    assert agenda.complete
    assert len(of_arm(agenda)) == begun, "none is proposed any more"
    for one in of_arm(agenda):
        assert one.status in ("stopped", "done")
        assert one.trained <= before[one.name] + (one.name in running), "at its next report"
    others = [one for one in agenda.trials.records.values() if one.arm != GOOD]
    assert {one.status for one in others} == {"done", "pruned"}
    assert len({one.arm for one in others if one.status == "done"}) == 3, "finish is 1"
    planned = 18 if "allocation" in sections else 24
    assert len(others) == planned - (0 if "allocation" in sections else begun)
    assert {one.arm for one in agenda.repeats.records.values()}.isdisjoint({GOOD})
    assert len(agenda.repeats.records) == 4


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_a_resumed_run_keeps_what_was_stopped_and_decides_the_same(
    make_agenda: Callable[..., Agenda], sampler: str
) -> None:
    options = {"sampler": {"name": sampler, "startup_trials": 4}}
    uncut, cut = make_agenda("uncut", **options), make_agenda("cut", **options)
    for agenda in (uncut, cut):
        drive(agenda, reports=20)
        stop(agenda, STOPPED, f"trial={next(iter(agenda.running))}")
        drive(agenda, reports=15, shuffle=1)
    cut.leave()
    resumed = agenda_of(cut.plan)
    drive(resumed, shuffle=2)
    drive(uncut, shuffle=3)
    assert trained(resumed) == trained(uncut)
    assert "stopped" in {status for _, status, _ in trained(uncut)}
    assert resumed.plan.directory.stops() == uncut.plan.directory.stops()


def test_one_trial_is_stopped_and_its_arm_goes_on(make_agenda: Callable[..., Agenda]) -> None:
    agenda = make_agenda()
    drive(agenda, reports=20)
    waiting = next(one for one in of_arm(agenda) if one.status == "waiting" and one.trained)
    stop(agenda, f"trial={waiting.name}")
    assert (waiting.status, waiting.reason) == ("stopped", "by hand")
    assert waiting.score is not None, "it counts as far as it came"
    far = waiting.trained
    drive(agenda)
    assert (waiting.status, waiting.trained) == ("stopped", far)
    assert "done" in {one.status for one in of_arm(agenda)}


def test_an_arm_whose_request_is_deleted_is_proposed_again(
    make_agenda: Callable[..., Agenda],
) -> None:
    agenda = make_agenda(allocation="equal")
    drive(agenda, reports=12)
    begun = len(of_arm(agenda))
    stop(agenda, STOPPED)
    drive(agenda, reports=8)
    (agenda.plan.directory.requests_folder / STOPPED).unlink()
    agenda.leave()
    resumed = agenda_of(agenda.plan)
    drive(resumed)
    assert begun < len(of_arm(resumed)) < 6, "those in between stay out"
    assert {one.status for one in of_arm(resumed)} == {"stopped", "done", "pruned"}
    assert agenda_of(resumed.plan).stops.arms == set()


def test_a_search_whose_arms_are_all_stopped_ends(make_agenda: Callable[..., Agenda]) -> None:
    agenda = make_agenda()
    drive(agenda, reports=5)
    stop(agenda, *(f"arm={name}" for name in agenda.stops.names.values()))
    drive(agenda)
    assert agenda.complete
    assert {one.status for one in agenda.trials.records.values()} == {"stopped"}


def test_weights_that_only_stopped_arms_need_are_not_made(
    make_sweep: MakeSweep, tmp_path: Path, cache: Path
) -> None:
    sweep = make_sweep(budget={"trials": 4, "epochs": 9, "pretraining_epochs": 7})
    agenda = agenda_of(make_plan(sweep, tmp_path / "run", cache, [Machine(3, 0)]))
    job = agenda.next()
    assert isinstance(job, MakeStage)
    agenda.started(job)
    epoch = Report({"epoch": 1, "loss": 1.0, "seconds": 1.0})
    assert agenda.report(job, epoch)
    stop(agenda, "arm=test_resnet-mae", "arm=test_vit-mae")
    assert not agenda.report(job, epoch), "what is being made ends after its epoch"
    assert not isinstance(agenda.next(), MakeStage)
    (agenda.plan.directory.requests_folder / "arm=test_resnet-mae").unlink()
    agenda.heed()
    again = agenda.next()
    assert isinstance(again, MakeStage)
    assert again.stage.name == "mae-test_resnet"
