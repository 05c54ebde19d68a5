"""torchvision's transform of each image is left out, and what it changed was nothing."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.rpn import RPNHead
from torchvision.models.detection.transform import GeneralizedRCNNTransform
from torchvision.ops import box_iou

from datasets.batches import Batch
from models.backbones import Backbone
from models.heads import HEADS
from models.model import Classes
from models.tasks.detection import score_detector

SIDE = 64
CLASSES = Classes(("low", "tall"), (), ())
NAMES = [name for name in HEADS["detection"] if name != "faster_rcnn_detectron2"]


def detector(name: str) -> Any:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    head = HEADS["detection"][name]
    options = head.options(pyramid_channels=32)
    return head.build(Backbone("test_resnet", 3, SIDE), CLASSES, options)


@pytest.fixture
def batch() -> Batch:
    """Two images of noise, each with a bright rectangle: a low one and a tall one."""
    images = 0.2 * torch.randn(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    masks = torch.zeros(2, SIDE, SIDE, dtype=torch.uint8)
    masks[0, 10:30, 8:44], masks[1, 20:60, 30:46] = 1, 2
    return Batch(
        images=images + 2 * (masks > 0)[:, None],
        masks=masks,
        boxes=[torch.tensor([[8.0, 10, 44, 30]]), torch.tensor([[30.0, 20, 46, 60]])],
        labels=[torch.tensor([1]), torch.tensor([2])],
        names=["low", "tall"],
        sizes=np.full((2, 2), SIDE),
        footprints=None,
    )


@pytest.mark.parametrize("name", NAMES)
def test_losses_and_predictions_are_those_with_torchvisions_transform(
    name: str, batch: Batch
) -> None:
    ours, theirs = detector(name), detector(name)
    transform = GeneralizedRCNNTransform(SIDE, SIDE, [0.0] * 3, [1.0] * 3)
    transform.torch_choice = lambda sizes: sizes[
        0
    ]  # it draws a random number, and so shifts others
    theirs.network.transform = transform
    losses = []
    for model in (ours, theirs):
        model.network.score_thresh = 0.0  # untrained, it is sure of nothing
        torch.manual_seed(1)
        losses.append(model.train().losses(batch))
    assert losses[0] == losses[1]
    for found, expected in zip(
        ours.eval().predict(batch.images), theirs.eval().predict(batch.images), strict=True
    ):
        assert len(found["boxes"])
        for key in ("boxes", "scores", "labels"):
            torch.testing.assert_close(found[key], expected[key], rtol=0, atol=0)


@pytest.mark.parametrize("name", ["retinanet", "fcos"])
def test_a_tiny_training_tells_two_classes_apart(name: str, batch: Batch) -> None:
    model = detector(name)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    for _ in range(40):
        optimizer.zero_grad()
        torch.stack([*model.train().losses(batch).values()]).sum().backward()
        optimizer.step()
    scored = score_detector(model, [batch], torch.device("cpu"), CLASSES.names)
    assert scored.metrics["AP50"] == 1.0


@pytest.mark.parametrize("name", NAMES)
def test_found_boxes_are_float32_under_autocast(name: str, batch: Batch) -> None:
    model = detector(name).eval()
    model.network.score_thresh = 0.0
    with torch.autocast("cpu", dtype=torch.bfloat16):
        (found,) = model.predict(batch.images[:1])
    assert found["boxes"].dtype == found["scores"].dtype == torch.float32
    assert ((found["boxes"] * 256) % 1 != 0).any(), "in bfloat16 they had few digits"


def test_perfect_heads_place_small_boxes_exactly_under_autocast(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In bfloat16, their centres would lie on a grid of two pixels beyond 256."""
    side, rng = 512, np.random.default_rng(0)
    places = np.stack(np.meshgrid(*2 * [np.arange(256, 480, 32)]), axis=-1).reshape(-1, 2)
    corners = places + rng.uniform(0, 16, places.shape)
    sides = rng.uniform(6, 12, places.shape)
    wanted = torch.tensor(np.hstack([corners, corners + sides]), dtype=torch.float32)
    head = HEADS["detection"]["faster_rcnn"]
    options = head.options(pyramid_channels=32)
    model = head.build(Backbone("test_resnet", 3, side), CLASSES, options).eval()
    rpn = model.network.rpn
    grids = [side // stride for stride in (4, 8, 16, 32, 64)]
    images = ImageList(torch.zeros(1, 3, side, side), [(side, side)])
    (anchors,) = rpn.anchor_generator(images, [torch.zeros(1, 1, grid, grid) for grid in grids])
    nearest = box_iou(wanted, anchors).argmax(1)
    deltas, scores = torch.zeros_like(anchors), torch.full((len(anchors), 1), -9.0)
    deltas[nearest] = rpn.box_coder.encode_single(wanted, anchors[nearest])
    scores[nearest] = 9

    def perfect(self: RPNHead, maps: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        def spread(values: Tensor) -> list[Tensor]:
            levels = values.bfloat16().split([3 * grid**2 for grid in grids])
            return [
                level.reshape(grid, grid, -1).permute(2, 0, 1)[None]
                for level, grid in zip(levels, grids, strict=True)
            ]

        return spread(scores), spread(deltas)

    monkeypatch.setattr(RPNHead, "forward", perfect)
    found: list[Tensor] = []
    rpn.register_forward_hook(lambda *called: found.extend(called[2][0]))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        model.predict(images.tensors)
    assert box_iou(wanted, found[0]).amax(1).min() > 0.97
