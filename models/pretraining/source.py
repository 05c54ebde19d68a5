"""A whole model that was trained on other data first: `pretraining: source`.

Head, batch size, losses and the other settings are the arm's own, except how it is fine-tuned.
"""

from collections.abc import Iterator
from pathlib import Path

import torch

from datasets import Prepared, open_split
from models.build import model_for, recipe_of
from models.pretraining.options import SourceOptions
from models.pretraining.stage import Request, Resume, Stage, Trained
from models.pretraining.training import PretrainingDivergedError, StageEpoch
from models.tasks import TASKS
from models.training import train
from runs.errors import EosweepError

WITHOUT_FINE_TUNING = {
    "backbone_lr": 1.0,
    "layer_decay": 1.0,
    "freeze_epochs": 0,
    "ema": 0.0,
    "keep_features": True,
}
"""Arms that differ in these alone start from one model."""


class SourceDataError(EosweepError):
    """One model cannot be for the source data and for the sweep's own."""


def source_stage(request: Request) -> Stage:
    """The whole model of an arm, trained on the source data: the same for all arms like it.

    Raises:
        SourceDataError: the two data sets differ in what a model cannot change.
    """
    told: SourceOptions = request.options
    data = request.prepare(told.dataset)
    _check_alike(data, request.data)
    own = {"lr": told.lr, "pretraining": told.pretraining, "frozen": False, "train_fraction": 1.0}
    own |= WITHOUT_FINE_TUNING
    config = {**request.config, **own, "epochs": request.epochs}
    parts = {
        "kind": "source",
        "task": request.task,
        "config": config,
        "data": data.fingerprint,
        "bands": list(data.bands),
        "image_size": data.image_size,
    }
    parent = request.start(request.backbone, told.pretraining, data)
    name = request.title("source")
    return Stage("source", name, request.backbone, parts, data, parent, train=train_source)


def _check_alike(source: Prepared, ours: Prepared) -> None:
    for what in ("classes", "image_size", "multi_label"):
        if getattr(source, what) != getattr(ours, what):
            raise SourceDataError(
                f"weights.source.dataset has {what} {getattr(source, what)}, but dataset has "
                f"{getattr(ours, what)}: a model goes from one data set to the other only if they "
                "agree in that"
            )
    if len(source.bands) != len(ours.bands):
        raise SourceDataError(
            f"weights.source.dataset.bands gives {len(source.bands)} bands, but dataset.bands "
            f"{len(ours.bands)}: give both the same number of bands"
        )


def train_source(stage: Stage, device: torch.device, cache: Path, resume: Resume) -> Trained:
    """Train the model; its weights are those of the last epoch, none is chosen."""
    config = stage.parts["config"]
    task = stage.parts["task"]
    torch.manual_seed(config["seed"])
    model = model_for(task, config, stage.data)
    if stage.parent:
        stage.parent.finished(cache).load_into(model.backbone.network)
    training, validation = (open_split(stage.data, name) for name in ("train", "val"))
    recipe = recipe_of(config)

    def epochs() -> Iterator[StageEpoch]:
        for epoch in train(model, TASKS[task], training, validation, recipe, device, resume):
            if epoch.diverged:
                raise PretrainingDivergedError(
                    "a loss or gradient is not finite; lower weights.source.lr"
                )
            yield StageEpoch({"epoch": epoch.number, **epoch.metrics}, epoch.state)

    return Trained(model, epochs())
