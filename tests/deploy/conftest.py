"""A run directory with one tiny trained model or several."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from models.architecture import ARCHITECTURE, architecture
from models.build import build_model
from models.model import Classes, Model
from runs.directory import RunDirectory
from runs.factory import run_record, trial_record
from runs.records import TrialRecord

METRICS = {
    "segmentation": ["mIoU", "IoU/background", "IoU/landslide", "IoU/water"],
    "detection": ["AP50", "AP"],
    "classification": ["F1", "accuracy"],
}
HEADS = {"segmentation": "fpn", "detection": "faster_rcnn", "classification": "linear"}
CONFIG: dict[str, Any] = {
    "backbone": "test_resnet",
    "pretraining": "scratch",
    "loss": "cross_entropy",
    "class_weights": "none",
    "label_smoothing": 0.0,
    "lr": 1e-3,
    "batch_size": 4,
    "seed": 3,
}


class TinyRun:
    """A run directory to which trainings are added.

    Attributes:
        directory: its files; `folder` is where they lie.
        data: what run.json says of the data.
        classes: what the models are built for.
    """

    def __init__(self, folder: Path, task: str, data: dict[str, Any]) -> None:
        self.folder, self.task, self.directory = folder, task, RunDirectory(folder)
        record = run_record(
            [{"backbone": "test_resnet"}],
            name="tiny",
            task=task,
            metric=METRICS[task][0],
            metrics=METRICS[task],
            sample=True,
            seed=3,
            data={
                "name": "landslide4sense",
                "classes": ["landslide", "water"],
                "class_images": [8, 4],
                **data,
            },
        )
        self.metric, self.data = record.metric, record.data
        self.classes = Classes(
            *(record.data.classes, record.data.class_pixels, record.data.class_areas),
            *(record.data.class_images, record.data.multi_label),
        )
        self.trials: dict[str, TrialRecord] = {}
        self.directory.write_run(record)

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
        config = {**CONFIG, "head": HEADS[self.task], **config}
        torch.manual_seed(config["seed"])
        bands, size = len(self.data.bands), self.data.image_size
        model = build_model(self.task, config, bands, size, self.classes)
        record = trial_record(
            sum((one.of is None) == (of is None) for one in self.trials.values()),
            {"backbone": config["backbone"]},
            score,
            metric=self.metric,
            name=name,
            of=None if of is None else self.trials[of],
            config=config,
            tuned=["lr"],
            architecture=architecture(model),
            parameters=sum(weight.numel() for weight in model.parameters()),
        )
        self.trials[name] = record
        self.directory.write_training(record)
        if weights:
            metadata = {"epoch": "1", ARCHITECTURE: architecture(model)}
            save_file(model.state_dict(), self.directory.weights_file(record), metadata=metadata)
        return model.eval()


@pytest.fixture(scope="session")
def make_run_in() -> Callable[..., TinyRun]:
    """An empty run directory: call it with its folder, a task, and what differs in its data."""

    def make(folder: Path, task: str = "segmentation", **data: Any) -> TinyRun:
        return TinyRun(folder, task, data)

    return make


@pytest.fixture
def make_run(tmp_path: Path, make_run_in: Callable[..., TinyRun]) -> Callable[..., TinyRun]:
    """As `make_run_in`, in a folder of the test's own."""

    def make(task: str = "segmentation", folder: str = "run", **data: Any) -> TinyRun:
        return make_run_in(tmp_path / folder, task, **data)

    return make
