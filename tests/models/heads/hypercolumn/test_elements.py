"""The hypercolumn head over superpixels: what it classifies, learns from, and cannot do."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import default_collate

from datasets.batches import batch_of
from datasets.source import IGNORE
from models.backbones import Backbone
from models.flops import epoch_cost
from models.heads import HEADS
from models.heads.hypercolumn import network
from models.heads.hypercolumn.elements import SuperpixelExportError, SuperpixelHypercolumn
from models.heads.hypercolumn.network import Hypercolumn
from models.heads.hypercolumn.superpixels import find_superpixels
from tests.models.heads.hypercolumn.test_network import (
    CLASSES,
    CPU,
    backbone,
    intersection_over_union,
    stacked,
    towns,
)

HEAD = HEADS["segmentation"]["hypercolumn"]
ABOUT = 60


@pytest.fixture(autouse=True)
def _quick(monkeypatch: Any) -> None:
    torch.set_num_threads(1)
    monkeypatch.setattr(network, "HIDDEN", 16)


def head(**options: Any) -> Hypercolumn:
    torch.manual_seed(0)
    settings = {"pixels": "superpixels", "superpixels": ABOUT, **options}
    model = HEAD.build(backbone("vgg11"), CLASSES, HEAD.options(**settings))
    assert isinstance(model, Hypercolumn)
    return model


def test_pixels_choose_the_network() -> None:
    """With the same weights, so that a run of the one can be loaded into the other."""
    models = [head(pixels=pixels) for pixels in ("random", "superpixels")]
    assert [type(model) for model in models] == [Hypercolumn, SuperpixelHypercolumn]
    assert models[0].state_dict().keys() == models[1].state_dict().keys()


def test_a_superpixel_has_the_output_of_its_mean_hypercolumn() -> None:
    model = head().eval()
    model.mean.uniform_(-1, 1)
    model.std.uniform_(0.5, 2)
    images = torch.from_numpy(towns(2, 0).images)
    outputs = model.outputs(images)
    assert outputs.shape == (2, 1, 32, 32)
    columns = (stacked(model.zoom_out(images)) - model.mean) / model.std
    for image, found, column in zip(images, outputs, columns, strict=True):
        superpixels = find_superpixels(image, ABOUT)
        for one in superpixels.unique():
            inside = superpixels == one
            expected = model.classifier(column[inside].mean(dim=0))
            torch.testing.assert_close(found[0][inside], expected.expand(int(inside.sum())))


def test_superpixels_teach_the_network() -> None:
    model, held_out = head(pixels_per_class=20, pixel_epochs=30, pixel_lr=3e-3), towns(4, 1)
    model.before_training(towns(12, 0), 0, CPU)
    assert intersection_over_union(model, held_out) > 0.5


def test_a_loss_is_of_the_class_of_most_pixels() -> None:
    """A few wrong pixels change nothing; nor do those without data, unless there are no others."""
    model, batch = head().eval(), batch_of(towns(2, 0), np.arange(2))
    superpixels = [find_superpixels(image, ABOUT) for image in batch.images]
    pure, losses = batch.masks.clone(), []
    for mask, ids in zip(pure, superpixels, strict=True):
        mask[:] = (ids % 2).to(torch.uint8)
    ignored = pure.where(default_collate(superpixels) != 3, torch.tensor(IGNORE).byte())
    for wrong in (0, 1 - (3 % 2), IGNORE):
        masks = pure.clone()
        for mask, ids in zip(masks, superpixels, strict=True):
            mask.view(-1)[(ids.flatten() == 3).nonzero()[0]] = wrong
        losses.append(model.losses(replace(batch, masks=masks))["cross_entropy"])
    assert losses[0] == losses[1] == losses[2]
    assert model.losses(replace(batch, masks=ignored))["cross_entropy"] != losses[0]


def test_superpixels_without_a_labelled_pixel_are_not_drawn() -> None:
    training = towns(2, 0)
    training.masks[0] = IGNORE
    first, second = head().labels(training)
    assert set(first.tolist()) == {IGNORE}
    assert set(second.tolist()) <= {0, 1}


def test_its_cost_is_that_of_its_superpixels() -> None:
    """Counted without a value, so that none are looked for."""
    costs = []
    for about in (ABOUT, 2 * ABOUT, 3 * ABOUT):
        options = HEAD.options(pixels="superpixels", superpixels=about)
        with torch.device("meta"):
            model = HEAD.build(Backbone("vgg11", 3, 32), CLASSES, options)
        costs.append(epoch_cost(model, (10**5, 100), frozen=True))
    assert costs[2] - costs[1] == pytest.approx(costs[1] - costs[0], rel=1e-3)
    assert costs[1] > costs[0]


def test_it_refuses_to_be_traced() -> None:
    """A trace would hold the superpixels of the image that it was made with."""
    model = head().eval()
    model.forward = model.outputs  # type: ignore[method-assign]
    with pytest.raises(SuperpixelExportError, match=r"pixels: superpixels cannot be exported"):
        torch.jit.trace(model, torch.zeros(1, 3, 32, 32))
