"""The optimiser and the learning-rate schedule that every training loop here shares."""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.optim import SGD, AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR

OptimizerName = Literal["adamw", "sgd"]
Decay = Literal["cosine", "exponential", "none"]

SGD_MOMENTUM = 0.9
EXPONENTIAL_END = 0.01
CLIP_EPSILON = 1e-6
"""Added to the norm, as in `torch.nn.utils.clip_grad_norm_`."""
ONE_RATE: Mapping[nn.Parameter, float] = MappingProxyType({})


def make_optimizer(
    module: nn.Module,
    name: OptimizerName,
    lr: float,
    weight_decay: float,
    factors: Mapping[nn.Parameter, float] = ONE_RATE,
) -> Optimizer:
    """An optimiser over the trainable parameters of `module`.

    Parameters of one axis (norms, biases) are not decayed: to pull a scale or an offset towards
    zero regularises nothing.

    Args:
        factors: of `lr`, for parameters that have another rate. The first groups are of those that
            have `lr` itself.

    Raises:
        ValueError: nothing in `module` is trainable.
    """
    trainable = [parameter for parameter in module.parameters() if parameter.requires_grad]
    if not trainable:
        raise ValueError(f"no parameter of {type(module).__name__} is trainable")
    by_factor: dict[float, list[nn.Parameter]] = {1.0: []}
    for parameter in trainable:
        by_factor.setdefault(factors.get(parameter, 1.0), []).append(parameter)
    groups: list[dict[str, Any]] = []
    for factor, parameters in by_factor.items():
        decayed = [parameter for parameter in parameters if parameter.ndim > 1]
        others = [parameter for parameter in parameters if parameter.ndim <= 1]
        groups += [
            {"params": decayed, "lr": factor * lr, "weight_decay": weight_decay},
            {"params": others, "lr": factor * lr, "weight_decay": 0.0},
        ]
    match name:
        case "adamw":
            # fused: a single pass over the weights; unfused it takes a tenth of a CPU's step.
            return AdamW(groups, lr=lr, fused=True)
        case "sgd":
            sgd = SGD(groups, lr=lr, momentum=SGD_MOMENTUM, fused=True)
            _begin_momentum(sgd)
            return sgd


def _begin_momentum(sgd: SGD) -> None:
    """Momentum of 0 where there is none: fused, all parameters must begin in the same step."""
    for group in sgd.param_groups:
        for parameter in group["params"]:
            sgd.state[parameter].setdefault("momentum_buffer", torch.zeros_like(parameter))


def clipped_step(optimizer: Optimizer, clip_norm: float, lost: Tensor) -> Tensor:
    """Clip the gradient's norm and take a step, unless something is not finite.

    As `clip_grad_norm_` and a step, but in one pass over the gradients, and without waiting for the
    device: whether a step was left out is told by what is returned.

    Args:
        optimizer: from `make_optimizer`; the norm is of the gradients of all its parameters.
        lost: float32 scalar on the device, 1 if no step is to be taken, and else 0.

    Returns:
        `lost`, 1 also if the norm is not finite: no weight and no moment has changed then.
    """
    parameters = (one for group in optimizer.param_groups for one in group["params"])
    norm = nn.utils.get_total_norm([one.grad for one in parameters if one.grad is not None])
    lost = torch.maximum(lost, (~norm.isfinite()).float())
    fused: Any = optimizer  # its types do not tell of what gradients are divided by, and when not
    fused.grad_scale = ((norm + CLIP_EPSILON) / clip_norm).clamp(min=1)
    fused.found_inf = lost
    optimizer.step()
    return lost


def warmup_and_decay(
    optimizer: Optimizer, warmup_steps: int, total_steps: int, decay: Decay = "cosine"
) -> LambdaLR:
    """A schedule of all groups: linear rise over `warmup_steps`, then the decay.

    It is stepped once an optimiser step.

    cosine: half a cosine to 0 (Loshchilov & Hutter 2017); exponential: by the same factor each
    step, to a hundredth. The first step already has a rate above zero, and so has the last.

    Raises:
        ValueError: `warmup_steps` does not leave a step of the total to descend.
    """
    if not 0 <= warmup_steps < total_steps:
        raise ValueError(f"{warmup_steps} warm-up steps do not fit {total_steps} steps in all")

    def scale(step: int) -> float:
        if step < warmup_steps:
            return (step + 1) / (warmup_steps + 1)
        progress = min(1.0, (step - warmup_steps) / (total_steps - warmup_steps))
        match decay:
            case "cosine":
                return 0.5 * (1 + math.cos(math.pi * progress))
            case "exponential":
                return EXPONENTIAL_END**progress
            case "none":
                return 1.0

    return LambdaLR(optimizer, scale)


def training_state(
    epoch: int, module: nn.Module, optimizer: Optimizer, schedule: LambdaLR
) -> dict[str, Any]:
    """Everything that is needed to resume after an epoch, tensors and plain values only."""
    return {
        "epoch": epoch,
        "model": module.state_dict(),
        "optimizer": optimizer.state_dict(),
        "schedule": schedule.state_dict(),
    }


def restore(
    state: Mapping[str, Any], module: nn.Module, optimizer: Optimizer, schedule: LambdaLR
) -> int:
    """Restore everything as it was when `training_state` gave `state`; gives the epochs done."""
    module.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    if isinstance(optimizer, SGD):
        _begin_momentum(optimizer)
    schedule.load_state_dict(state["schedule"])
    return int(state["epoch"])
