import pytest
from torch import nn

from models.optimisation import make_optimizer, warmup_and_decay


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
