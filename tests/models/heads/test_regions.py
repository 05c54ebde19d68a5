"""Detectors do not learn that there is nothing where there is no data."""

import importlib.util
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from datasets.batches import Batch
from datasets.boxes import on_data
from models.backbones import Backbone
from models.heads import HEADS
from models.heads.detectron2_detector import Detectron2Detector
from models.heads.faster_rcnn import FasterRCNNDetector
from models.heads.options import FasterRCNNOptions
from models.heads.regions import seen
from models.model import Classes, Model

SIDE = 64
VALID = torch.zeros(2, SIDE, SIDE, dtype=torch.bool)
VALID[0, :, :32] = True
VALID[1] = True


class Engine(NamedTuple):
    """A detector, and where its parts are.

    Attributes:
        objectness: the RPN's head; of its output, the first are maps [B, A, h, w], finest first.
        pool: takes maps and each image's boxes.
    """

    build: Callable[..., Model]
    objectness: Callable[[Any], nn.Module]
    pool: Callable[[Any], nn.Module]
    boxes: Callable[[Any], Tensor]


ENGINES = [
    pytest.param(
        Engine(
            FasterRCNNDetector,
            lambda network: network.rpn.head,
            lambda network: network.roi_heads.box_roi_pool,
            lambda boxes: boxes,
        ),
        id="torchvision",
    ),
    pytest.param(
        Engine(
            Detectron2Detector,
            lambda network: network.proposal_generator.rpn_head,
            lambda network: network.roi_heads.box_pooler,
            lambda boxes: boxes.tensor,
        ),
        id="detectron2",
        marks=pytest.mark.skipif(
            importlib.util.find_spec("detectron2") is None, reason="detectron2 is not installed"
        ),
    ),
]


DENSE = ("retinanet", "fcos")


def dense(name: str) -> Any:
    """A detector of one stage, untrained."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    head = HEADS["detection"][name]
    backbone = Backbone("test_resnet", 3, SIDE)
    return head.build(backbone, Classes(("pond",), (), ()), head.options()).train()


def batch() -> Batch:
    """Noise, in which the left half of the first image is all there is of it."""
    return Batch(
        images=torch.randn(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0)),
        masks=torch.zeros(2, SIDE, SIDE, dtype=torch.uint8),
        boxes=[torch.tensor([[4.0, 10, 24, 30]]), torch.empty(0, 4)],
        labels=[torch.tensor([1]), torch.empty(0, dtype=torch.int64)],
        names=["half", "whole"],
        sizes=np.full((2, 2), SIDE),
        footprints=None,
        valid=VALID,
    )


@pytest.mark.parametrize("engine", ENGINES)
def test_there_is_no_loss_where_there_is_no_data(engine: Engine) -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    backbone = Backbone("test_resnet", 3, SIDE)
    model = engine.build(backbone, Classes(("pond",), (), ()), FasterRCNNOptions()).train()
    maps: list[Tensor] = []
    pooled: list[list[Any]] = []
    network = model.network
    engine.objectness(network).register_forward_hook(
        lambda _, inputs, outputs: maps.append(outputs[0][0])
    )
    engine.pool(network).register_forward_hook(lambda _, inputs, output: pooled.append(inputs[1]))
    losses = model.losses(batch())
    (finest,) = maps
    finest.retain_grad()
    losses["rpn_objectness"].backward(retain_graph=True)
    assert finest.grad is not None
    half, whole = finest.grad.abs().sum(dim=(1, 2))  # by column, of 4 px and as wide an anchor
    assert half[9:].max() == 0
    assert half[:8].max() > 0 and whole[9:].max() > 0
    (boxes,) = pooled
    for one, valid in zip(boxes, VALID.numpy(), strict=True):
        assert len(engine.boxes(one))
        assert on_data(engine.boxes(one).numpy(), valid).all()
    assert all(loss.isfinite() for loss in losses.values())


@pytest.mark.parametrize("name", DENSE)
def test_dense_detectors_have_no_loss_where_there_is_no_data(name: str) -> None:
    model = dense(name)
    logits: list[Tensor] = []
    anchors: list[Tensor] = []
    model.network.head.register_forward_hook(
        lambda _, inputs, outputs: logits.append(outputs["cls_logits"])
    )
    model.network.anchor_generator.register_forward_hook(
        lambda _, inputs, output: anchors.extend(output)
    )
    losses = model.losses(batch())
    logits[0].retain_grad()
    losses["dense_class"].backward()
    assert logits[0].grad is not None
    for gradient, regions, valid in zip(logits[0].grad, anchors, VALID, strict=True):
        assert (gradient[~seen(regions, valid)] == 0).all()
        assert (gradient[seen(regions, valid)] != 0).float().mean() > 0.9


@pytest.mark.parametrize("name", DENSE)
def test_dense_detectors_learn_from_images_without_objects_or_data(name: str) -> None:
    none = {"boxes": [torch.empty(0, 4)] * 2, "labels": [torch.empty(0, dtype=torch.int64)] * 2}
    for other in (none, {"valid": torch.zeros_like(VALID)}):
        losses = dense(name).losses(replace(batch(), **other))
        assert all(loss.isfinite() for loss in losses.values())


@pytest.mark.parametrize("engine", ENGINES)
def test_an_image_without_any_data_leaves_a_loss_that_is_a_number(engine: Engine) -> None:
    backbone = Backbone("test_resnet", 3, SIDE)
    model = engine.build(backbone, Classes(("pond",), (), ()), FasterRCNNOptions()).train()
    nothing = replace(batch(), valid=torch.zeros_like(VALID))
    assert all(loss.isfinite() for loss in model.losses(nothing).values())


def test_regions_are_those_that_metrics_count() -> None:
    regions = torch.tensor([[0.0, 0, 8, 8], [28, 0, 36, 8], [30, 0, 42, 8]])
    assert seen(regions, VALID[0]).tolist() == [True, True, False]
