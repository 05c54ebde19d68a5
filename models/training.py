"""The training loop: a generator that yields one epoch at a time.

The caller decides what follows from an epoch (a report, a checkpoint), and may stop at any of them.
"""

import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from datasets.batches import batch_count, batch_of, batches
from datasets.cache import Split
from models.metrics.scored import Keep, Scored
from models.model import Model
from models.optimisation import (
    Decay,
    OptimizerName,
    make_optimizer,
    restore,
    training_state,
    warmup_and_decay,
)
from models.tasks.task import Task

LATENCY_RUNS = 5


@dataclass(frozen=True)
class Recipe:
    """How a model is trained.

    Attributes:
        epochs: 0 scores the model as it is, as epoch 0.
        lr: the highest learning rate, reached after `warmup_epochs`.
        lr_decay: how it falls from there, see `warmup_and_decay`.
        frozen: the backbone's network is left as it is, its batch statistics included.
        clip_norm: the gradient's norm is clipped to this.
        augment: rotate and flip training images at random.
        loss_weights: a factor for each loss term by name; 1 for a term that is not named.
        seed: shuffling, augmentation and the regions that are sampled.
    """

    epochs: int
    lr: float
    lr_decay: Decay
    frozen: bool
    batch_size: int
    optimizer: OptimizerName
    weight_decay: float
    warmup_epochs: float
    clip_norm: float
    augment: bool
    loss_weights: Mapping[str, float]
    seed: int


@dataclass(frozen=True)
class Epoch:
    """One epoch's outcome.

    Attributes:
        number: from 1.
        metrics: the task's metrics on validation, `loss` and `loss/<term>` (unweighted means over
            the epoch's batches), `lr` at its end, `seconds`. Of a diverged epoch only `seconds`.
        diverged: a loss or a gradient was not finite; the epoch was stopped and is the last.
        state: everything that is needed to resume after this epoch, tensors and plain values only.
    """

    number: int
    metrics: dict[str, float]
    diverged: bool
    state: Callable[[], dict[str, Any]]


class _DivergedError(ArithmeticError):
    pass


def train(
    model: Model,
    task: Task,
    training: Split,
    validation: Split,
    recipe: Recipe,
    device: torch.device,
    resume: Mapping[str, Any] | None = None,
) -> Iterator[Epoch]:
    """Train `model` in place; yield each epoch once it is evaluated on `validation`.

    Every epoch seeds itself from (seed, epoch): a training that continues from `resume`, the
    `state()` of an earlier epoch, gives what an uninterrupted one gives.
    """
    start = time.perf_counter()
    model.to(device)
    if recipe.epochs == 0:
        metrics = score(model, task, validation, recipe.batch_size, device).metrics
        metrics |= {"seconds": time.perf_counter() - start}
        yield Epoch(0, metrics, diverged=False, state=lambda: {"epoch": 0})
        return
    if resume is None:
        model.before_training(training, recipe.seed, device)
    if recipe.frozen:
        model.backbone.network.requires_grad_(False)
    steps = batch_count(training, recipe.batch_size)
    optimizer = make_optimizer(model, recipe.optimizer, recipe.lr, recipe.weight_decay)
    warmup_steps = min(round(recipe.warmup_epochs * steps), steps * recipe.epochs - 1)
    schedule = warmup_and_decay(optimizer, warmup_steps, steps * recipe.epochs, recipe.lr_decay)
    done = 0 if resume is None else restore(resume, model, optimizer, schedule)
    for number in range(done + 1, recipe.epochs + 1):
        state = partial(training_state, number, model, optimizer, schedule)
        try:
            metrics = _train_epoch(model, training, recipe, number, optimizer, schedule, device)
        except _DivergedError:
            seconds = {"seconds": time.perf_counter() - start}
            yield Epoch(number, seconds, diverged=True, state=state)
            return
        metrics |= score(model, task, validation, recipe.batch_size, device).metrics
        metrics |= {"lr": float(schedule.get_last_lr()[0]), "seconds": time.perf_counter() - start}
        yield Epoch(number, metrics, diverged=False, state=state)
        start = time.perf_counter()


def score(
    model: Model,
    task: Task,
    split: Split,
    batch_size: int,
    device: torch.device,
    keep: Keep | None = None,
) -> Scored:
    """Score `model`, which is on `device`, over all of `split` together.

    `keep` is given the names of each batch's images and what was found in them.
    """
    with _autocast(device):
        return task.evaluate(model, batches(split, batch_size), device, split.classes, keep)


def latency(model: Model, split: Split, device: torch.device) -> float:
    """Median time in ms that `model`, which is on `device`, takes for one image of `split`."""
    model.eval()
    image = batch_of(split, np.zeros(1, dtype=np.int64)).images.to(device)
    times = []
    for _ in range(LATENCY_RUNS + 1):  # the first warms up
        start = time.perf_counter()
        with _autocast(device):
            model.predict(image)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times[1:])


def _train_epoch(
    model: Model,
    training: Split,
    recipe: Recipe,
    number: int,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    device: torch.device,
) -> dict[str, float]:
    """One pass over the training split → mean of each loss term.

    Raises:
        _DivergedError: a loss or the gradient's norm is not finite; the weights are as before it.
    """
    model.train()
    if recipe.frozen:
        model.backbone.network.eval()
    rng = np.random.default_rng([recipe.seed, number])
    torch.manual_seed(int(rng.integers(2**31)))
    sums: dict[str, Tensor] = defaultdict(lambda: torch.zeros((), device=device))
    data = batches(training, recipe.batch_size, rng=rng, augment=recipe.augment)
    for batch in data:
        with _autocast(device):
            terms = model.losses(batch.to(device))
        loss = sum(
            (recipe.loss_weights.get(name, 1.0) * term for name, term in terms.items()),
            start=torch.zeros((), device=device),
        )
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), recipe.clip_norm)
        if not torch.isfinite(loss + norm):
            raise _DivergedError
        optimizer.step()
        schedule.step()
        for name, value in {"loss": loss, **{f"loss/{n}": t for n, t in terms.items()}}.items():
            sums[name] += value.detach()
    steps = batch_count(training, recipe.batch_size)
    return {name: float(total) / steps for name, total in sums.items()}


def _autocast(device: torch.device) -> torch.autocast:
    """bf16 on a GPU: half the memory and time, and, unlike fp16, no loss scaling to go wrong."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda")
