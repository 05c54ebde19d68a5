"""What is computed of hypercolumns without stacking them is what the stack at full size gives."""

import itertools

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from models.backbones import Backbone, UnknownBackboneError
from models.heads.hypercolumn.features import Moments, ZoomOut, at_pixels, enlarging, part
from models.heads.hypercolumn.options import Layers

WIDTHS = (5, 4, 3)
SIZE = 16


def scales_of(images: int, seed: int = 0) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [
        torch.randn(images, w, SIZE >> i, SIZE >> i, generator=generator, dtype=torch.float64) + 7
        for i, w in enumerate(WIDTHS)
    ]


def stacked(scales: list[Tensor]) -> Tensor:
    """The definition: every map enlarged to full size, one after the other."""
    size = scales[0].shape[2:]
    return torch.cat(
        [F.interpolate(maps, size, mode="bilinear", align_corners=False) for maps in scales], dim=1
    )


@pytest.mark.parametrize("bands", [3, 14])
@pytest.mark.parametrize(
    ("name", "layers", "features"),
    [
        ("vgg11", "all", 2752),
        ("vgg16", "all", 4224),
        ("vgg11", "before_pooling", 1472),
        ("vgg16", "before_pooling", 1472),
        ("vgg16_bn", "all", 4224),
    ],
)
def test_hypercolumns_have_the_published_length(
    name: str, layers: Layers, features: int, bands: int
) -> None:
    with torch.device("meta"):
        zoom_out = ZoomOut(Backbone(name, bands, 64), layers)
        scales = zoom_out(torch.zeros(2, bands, 64, 64))
    assert sum(zoom_out.widths) == features + bands
    expected = [(2, width, 64 >> i, 64 >> i) for i, width in enumerate(zoom_out.widths)]
    assert [maps.shape for maps in scales] == expected


@pytest.mark.parametrize("name", ["vgg11", "vgg11_bn"])
def test_features_are_the_activations_after_each_rectifier(name: str) -> None:
    """Against hooks on the network as timm runs it."""
    backbone = Backbone(name, 3, 32).eval()
    images = torch.randn(2, 3, 32, 32)
    seen: dict[Layers, list[Tensor]] = {"all": [images], "before_pooling": [images]}
    steps = list(backbone.network.features)
    for step, following in itertools.pairwise(steps):
        if isinstance(step, torch.nn.ReLU):
            step.register_forward_hook(lambda *called: seen["all"].append(called[2].clone()))
        if isinstance(following, torch.nn.MaxPool2d):
            step.register_forward_hook(
                lambda *called: seen["before_pooling"].append(called[2].clone())
            )
    with torch.no_grad():
        backbone.network.forward_features(images)
    expected = {layers: [*maps] for layers, maps in seen.items()}
    for layers, maps in expected.items():
        scales = ZoomOut(backbone, layers)(images)
        assert not any(scale.requires_grad for scale in scales)
        found = [channel for scale in scales for channel in scale.unbind(1)]
        wanted = [channel for layer in maps for channel in layer.unbind(1)]
        assert all(torch.equal(a, b) for a, b in zip(found, wanted, strict=True))


def test_backbone_that_is_not_a_vgg_is_refused() -> None:
    with pytest.raises(UnknownBackboneError, match="such as vgg11 or vgg16: 'resnet18' is not"):
        ZoomOut(Backbone("resnet18", 3, 32), "all")


def test_columns_at_pixels_are_those_of_the_stack() -> None:
    scales = scales_of(images=2)
    pixels = torch.arange(SIZE**2)  # corners and edges among them
    expected = stacked(scales)[1].flatten(1).T
    torch.testing.assert_close(at_pixels(scales, 1, pixels), expected, rtol=1e-12, atol=1e-12)


@given(st.data())
@settings(deadline=None, max_examples=50)
def test_part_of_an_enlargement_needs_a_part_of_the_map(data: st.DataObject) -> None:
    factor = data.draw(st.sampled_from([2, 4, 16]))
    side = data.draw(st.integers(1, 9))
    first = data.draw(st.integers(0, side - 1))
    pixels = slice(first * factor, data.draw(st.integers(first + 1, side)) * factor)
    line = torch.randn(side, 2, dtype=torch.float64)
    matrix, needed = part(enlarging(side, side * factor, line), pixels)
    assert needed.stop - needed.start <= (pixels.stop - pixels.start) // factor + 2
    large = F.interpolate(line.T[None], scale_factor=factor, mode="linear", align_corners=False)
    torch.testing.assert_close(matrix @ line[needed], large[0].T[pixels])


@pytest.mark.parametrize("batches", [(4,), (1, 3), (2, 1, 1)])
def test_moments_are_those_of_the_stack_however_it_is_cut(batches: tuple[int, ...]) -> None:
    scales = scales_of(images=sum(batches))
    scales[0][3] += 100  # images differ in their means
    moments = Moments(sum(WIDTHS))
    for batch in zip(*(maps.split(batches) for maps in scales), strict=True):
        moments.add(batch)
    mean, std = moments.result()
    columns = stacked(scales).transpose(0, 1).flatten(1)
    torch.testing.assert_close(mean, columns.mean(dim=1), rtol=1e-12, atol=0)
    torch.testing.assert_close(std, columns.std(dim=1, correction=0), rtol=1e-9, atol=0)


def test_channel_that_is_constant_has_deviation_one() -> None:
    scales = [maps.float() for maps in scales_of(images=2)]
    scales[0][:, 1] = 0
    scales[1][:, 2] = 0.1
    moments = Moments(sum(WIDTHS))
    moments.add(scales)
    _, std = moments.result()
    assert (std == 1).nonzero().flatten().tolist() == [1, WIDTHS[0] + 2]
