"""The TensorBoard events of a trial: curves, hyperparameters, training images, predictions."""

from pathlib import Path
from typing import Self

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter
from torch.utils.tensorboard.summary import hparams

from datasets import Prepared
from datasets.batches import Batch
from datasets.colours import Colour, class_colours
from datasets.visible import visible
from models.model import Model
from models.tasks import TASKS
from runs.curves import curve_tag
from runs.directory import PICTURE
from runs.files import whole_file
from sweeps.space import Config

TRAINING_PICTURES = 8
"""At most so many images of the training batch are shown."""


class Board:
    """Writes one trial's events into its folder.

    Args:
        varied: the settings in which trials differ.
        metrics: names of the validation metrics; the other numbers of an epoch are of training.
        done: number of epochs before this part of a resumed trial; events of later epochs, which
            an interrupted part may have written, are hidden.
    """

    def __init__(
        self,
        folder: Path,
        varied: Config,
        task: str,
        metrics: tuple[str, ...],
        rgb: tuple[int, int, int] | None,
        done: int,
    ) -> None:
        self.folder = folder
        self.task, self.metrics, self.rgb = TASKS[task], metrics, rgb
        if not done:
            for events in folder.glob("events.out.tfevents.*"):
                events.unlink()
        self.writer = SummaryWriter(folder, purge_step=done + 1 if done else None)
        if not done:
            for summary in hparams(varied, dict.fromkeys(self._metric_tags(), 0.0)):
                self.writer._get_file_writer().add_summary(summary)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.writer.close()

    def epoch(self, number: int, metrics: dict[str, float]) -> None:
        """The curves of one epoch: the metrics under `val/`, the rest under `train/`."""
        for name, value in metrics.items():
            self.writer.add_scalar(curve_tag(name, self.metrics), value, number)
        self.writer.flush()

    def draw(
        self,
        model: Model,
        epoch: int,
        batch: Batch,
        device: torch.device,
        data: Prepared,
    ) -> None:
        """Truth and prediction on a few validation images of `data`.

        They are written as a picture as well, which is what trackers are sent.
        """
        classes = _colours(data)
        shown = self.task.draw(model, batch, self._pictures(batch), device, classes)
        self.writer.add_images("predictions", shown, epoch)
        with whole_file(self.folder / PICTURE) as partial:
            Image.fromarray(np.concatenate(shown.permute(0, 2, 3, 1).numpy())).save(partial)

    def draw_training(self, batch: Batch, data: Prepared) -> None:
        """The first training batch and its truth, as augmented; of a large one a part."""
        shown = self.task.draw_truth(batch, self._pictures(batch), _colours(data))
        self.writer.add_images("training", shown[:TRAINING_PICTURES], 1)

    def _pictures(self, batch: Batch) -> Tensor:
        return torch.from_numpy(visible(batch.images.numpy(), self.rgb))

    def _metric_tags(self) -> list[str]:
        return [curve_tag(name, self.metrics) for name in self.metrics]


def _colours(data: Prepared) -> dict[str, Colour]:
    """The colour of each class by its name."""
    colours = class_colours(data.classes, data.colours)
    return dict(zip(data.classes, colours[1:], strict=True))
