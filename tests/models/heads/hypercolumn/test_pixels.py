"""Pixels are drawn class by class, and read without the stack of features they are part of."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from torch import Tensor

from datasets.cache import Split
from datasets.source import IGNORE
from models.heads.hypercolumn import pixels as pixels_module
from models.heads.hypercolumn.pixels import Pixels, draw_pixels, pixel_batches
from tests.models.heads.hypercolumn.splits import split_of

CPU = torch.device("cpu")
MASKS = arrays(np.uint8, (3, 4, 4), elements=st.sampled_from([0, 1, 2, IGNORE]))


def listed(pixels: Pixels) -> list[tuple[int, ...]]:
    columns = pixels.images.tolist(), pixels.positions.tolist(), pixels.labels.tolist()
    return list(zip(*columns, strict=True))


@given(MASKS, st.integers(1, 20))
@settings(deadline=None)
def test_each_class_of_each_image_gives_the_number_wanted_or_all(
    masks: NDArray[np.uint8], per_class: int
) -> None:
    drawn = listed(draw_pixels(masks, per_class, np.random.default_rng(0)))
    assert len(set(drawn)) == len(drawn)  # none twice
    assert all(masks[image].flat[position] == label for image, position, label in drawn)
    for image, mask in enumerate(masks):
        labels = [label for i, _, label in drawn if i == image]
        for label in range(IGNORE):
            assert labels.count(label) == min(per_class, int((mask == label).sum()))
        assert IGNORE not in labels


def test_seed_determines_which_are_drawn() -> None:
    masks = np.zeros((1, 8, 8), np.uint8)
    first, again, other = (
        listed(draw_pixels(masks, 5, np.random.default_rng(seed))) for seed in (1, 1, 2)
    )
    assert first == again != other


@pytest.fixture
def split() -> Split:
    """Five images whose pixels tell where they are, half a mask of each class."""
    size = 8
    images = np.arange(5 * size**2, dtype=np.float32).reshape(5, 1, size, size)
    masks = np.zeros((5, size, size), np.uint8)
    masks[:, :, 4:] = 1
    return split_of(images, masks)


@pytest.mark.parametrize(("kept", "passes"), [(2**20, 1), (4 * 17, 2)])
def test_every_pixel_comes_once_a_call_with_its_own_column_and_label(
    split: Split, kept: int, passes: int, monkeypatch: Any
) -> None:
    """All at once or in portions; if all are kept, the network sees the images once."""
    monkeypatch.setattr(pixels_module, "KEPT_BYTES", kept)
    monkeypatch.setattr(pixels_module, "BATCH", 4)
    pixels = draw_pixels(split.masks, 3, np.random.default_rng(0))
    seen: list[int] = []

    def columns(images: Tensor, positions: Sequence[Tensor]) -> Tensor:
        seen.append(len(images))
        pairs = zip(images, positions, strict=True)
        return torch.cat([image.flatten()[at][:, None] for image, at in pairs])

    batches = pixel_batches(split, pixels, columns, 1, np.random.default_rng(0), CPU)
    expected = sorted((image * 64 + place, label) for image, place, label in listed(pixels))
    orders = []
    for _ in range(2):
        found = [
            (round(column), label)
            for columns, labels in batches()
            for column, label in zip(columns[:, 0].tolist(), labels.tolist(), strict=True)
        ]
        assert sorted(found) == expected
        orders.append(found)
    assert orders[0] != orders[1]
    assert sum(seen) == 5 * passes
