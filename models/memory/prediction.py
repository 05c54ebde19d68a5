"""The most memory that a training takes, predicted on fake tensors.

Two optimiser steps and the scoring of a batch are run on tensors that have a shape and a type, but
no values: it needs neither a GPU nor memory, and takes seconds. Live storages are counted all
along.

Counted are weights, gradients, the optimiser's state, the average of the weights, activations, what
operations take in passing, and a batch, where every image has as many objects as the training image
that has most. Not counted are what libraries take beside tensors (see `Peak.on_gpu`), and what a
head does before the first epoch. Sizes that depend on values, as the number of boxes that are
kept, are the largest there can be, see `models.memory.sizes`. A frozen network counts as run in
every step, also where its features are kept: they are computed by the same device.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
    FakeTensorMode,
    UnsupportedFakeTensorException,
    UnsupportedOperatorException,
)

from datasets import Prepared, open_split
from datasets.batches import Batch
from models.fine_tuning import rate_factors
from models.gpu import CONTEXT
from models.memory.autocast import autocast_of_a_gpu
from models.memory.live import LiveBytes
from models.memory.sizes import LargestSizes, Zeros
from models.model import Model
from models.optimisation import clipped_step, make_optimizer
from models.training import Recipe
from runs.errors import EosweepError

STEPS = 2
"""The first makes the optimiser's state, which the second has from its beginning."""

BLOCK = 512
"""Bytes that PyTorch's allocator on a GPU rounds each tensor up to a multiple of."""

SLACK = 1.1
"""What the allocator reserves, over what tensors take: gaps between them, and cuDNN's workspaces.

Estimated; not measured yet.
"""


class UnpredictedError(EosweepError):
    """A model cannot be run on tensors without values."""


@dataclass(frozen=True)
class Peak:
    """The most bytes that live tensors take at once, in training and in scoring."""

    training: int
    scoring: int

    @property
    def tensors(self) -> int:
        """The larger of both."""
        return max(self.training, self.scoring)

    @property
    def reserved(self) -> int:
        """Bytes that PyTorch's allocator holds of a GPU, with what is estimated of gaps."""
        return round(SLACK * self.tensors)

    @property
    def on_gpu(self) -> int:
        """Bytes that a process needs of a GPU, with what is estimated beside tensors."""
        return self.reserved + CONTEXT


def predict_peak(
    model: Model, recipe: Recipe, data: Prepared, *, gpu: bool, bfloat16: bool = True
) -> Peak:
    """The memory of training `model` on `data` as `recipe` says.

    Args:
        model: on the meta device; it is left as it is.
        gpu: on one, in the allocator's blocks; else as on the CPU.
        bfloat16: the GPU computes in it, where autocast does so; else in float32, see `models.gpu`.

    Raises:
        UnpredictedError: the model looks at values.
    """
    kind = type(model).__name__
    if model.reads_values:
        raise UnpredictedError(f"the memory of {kind} is not predicted: it looks at values")
    model = deepcopy(model)
    scored = deepcopy(model) if recipe.ema else model
    try:
        with _without_values(gpu) as live:
            half = gpu and bfloat16
            return _run(model, scored, recipe, data, live, half=half)
    except (
        DataDependentOutputException,
        DynamicOutputShapeException,
        UnsupportedFakeTensorException,
        UnsupportedOperatorException,
    ) as error:
        raise UnpredictedError(f"the memory of {kind} is not predicted: {error}") from error


@contextmanager
def _without_values(gpu: bool) -> Iterator[LiveBytes]:
    types = autocast_of_a_gpu() if gpu else nullcontext()
    fake = FakeTensorMode(allow_non_fake_inputs=True)
    with types, fake, Zeros(), LargestSizes(), LiveBytes(BLOCK if gpu else 1) as live:
        yield live


def _run(
    model: Model,
    scored: Model,
    recipe: Recipe,
    data: Prepared,
    live: LiveBytes,
    *,
    half: bool,
) -> Peak:
    for one in {model, scored}:
        one.to_empty(device="cpu")
    if recipe.frozen:
        model.backbone.network.requires_grad_(False)
    factors = rate_factors(model.backbone, recipe.backbone_lr, recipe.layer_decay)
    optimizer = make_optimizer(model, recipe.optimizer, recipe.lr, recipe.weight_decay, factors)
    batch = _batch(recipe.batch_size, data)
    model.train()
    if recipe.frozen:
        model.backbone.network.eval()
    together = (recipe.effective_batch or recipe.batch_size) // recipe.batch_size
    for _ in range(STEPS if recipe.epochs else 0):
        for _ in range(min(together, 2)):
            _backward(model, batch, half)
        clipped_step(optimizer, recipe.clip_norm, torch.zeros(()))
        optimizer.zero_grad(set_to_none=True)
    training, live.peak = live.peak, live.now
    scored.eval()
    with _autocast(half):
        scored.predict(batch.images)
    return Peak(training, live.peak)


def _backward(model: Model, batch: Batch, half: bool) -> None:
    with _autocast(half):
        terms = model.losses(batch)
    torch.stack(list(terms.values())).sum().backward()


def _autocast(half: bool) -> torch.autocast:
    return torch.autocast("cpu", dtype=torch.bfloat16, enabled=half)


def _batch(images: int, data: Prepared) -> Batch:
    """Images and labels without values."""
    side, most = data.image_size, int(np.diff(open_split(data, "train").offsets).max())
    return Batch(
        torch.empty(images, len(data.bands), side, side),
        torch.empty(images, side, side, dtype=torch.uint8),
        [torch.empty(most, 4)] * images,
        [torch.empty(most, dtype=torch.int64)] * images,
        [""] * images,
        np.full((images, 2), side),
        footprints=None,
        image_labels=torch.empty(images, len(data.classes), dtype=torch.bool),
    )
