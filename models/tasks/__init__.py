"""What a task is: the one place that binds heads, losses, evaluator, metrics and pictures.

Adding a task is adding one `Task` to `TASKS`; adding a head is one entry in its `heads`.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from datasets.batches import Batch
from datasets.source import BACKGROUND, Label
from models.backbones import Backbone
from models.heads.detectron2_detector import Detectron2Detector
from models.heads.faster_rcnn import FASTER_RCNN_LOSSES, FasterRCNNDetector
from models.heads.hypercolumn import Hypercolumn
from models.heads.options import HeadOptions, HypercolumnOptions, SegmenterOptions
from models.heads.segmenters import FPN, UNet, UPerNet
from models.heads.xdxd_unet import XDXDUNet
from models.losses.names import LOSSES, loss_terms
from models.metrics.average_precision import METRICS as DETECTION_METRICS
from models.metrics.confusion import CLASS_METRICS
from models.metrics.confusion import METRICS as SEGMENTATION_METRICS
from models.metrics.footprints import FOOTPRINT_METRICS
from models.metrics.scored import Keep, Scored
from models.model import Classes, Model
from models.tasks.detection import draw_detections, score_detector
from models.tasks.segmentation import draw_masks, score_segmenter


class Evaluate(Protocol):
    """Score a model over all batches of a split together.

    `classes` are the names of class ids 1, 2, …; `keep` is given what is found in each batch.
    """

    def __call__(
        self,
        model: Model,
        data: Iterable[Batch],
        device: torch.device,
        classes: tuple[str, ...],
        keep: Keep | None = None,
    ) -> Scored: ...


class Draw(Protocol):
    """Truth and prediction on `pictures` uint8 [B, 3, S, S] of a batch's images."""

    def __call__(
        self, model: Model, batch: Batch, pictures: Tensor, device: torch.device
    ) -> Tensor: ...


@dataclass(frozen=True)
class Head:
    """What turns a backbone into a model.

    Attributes:
        build: `build(backbone, classes, options)`, with an instance of `options`.
        losses: names of all its loss terms.
        options: what it can be told.
    """

    build: Callable[[Backbone, Classes, Any], Model]
    losses: tuple[str, ...]
    options: type[HeadOptions] = HeadOptions

    def terms(self, options: HeadOptions) -> tuple[str, ...]:
        """Names of the loss terms in force."""
        return loss_terms(options.loss) if isinstance(options, SegmenterOptions) else self.losses


@dataclass(frozen=True)
class Task:
    """A task; all metrics: higher is better.

    Attributes:
        heads: by name; the first is the default.
        needs: the labels it learns from.
        metrics: those over all classes.
        class_metrics: those there are also for one class, as `metric/class`.
        footprint_metrics: those there are where the data have footprints.
    """

    heads: Mapping[str, Head]
    needs: Label
    metrics: tuple[str, ...]
    evaluate: Evaluate
    draw: Draw
    class_metrics: tuple[str, ...] = ()
    footprint_metrics: tuple[str, ...] = ()

    def metrics_on(self, classes: tuple[str, ...], labels: Collection[Label]) -> tuple[str, ...]:
        """Every metric there is on data with these class names (of ids 1, 2, …) and labels."""
        footprints = self.footprint_metrics if "footprints" in labels else ()
        return (
            *self.metrics,
            *footprints,
            *(f"{kind}/{name}" for kind in self.class_metrics for name in (BACKGROUND, *classes)),
        )


TASKS: dict[str, Task] = {
    "detection": Task(
        heads={
            "faster_rcnn": Head(FasterRCNNDetector, tuple(FASTER_RCNN_LOSSES)),
            "faster_rcnn_detectron2": Head(Detectron2Detector, tuple(FASTER_RCNN_LOSSES)),
        },
        needs="boxes",
        metrics=tuple(DETECTION_METRICS),
        evaluate=score_detector,
        draw=draw_detections,
    ),
    "segmentation": Task(
        heads={
            "fpn": Head(FPN, LOSSES, SegmenterOptions),
            "unet": Head(UNet, LOSSES, SegmenterOptions),
            "upernet": Head(UPerNet, LOSSES, SegmenterOptions),
            "xdxd_unet": Head(XDXDUNet, LOSSES, SegmenterOptions),
            "hypercolumn": Head(Hypercolumn, LOSSES, HypercolumnOptions),
        },
        needs="masks",
        metrics=SEGMENTATION_METRICS,
        evaluate=score_segmenter,
        draw=draw_masks,
        class_metrics=CLASS_METRICS,
        footprint_metrics=FOOTPRINT_METRICS,
    ),
}
