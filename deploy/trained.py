"""A trained model, opened from the files of a run: `open_trained`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch import Tensor

from models.architecture import ArchitectureChangedError, load_same
from models.backbones import UnknownBackboneError
from models.build import build_model
from models.heads.detectron2_detector import EngineMissingError
from deploy.faults import ModelError
from models.model import Classes, Model
from deploy.normalisation import Normalisation
from deploy.run_files import DataRecord, RunRecord, Training, choose_training, read_run

CPU = torch.device("cpu")


@dataclass(frozen=True, eq=False)
class Trained:
    """A model with everything that is needed to show it an image.

    Attributes:
        run: the run directory.
        name: of the trial or repeat that it is; its folder is `folder`.
        task: a key of `models.tasks.TASKS`.
        config: the flat configuration it was trained with.
        metric, score: what its training was chosen by, and the value on validation.
        model: in evaluation mode, on `device`; takes standardised images.
        normalisation: stored values → standardised images; on `device`.
        data: what it was trained on: `classes`, `bands`, `rgb`, `image_size`, `window`, `dtype`.
    """

    run: Path
    folder: Path
    name: str
    task: str
    config: dict[str, Any]
    metric: str
    score: float
    model: Model
    normalisation: Normalisation
    data: DataRecord
    device: torch.device

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of class ids 1, 2, …."""
        return self.data.classes

    def find(self, images: NDArray[np.generic]) -> list[dict[str, Tensor]]:
        """What the model finds in stored values [B, C, S, S], S = `data.image_size`.

        An entry an image, as `Model.predict` of its task gives it, on `device`.
        """
        values = torch.from_numpy(images.astype(np.float32)).to(self.device)
        with torch.inference_mode():
            return self.model.predict(self.normalisation(values))


def open_trained(run: Path, name: str | None = None, device: torch.device = CPU) -> Trained:
    """Open a trained model from a run directory; nothing that is read can run code.

    Reads ``run.json`` (task, metric, data), and ``trial.json`` and ``weights.safetensors`` of one
    folder of ``trials/`` or ``repeats/``; to choose the winner, every ``trial.json`` that has
    weights beside it. Nothing of the data is read. Every tensor must fit, by name and by shape, see
    `models.architecture.load_same`.

    Args:
        name: a trial or a repeat; None for the winner, see `choose_training`.

    Raises:
        ModelError: the run, the training or its weights cannot be used; one sentence.
    """
    record = read_run(run)
    training = choose_training(run, name)
    model = _built(record, training)
    _fill(model, training)
    data = record.data
    score = training.record.score
    assert score is not None, "choose_training gives what has a score"
    return Trained(
        run=run,
        folder=training.folder,
        name=training.record.name,
        task=record.task,
        config=training.record.config,
        metric=record.metric,
        score=score,
        model=model.eval().to(device),
        normalisation=Normalisation(data.stretch, data.mean, data.std).to(device),
        data=data,
        device=device,
    )


def _built(record: RunRecord, training: Training) -> Model:
    data, config = record.data, training.record.config
    classes = Classes(data.classes, data.class_pixels, data.class_areas)
    try:
        return build_model(record.task, config, len(data.bands), data.image_size, classes)
    except KeyError as error:
        raise ModelError(
            f"{training.folder}: this version of the program knows no {error} of the run's "
            "configuration: check out the revision that run.json names"
        ) from None
    except (UnknownBackboneError, EngineMissingError) as error:
        raise ModelError(f"{training.folder} cannot be built: {error}") from None


def _fill(model: Model, training: Training) -> None:
    try:
        epoch = int(load_same(model, training.weights)["epoch"])
    except ArchitectureChangedError as error:
        raise ModelError(str(error)) from None
    except (OSError, KeyError, ValueError, SafetensorError) as error:
        raise ModelError(f"{training.weights} cannot be read: {error}") from None
    if epoch != training.record.best_epoch:
        raise ModelError(
            f"{training.weights} is of epoch {epoch}, but {training.record.best_epoch} is on "
            "record as the best: if the trial is running, try again; else its folder is damaged"
        )
