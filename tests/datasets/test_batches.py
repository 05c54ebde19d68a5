from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from datasets import Prepared, Split, open_split
from datasets.batches import Batch, batches
from datasets.boxes import mask_to_boxes


def zip_images(batch: Batch) -> list[tuple[str, torch.Tensor]]:
    return list(zip(batch.names, batch.images, strict=True))


@pytest.fixture
def train(prepare_rgb: Callable[..., Prepared], hub_root: Path) -> Split:
    return open_split(prepare_rgb(hub_root), "train")


def test_in_order_nothing_is_left_out(train: Split) -> None:
    found = list(batches(train, 11))
    assert [len(batch.names) for batch in found] == [11, 1]
    assert tuple(name for batch in found for name in batch.names) == train.names
    assert [len(boxes) for batch in found for boxes in batch.boxes] == list(np.diff(train.offsets))


def test_training_pixels_are_standardised(train: Split) -> None:
    (batch,) = batches(train, 12)
    assert batch.images.dtype == torch.float32
    std, mean = torch.std_mean(batch.images, dim=(0, 2, 3))
    torch.testing.assert_close(mean, torch.zeros(3), atol=1e-4, rtol=0)
    torch.testing.assert_close(std, torch.ones(3), atol=1e-3, rtol=0)


@pytest.mark.parametrize(("size", "expected"), [(11, [11]), (5, [5, 5, 2]), (1, [1] * 12)])
def test_shuffled_a_last_batch_of_one_is_left_out(
    train: Split, size: int, expected: list[int]
) -> None:
    found = list(batches(train, size, rng=np.random.default_rng(0)))
    names = [name for batch in found for name in batch.names]
    assert [len(batch.names) for batch in found] == expected
    assert len(set(names)) == len(names) and names != sorted(names, key=train.names.index)


def test_augmented_boxes_lie_on_augmented_masks(train: Split) -> None:
    rng = np.random.default_rng(0)
    plain = {name: image for batch in batches(train, 4) for name, image in zip_images(batch)}
    turned = 0
    for batch in batches(train, 4, rng=rng, augment=True):
        for index, (name, image) in enumerate(zip_images(batch)):
            boxes, labels = mask_to_boxes(batch.masks[index].numpy(), 4)
            assert sorted(batch.boxes[index].tolist()) == sorted(boxes.tolist())
            assert batch.labels[index].tolist() == labels.tolist()
            turned += not torch.equal(image, plain[name])
            assert image.sum().item() == pytest.approx(plain[name].sum().item(), abs=0.1)
    assert turned >= 6


def test_the_same_seed_gives_the_same_batches(train: Split) -> None:
    first, second = (
        list(batches(train, 4, rng=np.random.default_rng(5), augment=True)) for _ in range(2)
    )
    for one, other in zip(first, second, strict=True):
        assert one.names == other.names
        torch.testing.assert_close(one.images, other.images, rtol=0, atol=0)


def test_augmentation_needs_a_seed(train: Split) -> None:
    with pytest.raises(ValueError, match="rng"):
        next(batches(train, 4, augment=True))


def test_what_is_drawn_while_a_batch_is_worked_on_changes_no_other(train: Split) -> None:
    """A thread is one batch ahead: it may not share what is drawn with who augments batches."""
    undisturbed = list(batches(train, 4, rng=np.random.default_rng(5), augment=True))
    rng, found = np.random.default_rng(5), []
    for batch in batches(train, 4, rng=rng, augment=True):
        rng.uniform(size=7)
        found.append(batch)
    for one, other in zip(found, undisturbed, strict=True):
        assert one.names == other.names
        assert torch.equal(one.images, other.images)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_any_stored_type_is_stretched_and_standardised_as_float32(
    train: Split, dtype: type[np.generic]
) -> None:
    drawn = np.random.default_rng(0).integers(0, 255, train.images.shape).astype(dtype)
    low, high = np.float32([[10, 20, 30], [100, 200, 250]])
    split = replace(train, images=drawn, stretch=np.stack([low, high]))
    (batch,) = batches(split, len(split))
    of_channel = np.s_[:, None, None]
    for stored, image in zip(drawn, batch.images, strict=True):
        shown = (stored.astype(np.float32) - low[of_channel]) / (high - low)[of_channel]
        expected = (shown.clip(0, 1) - split.mean[of_channel]) / split.std[of_channel]
        torch.testing.assert_close(image, torch.from_numpy(expected), rtol=0, atol=0)
    assert drawn.dtype == dtype and np.array_equal(split.images, drawn)
