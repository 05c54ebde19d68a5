"""The training loop: a generator that yields one epoch at a time.

The caller decides what follows from an epoch (a report, a checkpoint), and may stop at any of them.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import numpy as np
import torch
from timm.utils import ModelEmaV3
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from datasets.augment.augmentation import Augmentation
from datasets.batches import Batch, batch_count, batches
from datasets.cache import Split
from models.features import FeatureStore, Feed, feeding, unfed
from models.fine_tuning import rate_factors
from models.gpu import autocast
from models.metrics.scored import Keep, Scored
from models.model import Model
from models.optimisation import (
    Decay,
    OptimizerName,
    clipped_step,
    make_optimizer,
    restore,
    training_state,
    warmup_and_decay,
)
from models.tasks.task import Task


@dataclass(frozen=True)
class Recipe:
    """How a model is trained.

    Attributes:
        epochs: 0 scores the model as it is, as epoch 0.
        lr: the highest learning rate, reached after `warmup_epochs`.
        lr_decay: how it falls from there, see `warmup_and_decay`.
        frozen: the backbone's network is left as it is, its batch statistics included.
        batch_size: images that go through the model at once.
        clip_norm: the gradient's norm is clipped to this.
        augment: the random changes of training images.
        loss_weights: a factor for each loss term by name; 1 for a term that is not named.
        seed: shuffling, augmentation and the regions that are sampled.
        backbone_lr, layer_decay: see `rate_factors`.
        freeze_epochs: the backbone's network is left as it is for so many epochs, then trained. Its
            moments in the optimiser begin there; the schedule goes on.
        ema: see `average_of`; 0 for none.
        effective_batch: images of an optimiser step, a multiple of `batch_size`; None for one batch
            a step.
        keep_features: of a frozen network, see `models.features`.
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
    augment: Augmentation
    loss_weights: Mapping[str, float]
    seed: int
    backbone_lr: float = 1.0
    layer_decay: float = 1.0
    freeze_epochs: int = 0
    ema: float = 0.0
    effective_batch: int | None = None
    keep_features: bool = True

    def freezes(self, epoch: int) -> bool:
        """Whether the backbone's network is left as it is in an epoch, which count from 1."""
        return self.frozen or epoch <= self.freeze_epochs

    @property
    def changes_images(self) -> bool:
        """Whether a training image is another one in each epoch."""
        return self.augment.changes_images


@dataclass(frozen=True)
class Epoch:
    """One epoch's outcome.

    Attributes:
        number: from 1.
        metrics: the task's metrics on validation, `loss` and `loss/<term>` (means over the epoch's
            optimiser steps; of a step, over its images), `lr` at its end (of layers without a
            factor), `seconds`. Of a diverged epoch only `seconds`.
        diverged: a loss or a gradient was not finite; no step was taken from there on, and the
            epoch is the last.
        state: everything that is needed to resume after this epoch, tensors and plain values only.
        model: what was scored, and is to be saved: the model, or the average of its weights.
    """

    number: int
    metrics: dict[str, float]
    diverged: bool
    state: Callable[[], dict[str, Any]]
    model: Model


class _DivergedError(ArithmeticError):
    pass


def keeps_features(model: Model, recipe: Recipe) -> bool:
    """Whether the network gives the same for an image in every epoch, and this is to be kept."""
    same = recipe.epochs > 0 and recipe.frozen and not recipe.changes_images
    return same and recipe.keep_features and model.reads_maps


def average_of(model: Model, decay: float) -> ModelEmaV3:
    """A copy of `model` whose weights and statistics become moving averages of its own.

    The decay rises with the optimiser steps t as 1 - t ** (-2/3), up to `decay`: the average
    forgets the initial weights also in a short training, and before its first rung.
    """
    return ModelEmaV3(model, decay, use_warmup=True)


