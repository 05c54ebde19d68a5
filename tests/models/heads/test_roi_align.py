"""RoIAlign by products gives torchvision's values and gradients."""

from collections import OrderedDict

import pytest
import torch
from torch import Tensor
from torchvision.ops import MultiScaleRoIAlign

from models.heads.roi_align import LARGEST, RoIAlign

SIDE, CHANNELS = 4 * LARGEST, 3
NAMES = ["p2", "p3"]


def regions() -> list[Tensor]:
    """Of two images, of all sizes; some reach beyond the image, and one is narrower than a px."""
    generator = torch.Generator().manual_seed(0)
    corners = SIDE * (1.4 * torch.rand(2, 40, 2, 2, generator=generator) - 0.2)
    found = torch.cat([corners.amin(dim=2), corners.amax(dim=2)], dim=2)
    found[0, 0] = torch.tensor([5.0, 6.0, 5.1, 60.0])
    return [found[0], found[1, :7]]


@pytest.mark.parametrize("size", [7, (3, 5)])
def test_values_and_gradients_are_torchvisions(size: int | tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(1)
    maps = OrderedDict(
        (name, torch.randn(2, CHANNELS, side, side, generator=generator, requires_grad=True))
        for name, side in zip(NAMES, (LARGEST, LARGEST // 2), strict=True)
    )
    boxes, shapes = regions(), [(SIDE, SIDE)] * 2
    ours, theirs = (
        kind(NAMES, size, 2, canonical_scale=64, canonical_level=3)(maps, boxes, shapes)
        for kind in (RoIAlign, MultiScaleRoIAlign)
    )
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
    factors = torch.randn(ours.shape, generator=generator)
    inputs = list(maps.values())
    for found, expected in zip(
        *(torch.autograd.grad(out, inputs, factors) for out in (ours, theirs)), strict=True
    ):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
