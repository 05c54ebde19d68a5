"""Rates by layer, frozen first epochs, averaged weights, accumulated gradients: each does its work.

And each is resumed: a training that was cut in its middle gives what an uninterrupted one gives.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim.optimizer import register_optimizer_step_post_hook

from datasets import Split
from models.backbones import Backbone
from models.fine_tuning import NoLayersError, rate_factors
from models.heads.options import SegmenterOptions
from models.heads.segmenters import FPN
from models.model import Classes
from models.optimisation import make_optimizer
from models.tasks import TASKS
from models.training import Epoch, Recipe, score, train
from tests.models.recipes import PLAIN, RECIPE, made_split

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def splits() -> tuple[Split, Split]:
    """22 images to train on, which are no multiple of a batch, and some to validate on."""
    return made_split(22, seed=0), made_split(4, seed=1)


def segmenter(backbone: str = "test_resnet") -> FPN:
    torch.manual_seed(0)
    classes = Classes(("landslide",), (900, 100), (1000, 1000))
    return FPN(Backbone(backbone, 3, 32), classes, SegmenterOptions())


def epochs_of(
    model: FPN, splits: tuple[Split, Split], recipe: Recipe, **options: Any
) -> Iterator[Epoch]:
    return train(model, TASKS["segmentation"], *splits, recipe, CPU, **options)


def network_of(model: FPN) -> dict[str, Tensor]:
    """A copy of the weights and statistics of its backbone's network."""
    return {name: one.clone() for name, one in model.backbone.network.state_dict().items()}


def same(some: dict[str, Tensor], others: dict[str, Tensor]) -> bool:
    return all(torch.equal(one, others[name]) for name, one in some.items())


@pytest.mark.parametrize(
    "change",
    [
        {"backbone_lr": 0.1, "layer_decay": 0.5},
        {"freeze_epochs": 1},
        {"freeze_epochs": 2},
        {"ema": 0.9},
        {"batch_size": 4, "effective_batch": 8},
    ],
    ids=str,
)
def test_resumed_training_gives_what_an_uninterrupted_one_gives(
    splits: tuple[Split, Split], tmp_path: Path, change: dict[str, Any]
) -> None:
    recipe = replace(RECIPE, **change)
    whole = list(epochs_of(segmenter(), splits, recipe))
    torch.save(next(epochs_of(segmenter(), splits, recipe)).state(), tmp_path / "state.pt")
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    resumed = list(epochs_of(segmenter(), splits, recipe, resume=state))
    for epoch, other in zip(resumed, whole[1:], strict=True):
        numbers = {**epoch.metrics, "seconds": 0}
        assert numbers == {**other.metrics, "seconds": 0}
    assert same(resumed[-1].model.state_dict(), whole[-1].model.state_dict())


def test_rates_fall_from_the_last_layer_of_the_network_to_the_first() -> None:
    """Of a ViT: its blocks, then the patch embedding; pyramid and head have the rate itself."""
    model = segmenter("test_vit")
    factors = rate_factors(model.backbone, backbone_lr=0.5, layer_decay=0.8)
    optimizer = make_optimizer(model, "sgd", 0.1, 0.0, factors)
    rate = {one: group["lr"] for group in optimizer.param_groups for one in group["params"]}
    rates = {name: rate[one] for name, one in model.named_parameters()}
    network = "encoder.body.model."
    assert rates[f"{network}blocks.5.attn.qkv.weight"] == pytest.approx(0.05)
    assert rates[f"{network}blocks.4.norm1.bias"] == pytest.approx(0.05 * 0.8)
    assert rates[f"{network}blocks.0.attn.qkv.weight"] == pytest.approx(0.05 * 0.8**5)
    assert rates[f"{network}patch_embed.proj.weight"] == pytest.approx(0.05 * 0.8**6)
    others = {value for name, value in rates.items() if not name.startswith(network)}
    assert others == {0.1} == {optimizer.param_groups[0]["lr"]}


@pytest.mark.parametrize(
    ("name", "layers"), [("resnet18", 9), ("swin_tiny_patch4_window7_224", 13)]
)
def test_a_residual_block_and_a_swin_block_are_a_layer(name: str, layers: int) -> None:
    """Eight of ResNet-18, twelve of Swin-T; the stem is the layer before them."""
    with torch.device("meta"):
        backbone = Backbone(name, 3, 64)
    factors = rate_factors(backbone, 1.0, 0.5)
    assert sorted(set(factors.values())) == [0.5**k for k in reversed(range(layers))]


