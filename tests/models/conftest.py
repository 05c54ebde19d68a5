"""A run directory with one tiny trained model or several, written by hand."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from models.architecture import ARCHITECTURE, architecture
from models.build import build_model
from models.model import Classes, Model

DATA: dict[str, Any] = {
    "name": "landslide4sense",
    "fingerprint": "f" * 64,
    "counts": {"train": 12, "val": 4, "test": 4},
    "classes": ["landslide", "water"],
    "labels": ["boxes", "masks"],
    "skipped_files": [],
    "bands": ["red", "green", "blue"],
    "rgb": [0, 1, 2],
    "image_size": 32,
    "window": [32, 32],
    "dtype": "uint8",
    "stretch": None,
    "mean": [100.0, 110.0, 120.0],
    "std": [50.0, 40.0, 30.0],
    "class_pixels": [900, 80, 20],
    "class_areas": [1000, 1000, 1000],
    "cache": "/nowhere/cache",
    "root": None,
}
RUN: dict[str, Any] = {
    "name": "tiny",
    "task": "segmentation",
    "metric": "mIoU",
    "metrics": ["mIoU", "IoU/background", "IoU/landslide", "IoU/water"],
    "sample": True,
    "seed": 3,
    "factors": ["backbone"],
    "arms": [{"backbone": "test_resnet"}],
    "skipped": [],
    "budget": {"trials": 2, "epochs": 2},
    "cost": None,
    "references": None,
    "repeats": None,
    "slots": {"count": 1, "cpu": 1, "gpu": 0.0, "per_machine": 1},
    "lag": 0,
    "weights": {"test_resnet": None},
    "started": "2026-01-02T03:04:05+00:00",
    "resumed": [],
    "command": "python tune_main.py tiny.yaml",
    "versions": {"python": "3.11", "torch": "2.15.0"},
    "git": "0123456789abcdef",
}
CONFIG: dict[str, Any] = {
    "backbone": "test_resnet",
    "pretraining": "scratch",
    "loss": "cross_entropy",
    "class_weights": "none",
    "label_smoothing": 0.0,
    "lr": 1e-3,
    "lr_decay": "cosine",
    "epochs": 2,
    "batch_size": 4,
    "optimizer": "adamw",
    "weight_decay": 0.05,
    "warmup_epochs": 0.5,
    "clip_norm": 5.0,
    "augment": True,
    "frozen": False,
    "seed": 3,
    "number": 0,
}


class TinyRun:
    """A run directory to which trainings are added.

    Attributes:
        data: what run.json says of the data.
        classes: what the models are built for.
    """

    def __init__(self, folder: Path, task: str, data: dict[str, Any]) -> None:
        self.folder, self.task, self.data = folder, task, {**DATA, **data}
        self.classes = Classes(
            tuple(self.data["classes"]),
            tuple(self.data["class_pixels"]),
            tuple(self.data["class_areas"]),
        )
        info = {**RUN, "task": task, "data": self.data}
        if task == "detection":
            info |= {"metric": "AP50", "metrics": ["AP", "AP50"]}
        self.metric = info["metric"]
        folder.mkdir(parents=True)
        (folder / "run.json").write_text(json.dumps(info))

    def add(
        self,
        name: str,
        score: float,
        *,
        of: str | None = None,
        weights: bool = True,
        **config: Any,
    ) -> Model:
        """A trial, or a repeat of one, as the sweeper leaves them; gives its model."""
        head = {"segmentation": "fpn", "detection": "faster_rcnn"}[self.task]
        config = {**CONFIG, "head": head, **config}
        folder = self.folder / ("trials" if of is None else "repeats") / name
        folder.mkdir(parents=True)
        torch.manual_seed(config["seed"])
        size = self.data["image_size"]
        model = build_model(self.task, config, len(self.data["bands"]), size, self.classes)
        record = {
            "number": config["number"],
            "name": name,
            "arm": {"backbone": config["backbone"]},
            "config": config,
            "tuned": ["lr"],
            "status": "done",
            "reason": None,
            "epochs": [{"epoch": 1, self.metric: score, "seconds": 1.0, "time": 1.7e9}],
            "score": score,
            "best_epoch": 1,
            "seconds": 1.0,
            "device": "cpu",
            "architecture": architecture(model),
            "parameters": sum(weight.numel() for weight in model.parameters()),
            "of": of,
        }
        (folder / "trial.json").write_text(json.dumps(record))
        if weights:
            metadata = {"epoch": "1", ARCHITECTURE: architecture(model)}
            save_file(model.state_dict(), folder / "weights.safetensors", metadata=metadata)
        return model.eval()


@pytest.fixture(scope="session")
def make_run_in() -> Callable[..., TinyRun]:
    """An empty run directory: call it with its place, a task, and what differs in its data."""

    def make(folder: Path, task: str = "segmentation", **data: Any) -> TinyRun:
        return TinyRun(folder, task, data)

    return make


@pytest.fixture
def make_run(tmp_path: Path, make_run_in: Callable[..., TinyRun]) -> Callable[..., TinyRun]:
    """As `make_run_in`, in a folder of the test's own."""

    def make(task: str = "segmentation", folder: str = "run", **data: Any) -> TinyRun:
        return make_run_in(tmp_path / folder, task, **data)

    return make
