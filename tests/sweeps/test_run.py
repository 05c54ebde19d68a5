"""A whole run with real parts: the command, Ray, Optuna, HDF5, the run directory."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from datasets import open_split
from runs.arms import Arm
from runs.directory import GROUPS, Group, RunDirectory
from runs.predictions import read_predictions
from runs.records import TrialRecord
from runs.tallies import PixelTally, read_tally
from sweeps.ledger import Ledger
from sweeps.plan import Plan, make_plan
from sweeps.run import OutOfTimeError, run_plan, run_until
from sweeps.run_directory import begin_run_directory
from sweeps.schema import Sweep
from sweeps.slots import Machine
from sweeps.stages import train_stage

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT_S = 300
SLICE_S = 12.0


def start(sweep_file: Path, cache: Path, folder: Path, *more: str) -> subprocess.Popen[str]:
    """The command, typed in a folder whose packages have the names of this project's."""
    for name in ("datasets", "models"):
        decoy = folder / "decoy" / name
        decoy.mkdir(parents=True, exist_ok=True)
        (decoy / "__init__.py").write_text("raise ImportError('a decoy was imported')\n")
    return subprocess.Popen(
        [
            sys.executable,
            str(ROOT / "tune_main.py"),
            str(sweep_file),
            f"--results={folder}",
            f"--cache={cache}",
            *more,
        ],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder / "decoy"), "COLUMNS": "120"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextlib.contextmanager
