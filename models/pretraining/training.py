"""The loop that the stages of pretraining share: optimiser, schedule, clipping, epochs."""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_

from models.backbones import Backbone
from models.gpu import autocast
from models.optimisation import make_optimizer, restore, training_state, warmup_and_decay
from runs.errors import EosweepError

Batch = TypeVar("Batch")


class PretrainingDivergedError(EosweepError):
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


class StageEpoch(NamedTuple):
    """One epoch of a stage.

    Attributes:
        numbers: "epoch" (from 1), "loss" and its parts, "seconds".
        state: everything that is needed to go on after it, tensors and plain values only.
    """

    numbers: dict[str, float]
    state: Callable[[], dict[str, Any]]


def run_epochs(
    module: nn.Module,
    batches: Callable[[int], Iterable[Batch]],
    losses: Callable[[Batch], dict[str, Tensor]],
    recipe: Recipe,
    device: torch.device,
    resume: Mapping[str, Any] | None = None,
) -> Iterator[StageEpoch]:
    """Train `module` in place; yields after each epoch.

    Every epoch seeds torch from (seed, epoch): going on from `resume`, an earlier epoch's
    `state()`, gives what an uncut stage gives.

    Args:
        module: holds all that is trained; is moved to `device`, and left there in training mode.
        batches: gives the batches of an epoch by its number; the same ones whenever asked.
        losses: scalars of one batch by name; "loss" is descended, and all are averaged over the
            epoch's batches.
        recipe: see there.
        device: `losses` runs there in the type of `models.gpu.autocast`.

    Raises:
        PretrainingDivergedError: a loss or a gradient was not finite in an epoch.
        ValueError: an epoch had no batches.
    """
    module.to(device).train()
    steps = recipe.epochs * recipe.steps_per_epoch
    optimizer = make_optimizer(module, "adamw", recipe.lr, recipe.weight_decay)
    schedule = warmup_and_decay(optimizer, int(recipe.warmup * steps), steps)
    done = 0 if resume is None else restore(resume, module, optimizer, schedule)
    for epoch in range(done + 1, recipe.epochs + 1):
        start = time.perf_counter()
        torch.manual_seed(int(np.random.default_rng([recipe.seed, epoch]).integers(2**31)))
        history: list[dict[str, Tensor]] = []
        for batch in batches(epoch):
            with autocast(device):
                terms = losses(batch)
            optimizer.zero_grad(set_to_none=True)
            terms["loss"].backward()
            norm = clip_grad_norm_(module.parameters(), recipe.clip)
            optimizer.step()
            schedule.step()
            # All stays on the device until the epoch is over: reading makes it wait.
            history.append({name: term.detach() for name, term in terms.items()} | {"norm": norm})
        means = _means(history)
        if not (math.isfinite(means["loss"]) and math.isfinite(means.pop("norm"))):
            raise PretrainingDivergedError(
                f"the loss ({means['loss']}) or its gradient is not finite in epoch {epoch}; "
                f"lower the stage's lr ({recipe.lr})"
            )
        numbers = {"epoch": epoch, **means, "seconds": time.perf_counter() - start}
        yield StageEpoch(numbers, partial(training_state, epoch, module, optimizer, schedule))


def _means(history: list[dict[str, Tensor]]) -> dict[str, float]:
    if not history:
        raise ValueError("there are no images to pretrain on")
    return {
        name: float(torch.stack([terms[name] for terms in history]).mean()) for name in history[0]
    }


def deepest_map(backbone: Backbone, images: Tensor) -> Tensor:
    """The network's own last map, [B, C, H, W], without the pyramid that a plain ViT carries."""
    return backbone.body(images)[backbone.levels[-1]]


def deepest_stride(backbone: Backbone) -> int:
    """Pixels of the image that one cell of `deepest_map` spans."""
    return backbone.reductions[backbone.levels[-1]]
