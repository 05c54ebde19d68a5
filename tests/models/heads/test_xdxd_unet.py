"""XD_XD's U-Net has the published widths at each stage, and reads VGG16 before each pooling."""

import pytest
import torch
from torch import Tensor, nn

from models.backbones import Backbone, UnknownBackboneError
from models.heads.options import SegmenterOptions
from models.heads.xdxd_unet import XDXDUNet
from models.model import Classes

ONE = Classes(("building",), (950, 50), (1000, 1000))


def unet(backbone: str, classes: Classes = ONE, bands: int = 3) -> XDXDUNet:
    return XDXDUNet(Backbone(backbone, bands, image_size=32), classes, SegmenterOptions())


@pytest.fixture(scope="module")
def model() -> XDXDUNet:
    """Of VGG16, three bands and one class, as published."""
    return unet("vgg16").eval()


def test_it_has_the_published_number_of_parameters(model: XDXDUNet) -> None:
    assert sum(weight.numel() for weight in model.parameters()) == 29_306_465


def test_each_stage_has_its_widths_and_its_size(model: XDXDUNet) -> None:
    seen: list[tuple[int, int, int, int]] = []

    def note(_: nn.Module, given: tuple[Tensor], result: Tensor) -> None:
        seen.append((given[0].shape[1], given[0].shape[3], result.shape[1], result.shape[3]))

    stages = (model.centre, *model.stages, model.last, model.head)
    hooks = [stage.register_forward_hook(note) for stage in stages]
    with torch.no_grad():
        model.outputs(torch.randn(1, 3, 32, 32))
    for hook in hooks:
        hook.remove()
    assert seen == [
        (512, 1, 256, 2),
        (768, 2, 256, 4),
        (768, 4, 256, 8),
        (512, 8, 64, 16),
        (192, 16, 32, 32),
        (96, 32, 32, 32),
        (32, 32, 1, 32),
    ]


def test_a_stage_enlarges_before_it_convolves(model: XDXDUNet) -> None:
    """As published; the other order is four times cheaper and another function."""
    features = torch.rand(1, 512, 1, 2)
    enlarged = nn.functional.interpolate(features, scale_factor=2, mode="bilinear")
    with torch.no_grad():
        expected = model.centre[2](model.centre[1](enlarged))
        assert torch.allclose(model.centre(features), expected)


def test_skip_connections_leave_vgg16_before_each_pooling(model: XDXDUNet) -> None:
    images = torch.randn(1, 3, 32, 32)
    features, before_pooling = images, []
    with torch.no_grad():
        for layer in model.backbone.network.features:  # type: ignore[union-attr]
            if isinstance(layer, nn.MaxPool2d):
                before_pooling.append(features)
            features = layer(features.clone())
        *skips, pooled = model.backbone.body(images)
    assert torch.equal(pooled, features)
    assert len(skips) == len(before_pooling)
    assert all(torch.equal(ours, true) for ours, true in zip(skips, before_pooling, strict=True))


def test_takes_other_bands_classes_and_vggs() -> None:
    three = Classes(("a", "b", "c"), (1, 1, 1, 1), (4, 4, 4, 4))
    with torch.device("meta"):
        outputs = unet("vgg11", three, bands=8).outputs(torch.zeros(1, 8, 32, 32))
    assert outputs.shape == (1, 4, 32, 32)


def test_another_backbone_is_refused() -> None:
    with pytest.raises(UnknownBackboneError, match=r"made for vgg16.*'test_resnet'"):
        unet("test_resnet")
