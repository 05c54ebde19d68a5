"""Run directories made of a few words a trial, valid in every field: for tests and benchmarks."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from runs.arms import Arm, Scalar
from runs.directory import RunDirectory
from runs.files import write_text
from runs.records import BatchTimes, Latency, RunRecord, StageRecord, TestRecord, TrialRecord

DATA: dict[str, Any] = {
    "name": "landcoverai",
    "root": None,
    "cache": "/nowhere/cache",
    "fingerprint": "f" * 64,
    "counts": {"train": 12, "val": 4, "test": 4},
    "classes": ["building", "water"],
    "class_pixels": [900, 80, 20],
    "class_areas": [1000, 1000, 1000],
    "labels": ["boxes", "masks"],
    "bands": ["red", "green", "blue"],
    "rgb": [0, 1, 2],
    "image_size": 32,
    "window": [32, 32],
    "dtype": "uint8",
    "stretch": None,
    "mean": [100.0, 110.0, 120.0],
    "std": [50.0, 40.0, 30.0],
    "skipped_files": [],
}
"""`data` of `run.json`."""

RUN: dict[str, Any] = {
    "name": "made",
    "task": "segmentation",
    "metric": "mIoU",
    "metrics": ["mIoU"],
    "sample": False,
    "seed": 0,
    "skipped": [],
    "tune": {},
    "budget": {"trials": 1, "epochs": 1, "pretraining_epochs": 1, "hours": None},
    "repeats": None,
    "cost": None,
    "references": None,
    "slots": {"count": 1, "cpu": 1, "gpu": 0.0, "per_machine": 1},
    "parallel": 1,
    "started": "2026-01-02T03:04:05+00:00",
    "resumed": [],
    "command": "python tune_main.py made.yaml",
    "machine": {"processor": "none", "cores": 1, "gpus": []},
    "versions": {"python": "3.11", "torch": "2.15.0"},
    "git": "0123456789abcdef",
}
"""`run.json`, without the arms."""


def run_record(arms: Sequence[Mapping[str, Scalar]], **changes: Any) -> RunRecord:
    """A run over these arms; `changes` are keys of `run.json`, `data` some of its keys."""
    given = {
        "factors": list(arms[0]) if arms else [],
        "arms": [Arm(arm) for arm in arms],
        "weights": [None] * len(arms),
        "costs": [1] * len(arms),
    }
    data = {**DATA, **changes.pop("data", {})}
    return RunRecord.model_validate({**RUN, **given, **changes, "data": data})


def trial_record(
    number: int,
    arm: Mapping[str, Scalar],
    score: float | None,
    *,
    metric: str = "mIoU",
    name: str | None = None,
    of: TrialRecord | None = None,
    **changes: Any,
) -> TrialRecord:
    """A trial of one scored epoch, or (`of`) a seed repeat; `changes` are keys of `trial.json`."""
    arm = Arm(arm)
    config = {"seed": number, "epochs": 1, **arm, **changes.pop("config", {})}
    scored = {} if score is None else {metric: score}
    if name is None:
        name = f"{of.name}-seed{config['seed']}" if of else f"{number:03d}-{arm.slug}"
    given = {
        "number": number,
        "name": name,
        "arm": arm,
        "config": config,
        "tuned": [],
        "status": "failed" if score is None else "done",
        "epochs": [{"epoch": 1, **scored, "seconds": 1.0, "time": 1.7e9 + number}],
        "score": score,
        "best_epoch": None if score is None else 1,
        "seconds": 1.0,
        "device": "cpu",
        "architecture": "0" * 16,
        "parameters": 1000,
        "of": of.name if of else None,
    }
    return TrialRecord.model_validate({**given, **changes})


def latency_of(milliseconds: float, images: int = 8) -> Latency:
    """A model that needs so long for one image, and half of it for each of a full batch."""
    one, full = (
        BatchTimes(images=batch, runs=50, low=0.9 * median, median=median, high=1.2 * median)
        for batch, median in ((1, milliseconds), (images, milliseconds * images / 2))
    )
    return Latency(one=one, full=full, device="cpu")


def write_run(
    folder: Path,
    trainings: Sequence[TrialRecord],
    *,
    test: Mapping[str, Mapping[str, float | None]] | None = None,
    stages: Sequence[StageRecord] = (),
    **changes: Any,
) -> RunDirectory:
    """Write a run directory: the records of trials and repeats, and what goes around them.

    Args:
        trainings: of `trial_record`.
        test: scores on test by name.
        changes: keys of `run.json`; without `arms`, those of the trainings.
    """
    directory = RunDirectory(folder)
    arms = changes.pop("arms", list(dict.fromkeys(one.arm for one in trainings)))
    directory.write_run(run_record(arms, **changes))
    write_text(directory.sweep_file, "name: made\n")
    for record in trainings:
        directory.write_training(record)
    if stages:
        directory.write_stages(stages)
    if test is not None:
        directory.write_test(TestRecord(scores={name: dict(row) for name, row in test.items()}))
    return directory
