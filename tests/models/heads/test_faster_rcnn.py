"""Faster R-CNN keeps the precision of boxes where the rest is computed in bfloat16."""

import torch
from torch import Tensor

from models.backbones import Backbone
from models.heads.faster_rcnn import FasterRCNNDetector
from models.heads.options import FasterRCNNOptions
from models.model import Classes


def test_proposals_and_boxes_are_float32_under_autocast() -> None:
    torch.manual_seed(0)
    backbone = Backbone("test_resnet", 3, 64)
    model = FasterRCNNDetector(backbone, Classes(("low", "tall"), (), ()), FasterRCNNOptions())
    proposals: list[Tensor] = []
    model.network.rpn.register_forward_hook(lambda *called: proposals.extend(called[2][0]))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        (found,) = model.eval().predict(torch.randn(1, 3, 64, 64))
    assert {boxes.dtype for boxes in proposals} == {torch.float32}
    assert found["boxes"].dtype == found["scores"].dtype == torch.float32
    assert len(found["boxes"])


def test_layers_above_the_backbone_are_as_wide_as_the_option_says() -> None:
    backbone = Backbone("test_resnet", 3, 64)
    options = FasterRCNNOptions(pyramid_channels=16)
    model = FasterRCNNDetector(backbone, Classes(("low",), (), ()), options)
    maps = model.network.backbone(torch.randn(1, 3, 64, 64))
    assert {one.shape[1] for one in maps.values()} == {16}
    assert model.network.roi_heads.box_head.fc7.out_features == 64
    model.pass_through(torch.randn(2, 3, 64, 64))
