"""What a task is: the one place that binds head, losses, evaluator, metrics and pictures.

Adding a task is adding one `Task` to `TASKS`; adding a head is one entry in its `heads`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from datasets.batches import Batch
from models.average_precision import METRICS as DETECTION_METRICS
from models.backbones import Backbone
from models.detection import draw_detections, score_detector
from models.detectors import FASTER_RCNN_LOSSES, FasterRCNNDetector
from models.model import Model


class Evaluate(Protocol):
    """Score a model over all batches of a split together: a value in [0, 1] for each metric."""

    def __call__(
        self, model: Model, data: Iterable[Batch], device: torch.device
    ) -> dict[str, float]: ...


class Draw(Protocol):
    """Truth and prediction on `pictures` uint8 [B, 3, S, S] of a batch's images."""

    def __call__(
        self, model: Model, batch: Batch, pictures: Tensor, device: torch.device
    ) -> Tensor: ...


@dataclass(frozen=True)
class Head:
    """What turns a backbone into a model: `build(backbone, classes)`, and its loss terms' names."""

    build: Callable[[Backbone, int], Model]
    losses: tuple[str, ...]


@dataclass(frozen=True)
class Task:
    """A task: its heads by name (the first is the default), its metrics (all: higher is better)."""

    heads: Mapping[str, Head]
    metrics: tuple[str, ...]
    evaluate: Evaluate
    draw: Draw


TASKS: dict[str, Task] = {
    "detection": Task(
        heads={"faster_rcnn": Head(FasterRCNNDetector, tuple(FASTER_RCNN_LOSSES))},
        metrics=tuple(DETECTION_METRICS),
        evaluate=score_detector,
        draw=draw_detections,
    ),
}
