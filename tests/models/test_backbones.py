"""Every family has the same output: four maps at strides 4 to 32, for any bands and size."""

import pytest
import torch

from models.backbones import STRIDES, Backbone, UnknownBackboneError, check_backbone


@pytest.mark.parametrize("bands", [3, 14])
@pytest.mark.parametrize("image_size", [64, 96])
@pytest.mark.parametrize(
    "name",
    [
        "resnet18",
        "efficientnet_b0",
        "vit_tiny_patch16_224",
        "swin_tiny_patch4_window7_224",
    ],
)
def test_maps_lie_at_the_four_strides(name: str, bands: int, image_size: int) -> None:
    backbone = Backbone(name, bands, image_size).eval()
    with torch.no_grad():
        maps = backbone(torch.zeros(1, bands, image_size, image_size))
    shapes = [tuple(features.shape[1:]) for features in maps]
    sides = [image_size // stride for stride in STRIDES]
    assert shapes == [(c, s, s) for c, s in zip(backbone.channels, sides, strict=True)]


@pytest.mark.parametrize(
    "name", ["vit_base_patch16_224", "vit_large_patch16_224", "swin_base_patch4_window7_224"]
)
def test_sizes_of_the_landslide_study_are_known(name: str) -> None:
    with torch.device("meta"):
        assert len(Backbone(name, 3, 224).channels) == len(STRIDES)


def test_plain_vit_maps_differ_by_more_than_their_size() -> None:
    """A pyramid that only resized one map would give the detector one scale four times."""
    torch.manual_seed(0)
    backbone = Backbone("test_vit", 3, 64).eval()
    with torch.no_grad():
        first, second, *_ = backbone(torch.randn(1, 3, 64, 64))
    resized = torch.nn.functional.avg_pool2d(first, 2)
    assert not torch.allclose(resized, second, atol=1e-2)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("resnet81", "did you mean 'resnet18'"),
        ("qqq", "no backbone 'qqq'$"),
        ("resnet18.a1", "no weights 'a1' of resnet18; there are: a1_in1k, "),
    ],
)
def test_unknown_name_is_refused(name: str, hint: str) -> None:
    with pytest.raises(UnknownBackboneError, match=hint):
        check_backbone(name)


def test_image_size_must_be_a_multiple_of_32() -> None:
    with pytest.raises(ValueError, match="48 is not a multiple of 32"):
        Backbone("test_vit", 3, 48)
