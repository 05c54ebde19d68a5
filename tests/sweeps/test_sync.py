"""A trial and its weights travel through a storage, and are what they are without one."""

import shutil
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from datasets import Prepared
from runs.directory import RunDirectory
from runs.records import TrialRecord
from runs.storage import Storage
from sweeps.jobs import JobContext, MakeStage, Score, Train
from sweeps.ledger import Ledger
from sweeps.plan import Plan, make_plan
from sweeps.reports import Report
from sweeps.run import context_of
from sweeps.run_directory import begin_run_directory
from sweeps.schema import Sweep
from sweeps.slots import Machine, Slot
from sweeps.space import complete
from sweeps.sync import Sync
from sweeps.trial import Training

SLOT = Slot(cpu=1, gpu=0)


@pytest.fixture
def planned(
    make_sweep: Callable[..., Sweep], tmp_path: Path, cache: Path, tiny_data: Prepared
) -> Callable[[str | None], Plan]:
    """A run of one arm that starts from MAE, with a storage or without, and a cache of its own."""

    def plan(storage: str | None) -> Plan:
        sweep = make_sweep(
            task="segmentation",
            metric="mIoU",
            tune={"lr": {"log_uniform": [1e-4, 1e-2]}},
            compare={"backbone": ["test_resnet"], "pretraining": ["mae"]},
            budget={"trials": 1, "epochs": 3, "pretraining_epochs": 2},
            storage=storage,
        )
        folder = tmp_path / ("with" if storage else "without")
        for kept in ("samples", "data"):
            shutil.copytree(cache / kept, folder / "cache" / kept)
        made = make_plan(sweep, folder / "results", folder / "cache", [Machine(cpus=1, gpus=0)])
        begin_run_directory(made, "test")
        made.share()
        return made

    return plan


def lose_the_node(plan: Plan) -> None:
    """What is done next is done on a node that has nothing."""
    shutil.rmtree(plan.cache)


def train(plan: Plan, context: JobContext, ledger: Ledger, until: int) -> list[Report]:
    record = ledger.records[0]
    training = Training(
        *(record.name, 0, "trials", record.config, plan.weights_of(record.arm), until),
        recorded=record.trained if record.epochs else 0,
    )
    reports = list(Train(training, SLOT).reports(context))
    for report in reports:
        ledger.add_epoch(0, {"epoch": report.numbers["epoch"], **report.numbers["metrics"]})
    return reports


def run(plan: Plan, *, moving: bool) -> TrialRecord:
    """Make the weights, train to epoch 1, then to the end, and score; each on another node."""
    context = context_of(plan)
    (stage,) = plan.stages
    for deadline in (0.0, None) if moving else (None,):
        late = context_of(plan, deadline)
        list(MakeStage(stage, SLOT).reports(late))
        if moving:
            lose_the_node(plan)
    ledger = Ledger(plan.directory, "mIoU", sync=plan.sync)
    (arm,) = plan.arms
    config = {**complete(plan.sweep, arm), "epochs": 3}
    ledger.open(TrialRecord(number=0, name="000-mae", arm=arm, config=config, tuned=()))
    train(plan, context, ledger, until=1)
    ledger.pause(0)
    if moving:
        lose_the_node(plan)
    train(plan, context, ledger, until=3)
    ledger.close(0, "done")
    if moving:
        lose_the_node(plan)
    list(Score(ledger.records[0], SLOT).reports(context))
    plan.sync.collect(plan.directory.folder(ledger.records[0]))
    return ledger.records[0]


def test_a_trial_that_moves_between_nodes_is_the_trial_of_one_machine(
    planned: Callable[[str | None], Plan], tmp_path: Path
) -> None:
    alone, moved = planned(None), planned(str(tmp_path / "storage"))
    expected, record = run(alone, moving=False), run(moved, moving=True)
    assert record.score == expected.score
    assert record.best_epoch == expected.best_epoch
    weights, others = (
        load_file(plan.directory.weights_file(one))
        for plan, one in ((alone, expected), (moved, record))
    )
    assert weights.keys() == others.keys()
    assert all(torch.equal(weights[name], others[name]) for name in weights)
    names, others_names = (
        {file.name.split(".")[0] for file in plan.directory.folder(expected).iterdir()}
        for plan in (alone, moved)
    )
    assert names == others_names == {"events", "predictions", "test", "trial", "weights"}


def test_epochs_that_are_not_on_record_are_told_from_the_checkpoint(
    planned: Callable[[str | None], Plan], tmp_path: Path
) -> None:
    """The machine of the command is lost, with the records of the last minute."""
    plan = planned(str(tmp_path / "storage"))
    context = context_of(plan)
    (stage,), (arm,) = plan.stages, plan.arms
    list(MakeStage(stage, SLOT).reports(context))
    config = {**complete(plan.sweep, arm), "epochs": 3}
    told = []
    for _ in ("before", "again"):
        shutil.rmtree(plan.directory.path / "trials", ignore_errors=True)
        ledger = Ledger(plan.directory, "mIoU", sync=plan.sync)
        ledger.open(TrialRecord(number=0, name="000-mae", arm=arm, config=config, tuned=()))
        for until in (1, 2):
            *_, last = train(plan, context, ledger, until)
            assert last.last and last.numbers["epoch"] == until
        told.append(ledger.records[0].epochs)
    before, again = told
    assert list(before) == list(again)


def test_what_a_trial_resumes_from_is_copied_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that dies while it copies leaves weights that are too new, never too old."""
    run, data = RunDirectory(tmp_path / "results" / "made"), tmp_path / "cache" / "data" / "made"
    data.mkdir(parents=True)
    sync = Sync(Storage(str(tmp_path / "storage")), tmp_path / "cache", run)
    folder = sync.jobs.folder_of("trials", "000")
    copied: list[str] = []
    monkeypatch.setattr(Storage, "put", lambda _, file, key: copied.append(file.name))

    def work() -> Generator[Report]:
        for name in ("resume.pt", "events", "weights.safetensors"):
            (folder / name).touch()
        yield Report({})
        (folder / "events").write_text("one more")
        yield Report({}, last=True)

    assert len(list(sync.training(work(), folder, data))) == 2
    assert copied == ["weights.safetensors", "events", "resume.pt", "events"]
    assert not folder.exists()


def test_the_storage_keeps_what_the_ledger_keeps(
    planned: Callable[[str | None], Plan], tmp_path: Path
) -> None:
    plan = planned(str(tmp_path / "storage"))
    record = run(plan, moving=False)
    assert not list((tmp_path / "storage").rglob("*resume*"))
    stored = tmp_path / "storage" / "results" / "tiny" / "trials" / record.name
    assert (stored / "weights.safetensors").exists()
    Ledger(plan.directory, "mIoU", sync=plan.sync).close(0, "failed", "its node was lost")
    assert not (stored / "weights.safetensors").exists()
    assert not plan.directory.weights_file(record).exists()
