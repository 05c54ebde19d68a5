"""The optimiser, its clipped steps, and the schedule."""

from copy import deepcopy

import pytest
import torch
from torch import nn
from torch.optim import SGD, AdamW

from models.optimisation import (
    SGD_MOMENTUM,
    OptimizerName,
    clipped_step,
    make_optimizer,
    warmup_and_decay,
)


def test_norms_and_biases_are_not_decayed():
    module = nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4))
    module[0].weight.requires_grad_(True)
    decayed, spared = make_optimizer(module, "adamw", lr=1e-3, weight_decay=0.1).param_groups
    assert decayed["weight_decay"] == 0.1 and spared["weight_decay"] == 0.0
    assert decayed["params"] == [module[0].weight]
    assert len(spared["params"]) == 3


def test_frozen_parameters_are_left_out():
    module = nn.Linear(2, 2)
    with pytest.raises(ValueError, match="trainable"):
        make_optimizer(module.requires_grad_(False), "sgd", lr=1e-3, weight_decay=0.1)


def test_the_rate_rises_then_falls_and_is_never_zero_within_the_steps():
    optimizer = make_optimizer(nn.Linear(2, 2), "sgd", lr=1.0, weight_decay=0.0)
    schedule = warmup_and_decay(optimizer, warmup_steps=3, total_steps=10)
    rates = []
    for _ in range(10):
        rates.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
    assert rates[:4] == [0.25, 0.5, 0.75, 1.0]
    assert rates[3:] == sorted(rates[3:], reverse=True) and min(rates) > 0


@pytest.mark.parametrize("name", ["adamw", "sgd"])
@pytest.mark.parametrize("clip_norm", [0.1, 1e3])
def test_clipped_steps_are_those_of_plain_torch(name: OptimizerName, clip_norm: float) -> None:
    torch.manual_seed(0)
    ours = nn.Sequential(nn.Linear(4, 5), nn.Linear(5, 3))
    theirs = deepcopy(ours)
    first = make_optimizer(ours, name, 0.1, 0.05)
    groups = [{**group, "params": []} for group in first.param_groups]
    for group, part in zip(groups, ("weight", "bias"), strict=True):
        group["params"] = [one for name, one in theirs.named_parameters() if part in name]
        group["fused"] = False
    plain = AdamW(groups) if name == "adamw" else SGD(groups, momentum=SGD_MOMENTUM)
    for _ in range(3):
        images = torch.randn(6, 4)
        for model, optimizer in ((ours, first), (theirs, plain)):
            optimizer.zero_grad()
            model(images).square().sum().backward()
        assert not clipped_step(first, clip_norm, torch.zeros(()))
        nn.utils.clip_grad_norm_(theirs.parameters(), clip_norm)
        plain.step()
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("name", ["adamw", "sgd"])
@pytest.mark.parametrize(("spoiled", "lost"), [(float("nan"), 0.0), (1.0, 1.0)])
def test_a_step_that_is_not_finite_changes_nothing(
    name: OptimizerName, spoiled: float, lost: float
) -> None:
    model = nn.Linear(2, 2)
    optimizer = make_optimizer(model, name, 0.1, 0.05)
    model(torch.ones(1, 2)).sum().backward()
    clipped_step(optimizer, 1.0, torch.zeros(()))
    before = deepcopy((model.state_dict(), optimizer.state_dict()["state"]))
    (spoiled * model(torch.ones(1, 2)).sum()).backward()
    assert clipped_step(optimizer, 1.0, torch.tensor(lost))
    torch.testing.assert_close((model.state_dict(), optimizer.state_dict()["state"]), before)
