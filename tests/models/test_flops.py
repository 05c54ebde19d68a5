"""The cost of an epoch against a count by hand, and for every head."""

import pytest
import torch
from torch import Tensor, nn

from models.backbones import Backbone
from models.flops import epoch_cost
from models.heads import HEADS
from models.model import Classes, Model

SIDE = 64
CLASSES = Classes(("building", "water"), (800, 150, 50), (1000, 1000, 1000), images=(1, 1))
BACKBONES = {"xdxd_unet": "vgg11", "hypercolumn": "vgg11"}
EVERY_HEAD = pytest.mark.parametrize(
    ("task", "name"),
    [
        (task, name)
        for task, heads in HEADS.items()
        for name in heads
        if name != "faster_rcnn_detectron2"  # it is built from source
    ],
)


class Convolutions(Model):
    """A backbone of one convolution, and a head of another one."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.first.bands, self.first.image_size = 3, SIDE  # type: ignore[assignment]
        self.first.network_maps = self.first.forward  # type: ignore[assignment]
        self.second = nn.Conv2d(8, 2, 1)

    @property
    def backbone(self) -> Backbone:
        return self.first  # type: ignore[return-value]

    def pass_through(self, images: Tensor) -> None:
        self.second(self.first(images))

    def losses(self, batch: object) -> dict[str, Tensor]:
        raise NotImplementedError

    def predict(self, images: Tensor) -> list[dict[str, Tensor]]:
        raise NotImplementedError


def test_an_epoch_costs_three_passes_of_what_is_trained_and_one_of_what_is_not() -> None:
    with torch.device("meta"):
        model = Convolutions()
    first = 2 * 3**2 * 3 * 8 * SIDE**2  # a multiplication and an addition a weight and pixel
    second = 2 * 8 * 2 * SIDE**2
    trained, scored = 1000, 300
    whole = 3 * trained * (first + second) + scored * (first + second)
    assert epoch_cost(model, (trained, scored), frozen=False) == round(whole / 1e6)
    frozen = trained * (first + 3 * second) + scored * (first + second)
    assert epoch_cost(model, (trained, scored), frozen=True) == round(frozen / 1e6)
    kept = trained * 3 * second + scored * second
    assert epoch_cost(model, (trained, scored), frozen=True, kept=True) == round(kept / 1e6)


@EVERY_HEAD
def test_every_head_is_counted_without_a_value(task: str, name: str) -> None:
    head = HEADS[task][name]
    with torch.device("meta"):
        backbone = Backbone(BACKBONES.get(name, "test_resnet"), 3, SIDE)
        model = head.build(backbone, CLASSES, head.options())
    costs = [epoch_cost(model, (images, 10), frozen=False) for images in (100, 200)]
    assert costs[0] < costs[1] < 2 * costs[0]
    assert type(model).pass_through is not Model.pass_through, "its own layers are not counted"
