from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import analysis
from runs.directory import RunDirectory
from runs.factory import trial_record, write_run
from runs.records import TestRecord
from runs.tallies import PixelTally, write_tally
from tests.analysis.made import edit, make_run, stopped

SWIN = {"backbone": "swin_tiny_patch4_window7_224.ms_in22k_ft_in1k", "pretraining": "mae"}
RESNET = {"backbone": "resnet18", "pretraining": "imagenet"}
VIT = {"backbone": "vit_small_patch16_dinov3.lvd1689m", "pretraining": "distillation"}
UNTRIED = {"backbone": "efficientnet_b0", "pretraining": "mae"}
SKIPPED = {"backbone": "efficientnet_b0", "pretraining": "distillation"}

Epochs = list[tuple[float | None, float | None]]
TRIALS: list[tuple[dict[str, str], str, str | None, Epochs, float, bool]] = [
    (SWIN, "done", None, [(0.2, 0.1), (0.5, 0.2), (0.4, 0.35)], 30.0, True),
    (RESNET, "done", None, [(0.3, 0.1), (0.5, 0.15)], 12.5, True),
    (VIT, "failed", "CUDA out of memory [1.2 GiB]", [(0.9, 0.9)], 3.0, False),
    (SWIN, "pruned", None, [(0.1, 0.05)], 9.0, True),
    (RESNET, "diverged", "the loss is nan", [(0.4, 0.36), (None, None)], 14.0, True),
    (RESNET, "running", None, [(0.48, 0.2)], 6.0, True),
]
"""Arm, status, reason, (AP50, AP) an epoch, seconds, whether it has a score.

Swin and ResNet share the best AP50 (0.5), and Swin's trial came first; the alphabet has ResNet
first. By AP, ResNet leads, with another trial. The diverged trial's last epoch would be its best,
if its scores were numbers.
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run directory of six trials, whose ranking is known by hand."""
    trials = []
    for number, (arm, status, reason, scores, seconds, scored) in enumerate(TRIALS):
        best = max((ap50, -epoch) for epoch, (ap50, _) in enumerate(scores, 1) if ap50 is not None)
        trials.append(
            trial_record(
                number,
                arm,
                best[0] if scored else None,
                metric="AP50",
                config={"lr": 10.0**-number, "loss_weights.roi_box": 1.5, "seed": 0},
                tuned=["lr", "loss_weights.roi_box"],
                status=status,
                reason=reason,
                epochs=[
                    {"epoch": epoch, "AP50": ap50, "AP": ap, "loss": 1.0}
                    for epoch, (ap50, ap) in enumerate(scores, 1)
                ],
                best_epoch=-best[1] if scored else None,
                seconds=seconds,
            )
        )
    return write_run(
        tmp_path / "results" / "landslide_backbones",
        trials,
        test={
            trials[0].name: {"AP50": 0.44, "AP": 0.21},
            trials[1].name: {"AP50": 0.47, "AP": 0.2},
        },
        name="landslide_backbones",
        task="detection",
        metric="AP50",
        metrics=["AP50", "AP"],
        sample=True,
        arms=[SWIN, RESNET, VIT, UNTRIED],
        skipped=[{"arm": SKIPPED, "reason": "no teacher weights"}],
        budget={"trials": 6, "epochs": 3, "pretraining_epochs": 1, "hours": None},
        data={
            "name": "landslide4sense",
            "fingerprint": "c0ffee",
            "classes": ["landslide"],
            "labels": ["boxes"],
        },
    ).path


REPEATS = {0: (0.4, 0.5, 0.6), 1: (0.45, 0.55, 0.65)}
"""Number of the trial and AP50 by seed (1, 2, 3) of its repeats. ResNet leads by their mean."""


@pytest.fixture
def repeated(folder: Path) -> Path:
    """The same run, after trials 0 and 1 were trained again under three other seeds."""
    directory = RunDirectory(folder)
    trials, tested = directory.trials(), dict(directory.test().scores)
    for of, scores in REPEATS.items():
        for seed, score in enumerate(scores, 1):
            repeat = trial_record(
                100 * of + seed,
                trials[of].arm,
                score,
                metric="AP50",
                of=trials[of],
                config=trials[of].config | {"seed": seed},
                epochs=[{"epoch": 1, "AP50": score, "AP": score / 2, "seconds": 5.0}],
                seconds=5.0,
                parameters=11_000_000,
            )
            directory.write_training(repeat)
            tested[repeat.name] = {
                "AP50": score - 0.05,
                "AP": score / 2 - 0.05,
                "latency_ms": 7.5,
            }
    directory.write_test(TestRecord(scores=tested))
    edit(folder / "run.json", repeats={"top": 2, "seeds": 3})
    return folder


A, B, C = ({"backbone": name} for name in "abc")


@pytest.fixture
def halved(tmp_path: Path) -> analysis.Run:
    """A search that stopped trials early. Of C, which scored highest at that time, none finished.

    All the same, C was tested, as no sweep does it.
    """
    metrics = ["mIoU", "IoU/building", "IoU/water"]
    trials = [
        stopped(A, [0.1, 0.2, 0.3, 0.4, 0.5, 0.45], metrics=metrics),
        stopped(B, [0.1, 0.2, 0.2, 0.3, 0.3, 0.4], metrics=metrics),
        stopped(C, [0.3, 0.6], metrics=metrics),
        stopped(A, [0.2, 0.55], metrics=metrics),
        stopped(C, [0.45, 0.4], metrics=metrics),
        stopped(C, [0.7], metrics=metrics),
        stopped(A, [0.1, 0.3], metrics=metrics),
    ]
    run = make_run(tmp_path / "halved", trials, metrics=metrics)
    rng = np.random.default_rng(0)
    names = np.array([f"image{number}" for number in range(30)])
    tested = run.directory.trials()[:3]
    for record in tested:
        counts = rng.integers(1, 9, (30, 3, 3))
        write_tally(run.directory.tally_file(record), PixelTally(names, counts, None))
    scores = {record.name: dict.fromkeys(metrics, 0.4) for record in tested}
    run.directory.write_test(TestRecord(scores=scores))
    return analysis.load(run.path)


@pytest.fixture
def changed(folder: Path) -> Callable[..., analysis.Run]:
    """`changed(key=value, …)`: the run, read after these keys of run.json were set."""

    def change(**keys: Any) -> analysis.Run:
        edit(folder / "run.json", **keys)
        return analysis.load(folder)

    return change
