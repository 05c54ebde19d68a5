"""What every operation of augmentation must do, and what each of them does."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from datasets.augment import OPERATIONS, PREFIX, PRESETS
from datasets.augment.augmentation import Augmentation, augmentation_of
from datasets.augment.changed import LEAST_LEFT
from datasets.augment.cutout import cut
from datasets.augment.scale import zoomed
from datasets.batches import Batch
from datasets.source import IGNORE

SIDE = 32
AT = torch.arange(SIDE) + 0.5
"""Middles of pixels."""

EVERY_OPERATION = pytest.mark.parametrize("name", OPERATIONS)
strength = st.floats(0.01, 1)


def batch_of(bands: int = 3, *, holes: bool = False, count: int = 4) -> Batch:
    """Images of noise with an object each, which a mask and a box show."""
    drawn = torch.Generator().manual_seed(bands)
    images = torch.randn(count, bands, SIDE, SIDE, generator=drawn)
    masks = torch.zeros(count, SIDE, SIDE, dtype=torch.uint8)
    masks[:, 4:20, 8:16] = 2
    valid = None
    if holes:
        valid = torch.ones(count, SIDE, SIDE, dtype=torch.bool)
        valid[:, 24:] = False
        images[:, :, 24:], masks[:, 24:] = 0, IGNORE
    return Batch(
        images=images,
        masks=masks,
        boxes=[torch.tensor([[8.0, 4, 16, 20]])] * count,
        labels=[torch.tensor([2])] * count,
        names=[str(number) for number in range(count)],
        sizes=np.full((count, 2), SIDE),
        footprints=None,
        valid=valid,
    )


def applied(batch: Batch, seed: int = 0, **strengths: float) -> Batch:
    augmentation = Augmentation(symmetries=False, strengths=strengths)
    return augmentation.apply(batch, np.random.default_rng(seed))


def tensors(batch: Batch) -> list[Tensor]:
    valid = [] if batch.valid is None else [batch.valid]
    return [batch.images, batch.masks, *batch.boxes, *batch.labels, *valid]


def alike(one: Batch, other: Batch) -> bool:
    pairs = zip(tensors(one), tensors(other), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


@EVERY_OPERATION
@pytest.mark.parametrize("bands", [1, 3, 13])
@pytest.mark.parametrize("holes", [False, True])
def test_the_parts_of_a_batch_stay_in_step(name: str, bands: int, holes: bool) -> None:
    batch = batch_of(bands, holes=holes)
    before = [part.clone() for part in tensors(batch)]
    after = applied(batch, **{name: OPERATIONS[name].most})
    assert all(torch.equal(a, b) for a, b in zip(tensors(batch), before, strict=True))
    assert after.images.shape == batch.images.shape and after.images.dtype == torch.float32
    assert after.masks.shape == batch.masks.shape and after.masks.dtype == torch.uint8
    assert not torch.equal(after.images, batch.images)
    if after.valid is not None:
        assert after.images.movedim(1, -1)[~after.valid].eq(0).all()
        assert after.masks[~after.valid].eq(IGNORE).all()
    elif holes:
        pytest.fail("the holes were lost")
    for boxes, labels in zip(after.boxes, after.labels, strict=True):
        assert len(boxes) == len(labels)
        assert ((boxes >= 0) & (boxes <= SIDE)).all()


@EVERY_OPERATION
def test_a_seed_repeats_and_another_does_not(name: str) -> None:
    strengths = {name: OPERATIONS[name].most}
    first, again, other = (applied(batch_of(), seed, **strengths) for seed in (0, 0, 1))
    assert alike(first, again)
    assert not torch.equal(first.images, other.images)


@EVERY_OPERATION
def test_no_strength_is_no_change_and_little_is_little(name: str) -> None:
    batch = batch_of()
    assert applied(batch, **{name: 0.0}) is batch
    little = applied(batch, **{name: 1e-5})
    torch.testing.assert_close(little.images, batch.images, atol=1e-2, rtol=0)
    assert torch.equal(little.masks, batch.masks)
    assert all(map(len, little.boxes))


@given(st.floats(0.3, 3), st.floats(0, 1), st.floats(0, 1))
@settings(max_examples=40, deadline=None)
def test_what_is_zoomed_is_found_where_it_was(factor: float, right: float, down: float) -> None:
    """Bands that hold the place of each pixel say, after the zoom, where it was."""
    batch = batch_of(2, count=1)
    batch.images[0] = torch.stack(torch.meshgrid(AT, AT, indexing="xy"))
    x, y = (share * (SIDE - SIDE / factor) for share in (right, down))
    after = zoomed(batch, torch.tensor([factor]), torch.tensor([[x, y]]))
    assert after.valid is not None
    was = torch.stack(torch.meshgrid(x + AT / factor, y + AT / factor, indexing="xy"))
    seen = after.valid[0]
    surely = ((was > 1e-3) & (was < SIDE - 1e-3)).all(dim=0)
    beyond = ((was < -1e-3) | (was > SIDE + 1e-3)).any(dim=0)
    assert seen[surely].all() and not seen[beyond].any()
    expected = was.clamp(0.5, SIDE - 0.5)[:, seen]
    torch.testing.assert_close(after.images[0][:, seen], expected, atol=1e-3, rtol=0)
    near = (was - was.round()).abs().amin(dim=0) < 1e-3  # between two pixels, either may be taken
    column, row = was.floor().long().clamp(0, SIDE - 1)
    clear = seen & ~near
    assert torch.equal(after.masks[0][clear], batch.masks[0][row, column][clear])


@given(st.floats(0.3, 3), st.floats(0, 1), st.floats(0, 1))
@settings(max_examples=40, deadline=None)
def test_boxes_are_cut_off_as_the_mask_is(factor: float, right: float, down: float) -> None:
    batch = batch_of(1, count=1)
    corner = torch.tensor([[right, down]]) * (SIDE - SIDE / factor)
    after = zoomed(batch, torch.tensor([factor]), corner)
    found = (after.masks[0] == 2).nonzero().flip(1)
    left = len(found) / (factor**2 * 8 * 16)
    if abs(left - LEAST_LEFT) < 0.15:  # counting pixels cannot tell
        return
    assert len(after.boxes[0]) == len(after.labels[0]) == (left > LEAST_LEFT)
    for box in after.boxes[0]:
        drawn = torch.cat([found.amin(dim=0), found.amax(dim=0) + 1])
        assert (box - drawn).abs().max() <= 0.5 + 1e-3


@given(strength)
@settings(max_examples=20, deadline=None)
def test_ground_sampling_distances_are_within_the_range(most: float) -> None:
    batch = batch_of(1, count=8)
    batch.images[:] = AT
    after = applied(batch, scale=most)
    steps = after.images[:, 0, SIDE // 2, SIDE // 2] - after.images[:, 0, SIDE // 2, SIDE // 2 - 1]
    assert (steps <= 1 + most + 1e-4).all() and (steps >= 1 / (1 + most) - 1e-4).all()


def test_a_cut_square_is_empty_and_hides_boxes() -> None:
    batch = replace(
        batch_of(count=1),
        boxes=[torch.tensor([[8.0, 4, 16, 20], [0, 0, 32, 32], [9, 5, 12, 9]])],
        labels=[torch.tensor([2, 1, 1])],
    )
    after = cut(batch, torch.tensor([[8, 4, 16, 14]]))
    hole = torch.zeros(SIDE, SIDE, dtype=torch.bool)
    hole[4:14, 8:16] = True
    assert after.valid is not None and torch.equal(~after.valid[0], hole)
    assert torch.equal(after.images[0][:, ~hole], batch.images[0][:, ~hole])
    assert after.boxes[0].tolist() == [[8, 4, 16, 20], [0, 0, 32, 32]]
    assert after.labels[0].tolist() == [2, 1]
    assert cut(batch, torch.tensor([[8, 4, 16, 17]])).labels[0].tolist() == [1]


@pytest.mark.parametrize(("name", "alone"), [("gain", False), ("band_gain", True)])
def test_gain_is_of_all_bands_or_of_each(name: str, alone: bool) -> None:
    batch = batch_of(5)
    before, after = batch.images, applied(batch, **{name: 0.2}).images
    factors = (after[..., 0, 0] - after[..., 1, 1]) / (before[..., 0, 0] - before[..., 1, 1])
    shifts = after[..., 0, 0] - factors * before[..., 0, 0]
    for drawn, around in ((factors, 1), (shifts, 0)):
        assert (drawn - around).abs().max() <= 0.2 + 1e-4
        assert (drawn.std(dim=1) > 1e-3).all() == alone


def test_blur_and_noise_do_what_they_say() -> None:
    batch = batch_of(count=8)
    variances = applied(batch, blur=2).images.var(dim=(1, 2, 3))
    assert variances.max() < 1.1 and variances.min() < 0.1
    constant = replace(batch, images=torch.ones_like(batch.images))
    torch.testing.assert_close(applied(constant, blur=2).images, constant.images)
    noise = (applied(batch, noise=0.5).images - batch.images).std(dim=(1, 2, 3))
    assert (noise < 0.52).all() and noise.max() > 0.2 and noise.std() > 0.01


@pytest.mark.parametrize("level", PRESETS)
def test_a_level_is_what_its_table_says(level: Any) -> None:
    strengths = PRESETS[level]
    assert augmentation_of({"augment": level}) == Augmentation(level != "none", strengths)
    assert all(0 < strengths[name] <= OPERATIONS[name].most for name in strengths)
    named = augmentation_of({"augment": level, f"{PREFIX}scale": 0, f"{PREFIX}noise": 0.7})
    assert named.strengths == {**strengths, "scale": 0, "noise": 0.7}


@pytest.mark.parametrize(("old", "level"), [(True, "flips"), (False, "none")])
def test_older_configurations_say_true_or_false(old: bool, level: str) -> None:
    assert augmentation_of({"augment": old}) == augmentation_of({"augment": level})
