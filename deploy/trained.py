"""A trained model, ready to be shown images; `open_trained` opens one of a run."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datasets import Split
from datasets.seen import open_seen
from datasets.spectrum import Band
from datasets.view import Scaling, View
from deploy.description import Description, describe
from deploy.errors import ModelError
from deploy.normalisation import Normalisation
from models.architecture import load_same
from models.build import build_model
from models.model import Classes, Model
from runs.directory import RunDirectory
from runs.errors import EosweepError
from runs.records import DataRecord

CPU = torch.device("cpu")


@dataclass(frozen=True, eq=False)
class Trained:
    """A model with everything that is needed to show it an image.

    Attributes:
        run: name of the run directory.
        name: of the trial or repeat that it is.
        task: a key of `models.tasks.TASKS`.
        config: the flat configuration it was trained with.
        metric, score: what its training was chosen by, and the value on validation.
        model: in evaluation mode, on `device`; takes standardised images.
        normalisation: stored values → standardised images; on `device`.
        data: what it was trained on: `classes`, `bands`, `rgb`, `image_size`, `window`, `dtype`.
    """

    run: str
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
    def source(self) -> str:
        """Where it comes from, for those who find a file that it made."""
        return f"{self.run}/{self.name}"

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of class ids 1, 2, …."""
        return self.data.classes

    @property
    def batch(self) -> int:
        """Images that it was trained on at once, and is shown at once."""
        return int(self.config["batch_size"])

    def split(self, name: str) -> Split:
        """A split of the data as the model saw them. DataError: the cache is gone."""
        bands, stretch = self.config.get("bands"), self.config.get("stretch")
        view = View(
            bands=None if bands is None else self.data.groups[bands],
            scaling=None if stretch is None else Scaling(**dict(self.data.scalings[stretch])),
        )
        return open_seen(Path(self.data.cache), name, view)

    def find(self, images: NDArray[np.generic]) -> list[dict[str, Tensor]]:
        """What the model finds in stored values [B, C, S, S], S = `data.image_size`.

        An entry an image, as `Model.predict` of its task gives it, on `device`.
        """
        values = torch.from_numpy(images.astype(np.float32)).to(self.device)
        with torch.inference_mode():
            return self.model.predict(self.normalisation(values))


def open_trained(run: Path, name: str | None = None, device: torch.device = CPU) -> Trained:
    """Open a trained model from a run directory; nothing that is read can run code.

    Of the data nothing is read. Every tensor must match, by name and by shape, see
    `models.architecture.load_same`.

    Args:
        name: a trial or a repeat; None for the winner, see `runs.winner`.

    Raises:
        ModelError: the training or its weights cannot be used.
        ArchitectureChangedError: the weights are of another architecture.
        RunDirectoryError: the run directory cannot be used.
    """
    directory = RunDirectory(run)
    described = describe(directory, name)
    training = directory.training(described.name)
    return build_trained(described, directory.weights_file(training), device)


def build_trained(described: Description, weights: Path, device: torch.device = CPU) -> Trained:
    """The model of a description, filled from a file of weights.

    Raises:
        ModelError: it cannot be built by this version, or the weights cannot be used.
        ArchitectureChangedError: the weights are of another architecture.
    """
    model = _build(described, weights.parent)
    _fill(model, described, weights)
    data = described.data
    return Trained(
        run=described.run,
        name=described.name,
        task=described.task,
        config=described.config,
        metric=described.metric,
        score=described.score,
        model=model.eval().to(device),
        normalisation=Normalisation(data.stretch, data.mean, data.std).to(device),
        data=data,
        device=device,
    )


def _build(described: Description, folder: Path) -> Model:
    data = described.data
    classes = Classes(
        *(data.classes, data.class_pixels, data.class_areas),
        images=data.class_images,
        multi_label=data.multi_label,
    )
    bands = [Band(**band.model_dump()) for band in data.spectrum] or data.bands
    size = (bands, data.image_size)
    try:
        return build_model(described.task, described.config, *size, classes)
    except KeyError as error:
        raise ModelError(
            f"{folder}: this version of the program has no {error}, which the configuration "
            "names: check out the revision that run.json names"
        ) from None
    except EosweepError as error:
        raise ModelError(f"{folder} cannot be built: {error}") from None


def _fill(model: Model, described: Description, file: Path) -> None:
    try:
        epoch = int(load_same(model, file)["epoch"])
    except (OSError, KeyError, ValueError) as error:
        raise ModelError(f"{file} cannot be read: {error}") from None
    if epoch != described.epoch:
        raise ModelError(
            f"{file} is of epoch {epoch}, but {described.epoch} is on record as the best: if "
            "the trial is running, try again; else its folder is damaged"
        )
