"""Every family has the same output: four maps at strides 4 to 32, for any bands and size."""

import itertools

import pytest
import torch

from models.backbones import STRIDES, Backbone, UnknownBackboneError, check_backbone
from models.backbones.features import evenly


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


@pytest.mark.parametrize("name", ["vit_small_patch14_dinov2", "eva02_tiny_patch14_224"])
def test_patches_of_14_px_become_16(name: str) -> None:
    with torch.device("meta"):
        backbone = Backbone(name, 4, 96)
    maps = backbone(torch.zeros(1, 4, 96, 96, device="meta"))
    assert [found.shape[-1] for found in maps] == [96 // stride for stride in STRIDES]
    assert backbone.notes == ("its patches of 14 px are resampled to 16 px",)


def test_a_plain_vit_is_read_at_even_depths() -> None:
    with torch.device("meta"):
        backbone = Backbone("vit_tiny_patch16_224", 3, 64)
    assert backbone.body.out_indices == [2, 5, 8, 11]
    assert evenly(24) == [5, 11, 17, 23] and evenly(1) == [0, 0, 0, 0]


def test_each_map_of_a_plain_vit_is_of_another_block() -> None:
    torch.manual_seed(0)
    backbone = Backbone("test_vit", 3, 64).eval()
    with torch.no_grad():
        maps = backbone.body(torch.randn(1, 3, 64, 64))
    assert len(maps) == 4
    assert not any(torch.equal(a, b) for a, b in itertools.combinations(maps, 2))
