"""Superpixels divide an image by its colours, and are described by the mean of their pixels."""

from collections import Counter

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from datasets.source import IGNORE
from models.heads.hypercolumn.superpixels import (
    averaging,
    find_superpixels,
    majority,
    superpixel_means,
)

SIDE = 32


def noise(bands: int, scale: float = 1.0) -> torch.Tensor:
    return scale * torch.randn(bands, SIDE, SIDE, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("bands", [1, 3, 12])
@pytest.mark.parametrize("about", [1, 40, 4000])
def test_every_pixel_has_a_superpixel_and_every_superpixel_pixels(bands: int, about: int) -> None:
    """Also where more are asked for than there are pixels."""
    found = find_superpixels(noise(bands), about)
    assert (found.shape, found.dtype) == ((SIDE, SIDE), torch.int64)
    assert found.unique().tolist() == list(range(int(found.max()) + 1))


def test_their_number_is_near_what_is_asked_for() -> None:
    assert 50 <= int(find_superpixels(noise(3, 0.1), 64).max()) + 1 <= 80


@pytest.mark.parametrize("outlier", [0.0, 100.0])
@pytest.mark.parametrize("bands", [1, 3, 12])
def test_no_superpixel_crosses_an_edge_of_colour(bands: int, outlier: float) -> None:
    """An edge of two standard deviations, whatever else the image holds, and off their grid."""
    image = noise(bands, 0.05)
    image[:, :, 16:] += 2
    image[:, 0, 0] += outlier
    found = find_superpixels(image, 25)
    assert not set(found[:, :16].unique().tolist()) & set(found[:, 16:].unique().tolist())


def test_a_uniform_image_is_divided_evenly() -> None:
    areas = torch.bincount(find_superpixels(torch.zeros(3, SIDE, SIDE), 16).flatten())
    assert len(areas) == 16
    assert (areas - SIDE**2 / 16).abs().max() <= 20


def test_bands_that_say_the_same_leave_superpixels_as_they_are() -> None:
    image = noise(1)
    assert torch.equal(find_superpixels(image, 30), find_superpixels(image.repeat(7, 1, 1), 30))


@given(
    arrays(np.uint8, (6, 6), elements=st.integers(0, 4)),
    arrays(np.uint8, (6, 6), elements=st.sampled_from([0, 1, 2, IGNORE])),
)
def test_the_class_of_a_superpixel_is_that_of_most_of_its_labelled_pixels(
    numbers: NDArray[np.uint8], mask: NDArray[np.uint8]
) -> None:
    _, ids = np.unique(numbers, return_inverse=True)
    superpixels = torch.from_numpy(ids.reshape(6, 6))
    expected = []
    for one in range(int(ids.max()) + 1):
        counts = Counter(mask[superpixels.numpy() == one].tolist())
        del counts[IGNORE]
        most = max(counts.values(), default=0)
        expected.append(min((c for c, n in counts.items() if n == most), default=IGNORE))
    found = majority(superpixels, torch.from_numpy(mask))
    assert (found.tolist(), found.dtype) == (expected, torch.uint8)


def test_means_are_those_of_the_stack_of_enlarged_maps() -> None:
    """In bfloat16 arithmetic too, as on a GPU, where they stay float32."""
    torch.manual_seed(0)
    scales = [torch.randn(2, width, SIDE >> i, SIDE >> i) for i, width in enumerate((5, 4, 3, 2))]
    superpixels = find_superpixels(noise(3), 30)
    whole = [F.interpolate(m, SIDE, mode="bilinear", align_corners=False) for m in scales]
    columns = torch.cat(whole, dim=1)[1].flatten(1).T
    ids = superpixels.flatten()
    expected = torch.stack([columns[ids == one].mean(dim=0) for one in ids.unique()])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = superpixel_means(scales, 1, superpixels)
    torch.testing.assert_close(found, expected)


def test_averaging_needs_few_values_of_a_map() -> None:
    matrix = averaging(find_superpixels(torch.zeros(1, 64, 64), 16), 8)
    assert matrix.shape == (16, 64)
    assert matrix.values().numel() <= 16 * 4**2  # a superpixel has 2 × 2 cells, and neighbours
