"""The loop that the stages of pretraining share: optimiser, schedule, clipping, epochs."""

import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_

from models.backbones import Backbone
from models.optimisation import make_optimizer, warmup_and_decay

Batch = TypeVar("Batch")


class PretrainingDivergedError(ArithmeticError):
    """A stage's loss or gradient is not finite any more; its weights are not to be kept."""


@dataclass(frozen=True)
class Recipe:
    """How a stage is trained: AdamW, a linear warm-up, half a cosine.

    Attributes:
        epochs: number of passes over the images.
        steps_per_epoch: number of batches in each, for the schedule.
        lr: highest learning rate.
        weight_decay: of all but norms and biases.
        warmup: share of all steps in which the rate rises.
        clip: largest norm of the gradient.
        seed: of masks, new layers, dropout. The order of batches is the caller's.
    """

    epochs: int
    steps_per_epoch: int
    lr: float
    weight_decay: float = 0.05
    warmup: float = 0.1
    clip: float = 1.0
    seed: int = 0


def run_epochs(
    module: nn.Module,
    batches: Callable[[], Iterable[Batch]],
    losses: Callable[[Batch], dict[str, Tensor]],
    recipe: Recipe,
    device: torch.device,
) -> Iterator[dict[str, float]]:
    """Train `module` in place; yields {"epoch", "loss", …, "seconds"} after each epoch.

    Args:
        module: holds all that is trained; is moved to `device`, and left there in training mode.
        batches: gives the batches of one epoch.
        losses: scalars of one batch by name; "loss" is descended, and all are averaged over the
            epoch's batches.
        recipe: see there.
        device: on CUDA, `losses` runs in bfloat16 where autocast does so.

    Raises:
        PretrainingDivergedError: a loss or a gradient was not finite in an epoch.
        ValueError: an epoch had no batches.
    """
    module.to(device).train()
    steps = recipe.epochs * recipe.steps_per_epoch
    optimizer = make_optimizer(module, "adamw", recipe.lr, recipe.weight_decay)
    schedule = warmup_and_decay(optimizer, int(recipe.warmup * steps), steps)
    for epoch in range(1, recipe.epochs + 1):
        start = time.perf_counter()
        # Both stay on the device until the epoch is over: reading makes it wait.
        history: list[dict[str, Tensor]] = []
        norms: list[Tensor] = []
        for batch in batches():
            with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
                terms = losses(batch)
            optimizer.zero_grad(set_to_none=True)
            terms["loss"].backward()
            norms.append(clip_grad_norm_(module.parameters(), recipe.clip))
            optimizer.step()
            schedule.step()
            history.append({name: term.detach() for name, term in terms.items()})
        if not history:
            raise ValueError("there are no images to pretrain on")
        means = {
            name: float(torch.stack([terms[name] for terms in history]).mean())
            for name in history[0]
        }
        if not (math.isfinite(means["loss"]) and torch.stack(norms).isfinite().all()):
            raise PretrainingDivergedError(
                f"the loss ({means['loss']}) or its gradient is not finite in epoch {epoch}; "
                f"lower the stage's lr ({recipe.lr})"
            )
        yield {"epoch": epoch, **means, "seconds": time.perf_counter() - start}


def deepest_map(backbone: Backbone, images: Tensor) -> Tensor:
    """The network's own last map, [B, C, H, W], without the pyramid that a plain ViT carries."""
    return backbone.body(images)[backbone.levels[-1]]


def deepest_stride(backbone: Backbone) -> int:
    """Pixels of the image that one cell of `deepest_map` spans."""
    body: Any = backbone.body
    return body.feature_info.reduction()[backbone.levels[-1]]
