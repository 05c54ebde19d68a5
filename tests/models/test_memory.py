"""Predicted memory against what PyTorch's allocator gives out, and for every head."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch
from torch.profiler import ProfilerActivity, profile

from datasets import Prepared, open_split
from models.backbones import Backbone
from models.heads import HEADS
from models.memory import UnpredictedError, predict_peak
from models.model import Classes, Model
from models.tasks import TASKS
from models.training import train
from tests.models.recipes import PLAIN
from tests.models.recipes import RECIPE as SHORT

SIDE = 32
BACKBONES = {"xdxd_unet": "vgg11", "hypercolumn": "vgg11"}
"""Of heads that do not work with every family."""

RECIPE = replace(SHORT, epochs=1, batch_size=8, augment=PLAIN, ema=0.9)
EVERY_HEAD = pytest.mark.parametrize(
    ("task", "head"),
    [
        (task, head)
        for task, heads in HEADS.items()
        for head in heads
        if head != "faster_rcnn_detectron2"  # it looks at values
    ],
)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def built(task: str, head: str, data: Prepared, backbone: str = "test_resnet") -> Model:
    pixels, areas = data.class_pixels["train"], data.class_areas["train"]
    classes = Classes(data.classes, pixels, areas, images=(1,))
    over = Backbone(BACKBONES.get(head, backbone), len(data.bands), SIDE)
    return HEADS[task][head].build(over, classes, HEADS[task][head].options())


def on_meta(task: str, head: str, data: Prepared, backbone: str = "test_resnet") -> Model:
    with torch.device("meta"):
        return built(task, head, data, backbone)


@contextmanager
def allocated() -> Iterator[list[int]]:
    """The most bytes that the allocator has given out at once within, added at the end."""
    found: list[int] = []
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        yield found
    now = peak = 0
    for event in profiled.profiler.kineto_results.events():
        if event.name() == "[memory]":
            now += event.nbytes()
            peak = max(peak, now)
    found.append(peak)


@pytest.mark.parametrize(
    ("head", "backbone"),
    [("fpn", "test_resnet"), ("unet", "test_efficientnet"), ("dpt", "test_vit")],
)
def test_a_training_takes_what_is_predicted(tiny_data: Prepared, head: str, backbone: str) -> None:
    """The loop itself, with an average of the weights. Its images are NumPy's, and added."""
    predicted = predict_peak(
        on_meta("segmentation", head, tiny_data, backbone), RECIPE, tiny_data, gpu=False
    )
    splits = [open_split(tiny_data, split) for split in ("train", "val")]
    with allocated() as found:
        model = built("segmentation", head, tiny_data, backbone)
        list(train(model, TASKS["segmentation"], *splits, RECIPE, torch.device("cpu")))
    images = 4 * RECIPE.batch_size * len(tiny_data.bands) * SIDE**2
    assert predicted.tensors == pytest.approx(found[0] + images, rel=0.03)


@EVERY_HEAD
def test_every_head_is_predicted_on_a_gpu_and_takes_more_for_more_images(
    tiny_data: Prepared, task: str, head: str
) -> None:
    model = on_meta(task, head, tiny_data)
    few, many = (
        predict_peak(model, replace(RECIPE, batch_size=size), tiny_data, gpu=True)
        for size in (4, 16)
    )
    assert few.scoring < many.scoring
    assert few.tensors < many.tensors < many.on_gpu
    assert all(weight.is_meta for weight in model.parameters()), "the model has changed"


def test_memory_follows_from_how_a_model_is_trained(tiny_data: Prepared) -> None:
    """A frozen network keeps nothing for a backward pass; gradients that wait take memory."""
    model = on_meta("segmentation", "fpn", tiny_data)

    def training(**changes: object) -> int:
        return predict_peak(model, replace(RECIPE, **changes), tiny_data, gpu=True).training  # type: ignore[arg-type]

    usual = training(ema=0.0)
    assert training(ema=0.0, frozen=True) < usual < training(ema=0.9)
    assert training(ema=0.0, optimizer="sgd") < usual < training(ema=0.0, effective_batch=16)


def test_a_gpus_autocast_leaves_the_cpus_as_it_was(tiny_data: Prepared) -> None:
    predict_peak(on_meta("segmentation", "fpn", tiny_data, "test_vit"), RECIPE, tiny_data, gpu=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = torch.nn.functional.linear(torch.ones(2, 4), torch.ones(4, 4))
        assert torch.nn.functional.layer_norm(half, (4,)).dtype == torch.bfloat16


def test_a_model_that_looks_at_values_is_not_predicted(tiny_data: Prepared) -> None:
    model = on_meta("segmentation", "fpn", tiny_data)
    model.reads_values = True
    with pytest.raises(UnpredictedError, match="FPN is not predicted: it looks at values"):
        predict_peak(model, RECIPE, tiny_data, gpu=True)