@dataclass(frozen=True, eq=False)
class _Trained:
    """What changes from step to step."""

    model: Model
    optimizer: Optimizer
    schedule: LambdaLR
    average: ModelEmaV3 | None

    @property
    def scored(self) -> Model:
        return self.model if self.average is None else cast(Model, self.average.module)

    def step(self, clip_norm: float, lost: Tensor) -> Tensor:
        lost = clipped_step(self.optimizer, clip_norm, lost)
        self.schedule.step()
        if self.average is not None:
            self.average.update(self.model, step=self.schedule.last_epoch)
        self.optimizer.zero_grad(set_to_none=True)
        return lost

    def state(self, epoch: int) -> dict[str, Any]:
        state = training_state(epoch, self.model, self.optimizer, self.schedule)
        return state | ({} if self.average is None else {"ema": self.scored.state_dict()})

    def restore(self, state: Mapping[str, Any]) -> int:
        if self.average is not None:
            self.scored.load_state_dict(state["ema"])
        return restore(state, self.model, self.optimizer, self.schedule)


def train(
    model: Model,
    task: Task,
    training: Split,
    validation: Split,
    recipe: Recipe,
    device: torch.device,
    resume: Mapping[str, Any] | None = None,
    *,
    whole_scenes: bool = False,
    features: FeatureStore | None = None,
) -> Iterator[Epoch]:
    """Train `model` in place; yield each epoch once it is evaluated on `validation`, see `score`.

    Every epoch seeds itself from (seed, epoch): a training that continues from `resume`, the
    `state()` of an earlier epoch, gives what an uninterrupted one gives.

    Args:
        features: where to keep what a frozen network gives; None: it runs in every step.
    """
    start = time.perf_counter()
    model.to(device)
    evaluate = partial(
        score,
        task=task,
        split=validation,
        batch_size=recipe.batch_size,
        device=device,
        whole_scenes=whole_scenes,
    )
    if recipe.epochs == 0:
        metrics = evaluate(model).metrics
        metrics |= {"seconds": time.perf_counter() - start}
        yield Epoch(0, metrics, diverged=False, state=lambda: {"epoch": 0}, model=model)
        return
    if resume is None:
        model.before_training(training, recipe.seed, device)
    learning = [one for one in model.backbone.network.parameters() if one.requires_grad]
    if recipe.frozen:
        model.backbone.network.requires_grad_(False)
    trained = _begin(model, recipe, len(optimiser_steps(training, recipe)))
    done = 0 if resume is None else trained.restore(resume)
    train_feed: Feed = unfed
    feed: Feed = unfed
    if features is not None and keeps_features(model, recipe):
        with autocast(device):
            kept = features.of(model, {"train": training, "val": validation}, device)
        train_feed = feeding(model.backbone, kept["train"])
        feed = feeding(trained.scored.backbone, kept["val"])
    for number in range(done + 1, recipe.epochs + 1):
        state = partial(trained.state, number)
        for parameter in learning:
            parameter.requires_grad_(not recipe.freezes(number))
        try:
            metrics = _train_epoch(trained, training, recipe, number, device, train_feed)
        except _DivergedError:
            seconds = {"seconds": time.perf_counter() - start}
            yield Epoch(number, seconds, diverged=True, state=state, model=trained.scored)
            return
        metrics |= evaluate(trained.scored, feed=feed).metrics
        lr = trained.schedule.get_last_lr()[0]
        metrics |= {"lr": float(lr), "seconds": time.perf_counter() - start}
        yield Epoch(number, metrics, diverged=False, state=state, model=trained.scored)
        start = time.perf_counter()


def _begin(model: Model, recipe: Recipe, steps: int) -> _Trained:
    """What is trained, before the first of `steps` optimiser steps an epoch."""
    factors = rate_factors(model.backbone, recipe.backbone_lr, recipe.layer_decay)
    optimizer = make_optimizer(model, recipe.optimizer, recipe.lr, recipe.weight_decay, factors)
    warmup_steps = min(round(recipe.warmup_epochs * steps), steps * recipe.epochs - 1)
    schedule = warmup_and_decay(optimizer, warmup_steps, steps * recipe.epochs, recipe.lr_decay)
    average = average_of(model, recipe.ema) if recipe.ema else None
    return _Trained(model, optimizer, schedule, average)