def test_a_network_that_names_no_layers_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    backbone = Backbone("test_resnet", 3, 32)
    monkeypatch.delattr(type(backbone.network), "group_matcher")
    assert set(rate_factors(backbone, 0.5, 1.0).values()) == {0.5}
    with pytest.raises(NoLayersError, match="test_resnet does not say what its layers are"):
        rate_factors(backbone, 1.0, 0.9)


def test_a_backbone_of_a_low_rate_hardly_moves(splits: tuple[Split, Split]) -> None:
    model = segmenter()
    before, head = dict(network_of(model)), model.head.weight.clone()
    epoch = next(epochs_of(model, splits, replace(RECIPE, backbone_lr=1e-9)))
    for name, weight in model.backbone.network.named_parameters():
        assert torch.allclose(weight, before[name], atol=1e-6), name
    assert (model.head.weight - head).abs().max() > 1e-3
    assert epoch.metrics["lr"] > 1e-3, "that of the head"


def test_the_backbone_is_frozen_at_first_and_trained_then(splits: tuple[Split, Split]) -> None:
    """Weights and batch statistics; Adam's moments of the network begin with its first step."""
    model = segmenter()
    before = network_of(model)
    recipe = replace(RECIPE, freeze_epochs=2, batch_size=11)
    epochs = epochs_of(model, splits, recipe)
    for _ in islice(epochs, 2):
        assert same(before, network_of(model))
    state = next(epochs).state()
    after = network_of(model)
    assert not any(torch.equal(before[name], one) for name, one in after.items() if one.ndim > 1)
    assert not torch.equal(before["bn1.running_mean"], after["bn1.running_mean"])
    steps = {float(one["step"]) for one in state["optimizer"]["state"].values()}
    assert steps == {2.0, 6.0}, "of 2 steps an epoch, in the last epoch and in all three"


def test_the_average_of_the_weights_is_scored_and_follows_every_step(
    splits: tuple[Split, Split],
) -> None:
    """Against the formula: the decay of step t is 1 - t ** (-2/3), but at most the one given."""
    model, seen = segmenter(), list[Tensor]()
    hook = register_optimizer_step_post_hook(lambda *_: seen.append(model.head.weight.clone()))
    try:
        first_one, last = islice(epochs_of(model, splits, replace(RECIPE, ema=0.5)), 2)
    finally:
        hook.remove()
    average = torch.zeros_like(seen[0])
    for step, weight in enumerate(seen, start=1):
        decay = min(0.5, 1 - step ** (-2 / 3))
        average = decay * average + (1 - decay) * weight
    found = last.model.state_dict()["head.weight"]
    assert torch.allclose(found, average, atol=1e-6)
    assert not torch.allclose(found, model.head.weight, atol=1e-4)
    again = score(last.model, TASKS["segmentation"], splits[1], 8, CPU).metrics
    assert {name: last.metrics[name] for name in again} == again
    assert len(seen) == 6 and first_one.model is last.model is not model


def test_two_batches_of_4_are_one_of_8(splits: tuple[Split, Split]) -> None:
    """Without batch norm and dropout; the last step has 6 images, in batches of 4 and 2."""

    def trained(**change: Any) -> tuple[FPN, Epoch]:
        model = segmenter("test_vit")
        for part in model.modules():
            if isinstance(part, nn.Dropout2d):
                part.p = 0.0
        recipe = replace(RECIPE, epochs=2, optimizer="sgd", augment=PLAIN, **change)
        return model, list(epochs_of(model, splits, recipe))[-1]

    model, epoch = trained()
    other, accumulated = trained(batch_size=4, effective_batch=8)
    for name, value in accumulated.metrics.items():
        if name != "seconds":
            assert value == pytest.approx(epoch.metrics[name], rel=1e-4), name
    for (name, one), two in zip(model.named_parameters(), other.parameters(), strict=True):
        assert torch.allclose(one, two, atol=1e-5), name
    small, _ = trained(batch_size=4)
    assert not torch.allclose(small.head.weight, model.head.weight, atol=1e-4)


def test_a_step_of_no_whole_number_of_batches_is_refused(splits: tuple[Split, Split]) -> None:
    with pytest.raises(ValueError, match="effective_batch 12 is no multiple of 8"):
        next(epochs_of(segmenter(), splits, replace(RECIPE, effective_batch=12)))
