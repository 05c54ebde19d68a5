"""What every entry of the registries must do: HEADS, LOSSES, TASKS and the settings they give."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import Field
from shapely import box

from datasets.batches import Batch
from datasets.cache import Split
from datasets.colours import SKY
from datasets.source import IGNORE
from models.backbones import Backbone
from models.heads import HEADS, options_by_name
from models.heads.head import Head
from models.heads.options import SegmenterOptions
from models.losses import LOSSES
from models.losses.criterion import Criterion, output_channels
from models.model import Classes, Model
from models.tasks import TASKS

CPU = torch.device("cpu")
SIDE = 32
CLASSES = Classes(("building", "water"), (800, 150, 50), (1000, 1000, 1000), images=(1, 1))
BACKBONES = {"xdxd_unet": "vgg11", "hypercolumn": "vgg11"}
"""Of heads that do not work with every family."""

EVERY_HEAD = pytest.mark.parametrize(
    ("task", "name"), [(task, name) for task, heads in HEADS.items() for name in heads]
)


@pytest.fixture
def batch() -> Batch:
    """Two images with a building and some water each, as boxes, masks and footprints.

    As a whole, the first is of buildings, the second of water.
    """
    masks = torch.zeros(2, SIDE, SIDE, dtype=torch.uint8)
    masks[:, 4:16, 4:16] = 1
    masks[:, 20:28, 8:24] = 2
    masks[:, 0] = IGNORE
    images = torch.randn(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    return Batch(
        images=images + masks.clamp(max=2)[:, None],
        masks=masks,
        boxes=[torch.tensor([[4.0, 4, 16, 16], [8, 20, 24, 28]])] * 2,
        labels=[torch.tensor([1, 2])] * 2,
        names=["first", "second"],
        sizes=np.full((2, 2), SIDE),
        footprints=[[box(4, 4, 16, 16), box(8, 20, 24, 28)]] * 2,
        image_labels=torch.eye(2, dtype=torch.bool),
    )


def built(task: str, name: str) -> Model:
    if name == "faster_rcnn_detectron2":
        pytest.importorskip("detectron2", reason="detectron2 is built from source")
    torch.manual_seed(0)
    torch.set_num_threads(1)
    head = HEADS[task][name]
    backbone = Backbone(BACKBONES.get(name, "test_resnet"), 3, SIDE)
    return head.build(backbone, CLASSES, head.options())


def split_of(batch: Batch) -> Split:
    """The batch as training data."""
    return Split(
        images=batch.images.numpy(),
        masks=batch.masks.numpy(),
        boxes=torch.cat(batch.boxes).numpy(),
        labels=torch.cat(batch.labels).numpy(),
        offsets=np.array([0, 2, 4]),
        sizes=batch.sizes,
        outlines=None,
        names=tuple(batch.names),
        scenes=tuple(batch.names),
        files=tuple(batch.names),
        windows=np.hstack([np.zeros_like(batch.sizes), batch.sizes[:, ::-1]]),
        classes=CLASSES.names,
        stretch=None,
        mean=np.zeros(3, np.float32),
        std=np.ones(3, np.float32),
    )


@EVERY_HEAD
def test_a_head_trains_on_the_loss_terms_of_its_options(task: str, name: str, batch: Batch) -> None:
    model = built(task, name)
    model.before_training(split_of(batch), 0, CPU)
    losses = model.train().losses(batch)
    assert tuple(losses) == HEADS[task][name].options().terms
    assert all(loss.shape == () and math.isfinite(loss.item()) for loss in losses.values())
    torch.stack(list(losses.values())).sum().backward()
    gradients = [weight.grad for weight in model.parameters() if weight.grad is not None]
    assert gradients
    assert all(gradient.isfinite().all() for gradient in gradients)


@EVERY_HEAD
def test_a_model_is_scored_by_the_metrics_of_its_task(task: str, name: str, batch: Batch) -> None:
    """In bfloat16, as on a GPU. Metrics of an untrained model may be undefined, but not unknown."""
    kept: list[str] = []

    def keep(names: Any, found: Any) -> None:
        kept.extend(names)

    model = built(task, name)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        scored = TASKS[task].evaluate(model, [batch], CPU, CLASSES.names, keep)
    known = TASKS[task].metrics_on(CLASSES.names, ("boxes", "masks", "footprints"))
    of_head = HEADS[task][name].metrics
    assert {*TASKS[task].metrics, *of_head} <= set(scored.metrics) <= {*known, *of_head}
    assert all(0 <= score <= 1 for score in scored.metrics.values())
    assert scored.tally.names.tolist() == kept == batch.names
    pictures = torch.zeros(2, 3, SIDE, SIDE, dtype=torch.uint8)
    classes = dict.fromkeys(CLASSES.names, SKY)
    of_both = TASKS[task].draw(model, batch, pictures, CPU, classes)
    for drawn in (of_both, TASKS[task].draw_truth(batch, pictures, classes)):
        assert (drawn.dtype, drawn.shape[:2]) == (torch.uint8, (2, 3))


@EVERY_HEAD
def test_a_head_that_reads_inside_the_network_says_so(task: str, name: str, batch: Batch) -> None:
    """Else the features of a frozen network would be kept, and it would run all the same."""
    model = built(task, name).eval()
    backbone, runs, asked = model.backbone, list[None](), list[None]()
    backbone.body.register_forward_hook(lambda *_: runs.append(None))

    def listen(images: torch.Tensor) -> list[torch.Tensor]:
        asked.append(None)
        return backbone.network_maps(images)

    with backbone.answering(listen):
        model.predict(batch.images)
    assert model.reads_maps == (len(asked) == len(runs) == 1)


class PerfectModel(Model):
    """Finds what the batch holds that it is made with, in the form of every task."""

    def __init__(self, batch: Batch) -> None:
        super().__init__()
        self.batch = batch

    @property
    def backbone(self) -> Backbone:
        raise NotImplementedError

    def losses(self, batch: Batch) -> dict[str, torch.Tensor]:
        raise NotImplementedError

    def predict(self, images: torch.Tensor) -> list[dict[str, torch.Tensor]]:
        masks = self.batch.masks.where(
            self.batch.masks != IGNORE, torch.tensor(0, dtype=torch.uint8)
        )
        return [
            {
                "mask": mask,
                "probabilities": torch.stack([mask == label for label in range(3)]).float(),
                "boxes": boxes,
                "labels": labels,
                "scores": torch.ones(len(labels)),
                "classes": classes,
                "confidences": classes.float(),
            }
            for mask, boxes, labels, classes in zip(
                *(masks, self.batch.boxes, self.batch.labels, self.batch.image_labels), strict=True
            )
        ]


@pytest.mark.parametrize("task", TASKS)
def test_a_perfect_model_scores_1_in_every_metric_of_its_task(task: str, batch: Batch) -> None:
    scored = TASKS[task].evaluate(PerfectModel(batch), [batch], CPU, CLASSES.names)
    expected = TASKS[task].metrics_on(CLASSES.names, ("boxes", "masks", "footprints"))
    assert scored.metrics == pytest.approx(dict.fromkeys(expected, 1.0))


@pytest.mark.parametrize("task", TASKS)
def test_a_task_has_a_head(task: str) -> None:
    assert TASKS[task].heads is HEADS[task]
    assert HEADS[task]


@EVERY_HEAD
def test_every_option_has_a_description_and_a_default(task: str, name: str) -> None:
    for option, field in HEADS[task][name].options.model_fields.items():
        assert field.description, option
        assert not field.is_required(), option


def test_an_option_has_one_type_in_all_heads() -> None:
    class OtherOptions(SegmenterOptions):
        label_smoothing: bool = Field(False, description="a switch here, a number elsewhere")

    heads: dict[str, Head] = {
        "fpn": HEADS["segmentation"]["fpn"],
        "other": Head("nowhere:Nothing", OtherOptions),
    }
    with pytest.raises(TypeError, match=r"'label_smoothing' of head 'other' has another type"):
        options_by_name({"segmentation": heads})


@pytest.mark.parametrize("classes", [CLASSES, Classes(("building",), (900, 100), (1000, 1000))])
@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_is_finite_and_ignored_pixels_have_no_gradient(name: str, classes: Classes) -> None:
    channels = output_channels(classes)
    outputs = torch.randn(2, channels, 6, 6, generator=torch.Generator().manual_seed(0))
    outputs.requires_grad_()
    masks = (torch.arange(72).reshape(2, 6, 6) % (len(classes.names) + 1)).to(torch.uint8)
    masks[:, 2:4] = IGNORE
    loss = Criterion(classes, name)(outputs, masks)[name]
    assert loss.shape == () and loss.isfinite()
    loss.backward()
    assert outputs.grad is not None
    ignored = (masks == IGNORE)[:, None].expand_as(outputs)
    assert outputs.grad[ignored].count_nonzero() == 0
    assert outputs.grad[~ignored].count_nonzero() > 0
