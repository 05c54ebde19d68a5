"""What a task is: the one place that joins heads, labels, metrics, scoring and pictures."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from datasets.batches import Batch
from datasets.cache import Split
from datasets.colours import Colour
from datasets.source import Label
from models.features import Feed, unfed
from models.heads.head import Head
from models.metrics.scored import Keep, Scored
from models.model import Model
from runs.classes import BACKGROUND


class Finds(Protocol):
    """What scoring needs of a model, which may be one that PyTorch does not run."""

    def eval(self) -> object:
        """Called before the first image."""

    def predict(self, images: Tensor) -> list[dict[str, Tensor]]:
        """As `Model.predict`."""


class Evaluate(Protocol):
    """Score a model over all batches of a split together.

    `classes` are the names of class ids 1, 2, …; `keep` is given what is found in each batch.
    """

    def __call__(
        self,
        model: Finds,
        data: Iterable[Batch],
        device: torch.device,
        classes: tuple[str, ...],
        keep: Keep | None = None,
    ) -> Scored:
        """Metrics of all images together, and what was counted in each."""


class EvaluateScenes(Protocol):
    """Score a model over the scenes that the tiles of a split are cut from, each pixel once.

    `keep` is given what is found in each tile, in any order; batches go through `feed`.
    """

    def __call__(
        self,
        model: Finds,
        split: Split,
        batch_size: int,
        device: torch.device,
        keep: Keep | None = None,
        feed: Feed = unfed,
    ) -> Scored:
        """Metrics of all scenes together, and what was counted in each tile, in their order."""


class Draw(Protocol):
    """Truth and prediction on `pictures` uint8 [B, 3, S, S] of a batch's images.

    `classes` are the names of class ids 1, 2, … and their colours.
    """

    def __call__(
        self,
        model: Model,
        batch: Batch,
        pictures: Tensor,
        device: torch.device,
        classes: Mapping[str, Colour],
    ) -> Tensor:
        """Pictures uint8 [B, 3, H, W], with a key: what each colour means."""


class DrawTruth(Protocol):
    """Only the ground truth on `pictures`, as of `Draw`."""

    def __call__(self, batch: Batch, pictures: Tensor, classes: Mapping[str, Colour]) -> Tensor:
        """Pictures uint8 [B, 3, H, W], with a key: what each colour means."""


@dataclass(frozen=True)
class Task:
    """A task; all metrics: higher is better.

    Attributes:
        heads: by name; the first is the default.
        needs: the labels it learns from.
        metrics: those over all classes.
        class_metrics: those there are also for one class, as `metric/class`.
        background: whether they are there for background too.
        footprint_metrics: those there are where the data have footprints; not of scenes, as
            tiles cut outlines.
        evaluate_scenes: None where tiles cut what is counted.
    """

    heads: Mapping[str, Head]
    needs: Label
    metrics: tuple[str, ...]
    evaluate: Evaluate
    draw: Draw
    draw_truth: DrawTruth
    class_metrics: tuple[str, ...] = ()
    background: bool = False
    footprint_metrics: tuple[str, ...] = ()
    evaluate_scenes: EvaluateScenes | None = None

    def metrics_on(
        self, classes: tuple[str, ...], labels: Collection[Label], *, whole_scenes: bool = False
    ) -> tuple[str, ...]:
        """Every metric there is on data with these class names (of ids 1, 2, …) and labels."""
        outlined = "footprints" in labels and not whole_scenes
        footprints = self.footprint_metrics if outlined else ()
        names = (BACKGROUND, *classes) if self.background else classes
        return (
            *self.metrics,
            *footprints,
            *(f"{kind}/{name}" for kind in self.class_metrics for name in names),
        )