def a_single_core() -> Iterator[None]:
    """For commands that are started here: a machine of one slot."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=TIMEOUT_S)
    return process.returncode, out, err


def read_until_left(process: subprocess.Popen[str], slots: int) -> None:
    """Read what a sweep prints until so many slots have been left by trials."""
    assert process.stdout is not None
    overdue = threading.Timer(TIMEOUT_S, process.kill)
    overdue.start()
    left = 0
    for line in process.stdout:
        left += bool(re.match(r"\d{3}-\S+: (done|waits)", line))
        if left == slots:
            break
    overdue.cancel()
    assert left == slots, "the sweep ended, or was killed, before"


def records_of(run: Path, group: Group = "trials") -> list[dict[str, Any]]:
    """All records of a run without what depends on the clock."""
    directory = RunDirectory(run)
    found = directory.trials() if group == "trials" else directory.repeats()
    records = [record.model_dump(mode="json", exclude={"seconds"}) for record in found]
    for record in records:
        for epoch in record["epochs"]:
            del epoch["seconds"], epoch["time"]
    return records


@pytest.fixture(scope="module")
def uncut(
    tmp_path_factory: pytest.TempPathFactory, cache: Path, tiny_text: str
) -> tuple[Path, Path, tuple[int, str, str]]:
    """A whole sweep: its file, its run directory, its exit status and output."""

    folder = tmp_path_factory.mktemp("uncut")
    sweep_file = folder / "tiny.yaml"
    sweep_file.write_text(tiny_text)
    return sweep_file, folder / "tiny", finish(start(sweep_file, cache, folder))


def test_command_ends_with_a_ranking_marked_as_a_samples(
    uncut: tuple[Path, Path, tuple[int, str, str]],
) -> None:
    _, _, (status, out, err) = uncut
    assert status == 0, err
    assert "SAMPLE" in out
    assert "analysis rank" in out.splitlines()[-1]


def test_run_directory_holds_what_the_run_can_be_rebuilt_from(
    uncut: tuple[Path, Path, tuple[int, str, str]],
) -> None:
    _, run, _ = uncut
    directory = RunDirectory(run)
    record = directory.run()
    assert record.data.fingerprint
    assert record.versions.keys() >= {"python", "torch", "segmentation-models-pytorch"}
    assert record.machine.processor
    assert record.tune["lr"].log_uniform == (1e-4, 1e-2)
    weights = dict(zip(record.arms, record.weights, strict=True))
    scratch = Arm({"backbone": "test_vit", "pretraining": "scratch"})
    distilled = Arm({"backbone": "test_vit", "pretraining": "distillation"})
    assert weights[scratch] is None
    assert str(weights[distilled]).startswith("distillation-test_vit-")
    assert all(distilled in stage.arms for stage in directory.stages() if "vit" in stage.name)
    assert directory.sweep_file.exists()
    assert directory.study_file.exists()
    trials = directory.trials()
    assert len(trials) == 6
    assert {trial.status for trial in trials} <= {"done", "pruned"}


def test_each_arm_keeps_the_weights_of_its_best_trial_which_alone_saw_test(
    uncut: tuple[Path, Path, tuple[int, str, str]],
) -> None:
    _, run, _ = uncut
    kept = {file.parent.name for file in run.glob("trials/*/weights.safetensors")}
    directory = RunDirectory(run)
    assert kept == directory.test().scores.keys()
    assert kept == {one.trial.name for one in Ledger(directory, "AP50").standings()}
    for name in ("test.npz", "predictions.h5"):
        assert kept == {file.parent.name for file in run.glob(f"trials/*/{name}")}
    assert not list(run.glob("trials/*/resume.pt*"))


def test_tensorboard_events_hold_curves_hyperparameters_and_pictures(
    uncut: tuple[Path, Path, tuple[int, str, str]],
) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    _, run, _ = uncut
    folder = run / "trials" / records_of(run)[0]["name"]
    events = EventAccumulator(str(folder))
    events.Reload()
    tags = events.Tags()
    assert {"val/AP50", "train/loss/roi_box", "train/lr"} <= set(tags["scalars"])
    assert set(tags["images"]) == {"training", "predictions"}
    assert "_hparams_/session_start_info" in events.summary_metadata


@pytest.mark.slow
def test_run_cut_by_ctrl_c_and_resumed_on_a_single_slot_is_the_uncut_run(
    uncut: tuple[Path, Path, tuple[int, str, str]], cache: Path, tmp_path: Path
) -> None:
    sweep_file, run, _ = uncut
    process = start(sweep_file, cache, tmp_path)
    read_until_left(process, slots=4)
    process.send_signal(signal.SIGINT)
    status, _, err = finish(process)
    assert status == 130
    assert "To continue:" in err
    records = records_of(tmp_path / "tiny")
    assert {record["status"] for record in records} <= {"waiting", "done", "pruned"}
    before = {record["name"] for record in records if record["epochs"]}
    assert len(before) >= 4

    with a_single_core():
        resumed = start(sweep_file, cache, tmp_path, "--resume")
    status, out, err = finish(resumed)
    assert status == 0, err
    assert "1 trials at once" in out
    assert not any(f"{name}: epoch 1 of" in out for name in before)
    assert records_of(tmp_path / "tiny") == records_of(run)


def test_run_directory_in_use_is_not_overwritten(
    uncut: tuple[Path, Path, tuple[int, str, str]], cache: Path
) -> None:
    sweep_file, run, _ = uncut
    status, _, err = finish(start(sweep_file, cache, run.parent))
    assert status == 2
    assert "holds a run already: resume it with --resume" in err
    status, _, err = finish(start(sweep_file, cache, run.parent, "--resume", "seed=4"))
    assert status == 2
    assert "was started with another sweep" in err
    assert "seed: 3 → 4" in err


class Silent:
    """A view that shows nothing but counts what runs at once."""

    def __init__(self) -> None:
        self.running: set[int] = set()
        self.most = 0

    def stage_started(self, name: str) -> None: ...

    def stage_epoch(self, name: str, epoch: int, epochs: int, loss: float) -> None: ...

    def stage_done(self, name: str, seconds: float) -> None: ...

    def trial_started(self, record: TrialRecord) -> None:
        self.running.add(record.number)
        self.most = max(self.most, len(self.running))

    def trial_epoch(self, record: TrialRecord) -> None: ...

    def trial_paused(self, record: TrialRecord) -> None:
        self.running.discard(record.number)

    def trial_ended(self, record: TrialRecord) -> None:
        self.running.discard(record.number)

    def stage_left(self, name: str) -> None: ...

    def arms_stopped(self, arms: Collection[Arm]) -> None: ...

    def lost(self, name: str, why: str) -> None: ...

    def scoring(self, name: str, left: int) -> None: ...

    def timing(self, name: str, left: int) -> None: ...


@pytest.fixture(scope="module")
def failing(
    tmp_path_factory: pytest.TempPathFactory, cache: Path, ray_cluster: Machine
) -> tuple[Plan, Ledger, Silent]:
    """A sweep on a logical GPU, one of whose arms raises and one of whose arms diverges."""
    sweep = Sweep.model_validate(
        {
            "name": "failing",
            "task": "detection",
            "metric": "AP50",
            "dataset": {"name": "landslide4sense", "image_size": 32, "min_area": 2},
            "compare": {"pretraining": ["scratch", "mae"], "lr": [1e-3, 1e30]},
            "fixed": {"backbone": "test_vit", "clip_norm": 1e30},
            "budget": {"trials": 4, "epochs": 6, "pretraining_epochs": 1},
            "scheduler": {"name": "none"},
            "resources": {"gpu": 0.5, "cpu": 1},
        }
    )
    results = tmp_path_factory.mktemp("failing")
    plan = make_plan(sweep, results, cache, [ray_cluster])
    view = Silent()
    begin_run_directory(plan, "a test")
    for stage in plan.missing:
        list(train_stage(stage, 1, cache, plan.slots.each, None))
    spoil_weights(plan)
    ledger = Ledger(plan.directory, sweep.metric)
    run_plan(plan, ledger, Ledger(plan.directory, sweep.metric, "repeats"), view)
    return plan, ledger, view


def spoil_weights(plan: Plan) -> None:
    """Put weights of another network where the trials will look for theirs."""
    (stage,) = plan.stages
    stored = stage.stored(plan.cache)
    assert stored is not None
    save_file({"of.another.network": torch.zeros(1)}, stored.folder / "backbone.safetensors")


def test_trial_that_raises_is_recorded_with_its_reason_and_the_sweep_continues(
    failing: tuple[Plan, Ledger, Silent],
) -> None:
    _, ledger, _ = failing
    status = {(r.arm["pretraining"], r.arm["lr"]): r.status for r in ledger.records.values()}
    assert status == {
        ("scratch", 1e-3): "done",
        ("scratch", 1e30): "diverged",
        ("mae", 1e-3): "failed",
        ("mae", 1e30): "failed",
    }
    failed = next(r for r in ledger.records.values() if r.status == "failed")
    assert failed.reason is not None
    assert failed.reason.startswith("RuntimeError: Error(s) in loading state_dict")


def test_two_halves_of_a_gpu_run_two_trials_at_once(
    failing: tuple[Plan, Ledger, Silent],
) -> None:
    plan, _, view = failing
    assert plan.slots.count == 2
    assert view.most == 2


@pytest.fixture(scope="module")
def sliced(
    tmp_path_factory: pytest.TempPathFactory, cache: Path, ray_cluster: Machine
) -> tuple[Plan, Plan, int]:
    """One sweep run in one go and again in slices of time: both plans, and how many slices."""
    sweep = Sweep.model_validate(
        {
            "name": "whole",
            "task": "detection",
            "metric": "AP50",
            "dataset": {"name": "landslide4sense", "image_size": 32, "min_area": 2},
            "compare": {"pretraining": ["scratch", "mae"]},
            "tune": {"lr": {"log_uniform": [1e-4, 1e-2]}},
            "fixed": {"backbone": "test_vit"},
            "budget": {"trials": 2, "epochs": 2, "pretraining_epochs": 2},
            "scheduler": {"name": "none"},
            "repeats": {"top": 1, "seeds": 2},
            "resources": {"cpu": 2},
        }
    )
    results = tmp_path_factory.mktemp("sliced")
    plans = [
        make_plan(sweep.model_copy(update={"name": name}), results, kept, [ray_cluster])
        for name, kept in (("whole", cache), ("slices", tmp_path_factory.mktemp("cache")))
    ]
    for plan in plans:
        begin_run_directory(plan, "a test")
    run_all(plans[0], None)
    slices, left = 0, True
    while left:
        slices += 1
        try:
            run_all(plans[1], time.monotonic() + SLICE_S)
            left = False
        except OutOfTimeError:
            assert slices < 30
    return plans[0], plans[1], slices


def run_all(plan: Plan, deadline: float | None) -> None:
    """The stages, the trials and their repeats, as far as there is time."""
    metric, view = plan.sweep.metric, Silent()
    directory = plan.directory
    trials, repeats = Ledger(directory, metric), Ledger(directory, metric, "repeats")
    run_until(deadline, plan, trials, repeats, view)


@pytest.mark.slow
def test_run_cut_into_slices_of_time_is_the_uncut_run(sliced: tuple[Plan, Plan, int]) -> None:
    whole, slices, number = sliced
    assert number > 1
    for group in GROUPS:
        assert records_of(whole.directory.path, group) == records_of(slices.directory.path, group)
    assert not list(slices.directory.path.glob("*/*/resume.pt*"))


@pytest.mark.slow
def test_repeats_are_of_the_best_trial_under_other_seeds(sliced: tuple[Plan, Plan, int]) -> None:
    run = sliced[0].directory.path
    best = max(records_of(run), key=lambda record: record["score"])
    repeats = records_of(run, "repeats")
    assert [one["of"] for one in repeats] == [best["name"]] * 2
    for number, one in enumerate(repeats):
        changed = {"number": number, "seed": number + 1}
        assert one["config"] == best["config"] | changed
    scores = [one["score"] for one in (best, *repeats)]
    assert len(set(scores)) == 3


@pytest.fixture(scope="module")
def transfer(tmp_path_factory: pytest.TempPathFactory, cache: Path, ray_cluster: Machine) -> Plan:
    """A source model, and arms that start from it or without it."""
    data = {"name": "landslide4sense", "image_size": 32, "min_area": 2}
    sweep = Sweep.model_validate(
        {
            "name": "transfer",
            "task": "segmentation",
            "metric": "IoU/landslide",
            "dataset": data,
            "compare": {"training": ["zero_shot", "frozen", "scratch"]},
            "variants": {
                "training": {
                    "zero_shot": {"pretraining": "source", "epochs": 0},
                    "frozen": {"pretraining": "source", "frozen": True},
                    "scratch": {"pretraining": "scratch", "epochs": 2},
                }
            },
            "fixed": {"backbone": "test_resnet", "lr": 1e-3, "loss": "bce+jaccard"},
            "weights": {"source": {"dataset": data, "lr": 3e-3}},
            "budget": {"trials": 3, "epochs": 1, "pretraining_epochs": 2},
            "scheduler": {"name": "none"},
            "cost": {"usd_per_hour": 3.0},
        }
    )
    results = tmp_path_factory.mktemp("transfer")
    plan = make_plan(sweep, results, cache, [ray_cluster])
    begin_run_directory(plan, "a test")
    trials = Ledger(plan.directory, sweep.metric)
    repeats = Ledger(plan.directory, sweep.metric, "repeats")
    run_plan(plan, trials, repeats, Silent())
    return plan


def test_zero_shot_is_scored_as_it_came_and_frozen_keeps_its_backbone(transfer: Plan) -> None:
    zero_shot, frozen, scratch = (
        load_file(transfer.directory.weights_file(trial)) for trial in transfer.directory.trials()
    )
    weights = transfer.weights_of(Arm({"training": "zero_shot"}))
    assert weights is not None
    source = load_file(weights / "backbone.safetensors")
    assert all(torch.equal(source[name], zero_shot[name]) for name in source)
    within = [name for name in source if ".body." in name and source[name].ndim > 1]
    assert within
    assert all(torch.equal(source[name], frozen[name]) for name in within)
    assert not all(torch.equal(source[name], frozen[name]) for name in source)
    assert not torch.equal(source[within[0]], scratch[within[0]])
    epochs = [trial.epochs[-1]["epoch"] for trial in transfer.directory.trials()]
    assert epochs == [0, 1, 2]


def test_source_model_is_made_once_and_its_cost_is_on_record(transfer: Plan) -> None:
    (stage,) = transfer.directory.stages()
    assert stage.name == "source-test_resnet"
    assert stage.arms == (Arm({"training": "zero_shot"}), Arm({"training": "frozen"}))
    assert stage.seconds > 0
    assert stage.device == "cpu"


def test_tallies_of_single_images_add_up_to_the_scores_on_test(transfer: Plan) -> None:
    directory = transfer.directory
    scores = directory.test().scores
    assert len(scores) == 3
    test = open_split(transfer.data, "test")
    for trial in directory.trials():
        tally = read_tally(directory.tally_file(trial))
        assert isinstance(tally, PixelTally)
        assert tally.names.tolist() == list(test.names)
        (_, wrong), (missed, right) = tally.confusion.sum(axis=0)
        of_trial = scores[trial.name]
        assert of_trial["IoU/landslide"] == pytest.approx(right / (right + wrong + missed))
        found = read_predictions(directory.predictions_file(trial), test.names)
        assert sum(int((image["mask"] == 1).sum()) for image in found) >= right


def test_each_arm_is_timed_for_one_image_and_for_a_full_batch(transfer: Plan) -> None:
    models = transfer.directory.latency().models
    trials = transfer.directory.trials()
    assert models.keys() == {one.name for one in trials}
    for trial in trials:
        one, full = models[trial.name].one, models[trial.name].full
        assert (one.images, full.images) == (1, trial.config["batch_size"])
        assert 0 < one.low <= one.median <= one.high
        assert models[trial.name].device == "cpu"


def test_run_records_how_images_are_made_ready_for_the_model(transfer: Plan) -> None:
    data = transfer.directory.run().data
    split = open_split(transfer.data, "train")
    assert (list(data.mean), list(data.std)) == (split.mean.tolist(), split.std.tolist())
    assert (data.image_size, data.window, data.rgb) == (32, (128, 128), (0, 1, 2))
    assert Path(data.cache) == transfer.data.folder