def optimiser_steps(training: Split, recipe: Recipe) -> list[list[int]]:
    """How many images each batch of each optimiser step of an epoch has; the last may have fewer.

    Raises:
        ValueError: `effective_batch` is not a multiple of `batch_size`.
    """
    each = recipe.batch_size
    together, rest = divmod(recipe.effective_batch or each, each)
    if rest:
        raise ValueError(f"effective_batch {recipe.effective_batch} is no multiple of {each}")
    images = min(len(training), batch_count(training, each) * each)
    sizes = [min(each, images - start) for start in range(0, images, each)]
    return [sizes[start : start + together] for start in range(0, len(sizes), together)]


def score(
    model: Model,
    task: Task,
    split: Split,
    batch_size: int,
    device: torch.device,
    keep: Keep | None = None,
    *,
    whole_scenes: bool = False,
    feed: Feed = unfed,
) -> Scored:
    """Score `model`, which is on `device`, over all of `split` together.

    Args:
        keep: is given the names of each batch's images and what was found in them.
        whole_scenes: stitch the tiles of a file and count each pixel once; of a task that can.
        feed: what the batches go through, see `models.features.feeding`.
    """
    with autocast(device):
        if whole_scenes:
            assert task.evaluate_scenes is not None, "tiles cut what this task counts"
            return task.evaluate_scenes(model, split, batch_size, device, keep, feed)
        with closing(feed(batches(split, batch_size, device=device))) as data:
            return task.evaluate(model, data, device, split.classes, keep)


def training_batches(
    training: Split, recipe: Recipe, epoch: int, device: torch.device
) -> Iterator[Batch]:
    """The batches of an epoch from 1 as a model is trained on them; the first seeds PyTorch."""
    rng = np.random.default_rng([recipe.seed, epoch])
    torch.manual_seed(int(rng.integers(2**31)))
    augment = recipe.augment
    data = batches(training, recipe.batch_size, rng=rng, augment=augment.symmetries, device=device)
    for batch in data:
        yield augment.apply(batch.to(device), rng)


def _train_epoch(
    trained: _Trained,
    training: Split,
    recipe: Recipe,
    number: int,
    device: torch.device,
    feed: Feed,
) -> dict[str, float]:
    """One pass over the training split → mean of each loss term.

    The gradient of an optimiser step is the mean over its images: that of each of its batches,
    which is a mean itself, counts by the batch's share of them.

    Raises:
        _DivergedError: a loss or the gradient's norm was not finite; the weights are as before it.
            This is asked once, at the end: a GPU would be waited for. Steps that followed changed
            no weight.
    """
    model = trained.model
    model.train()
    if recipe.freezes(number):
        model.backbone.network.eval()
    sums: dict[str, Tensor] = defaultdict(lambda: torch.zeros((), device=device))
    steps = optimiser_steps(training, recipe)
    shares = [
        (size / sum(sizes), number == len(sizes))
        for sizes in steps
        for number, size in enumerate(sizes, start=1)
    ]
    trained.optimizer.zero_grad(set_to_none=True)
    lost = torch.zeros((), device=device)
    data = training_batches(training, recipe, number, device)
    with closing(feed(data)) as fed:
        for (share, ends_step), batch in zip(shares, fed, strict=True):
            with autocast(device):
                terms = model.losses(batch)
            loss = sum(
                (recipe.loss_weights.get(name, 1.0) * term for name, term in terms.items()),
                start=torch.zeros((), device=device),
            )
            (share * loss).backward()
            for name, value in {"loss": loss, **{f"loss/{n}": t for n, t in terms.items()}}.items():
                sums[name] += share * value.detach()
            lost = torch.maximum(lost, (~loss.detach().isfinite()).float())
            if ends_step:
                lost = trained.step(recipe.clip_norm, lost)
    if lost:
        raise _DivergedError
    return {name: float(total) / len(steps) for name, total in sums.items()}
