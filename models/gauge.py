"""A short training that is repeated, to see how fast it goes and how much of a GPU it takes."""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray

from datasets.cache import Split
from datasets.seen import rows_of
from models.gpu import CONTEXT
from models.model import Model
from models.tasks.task import Task
from models.training import Recipe, optimiser_steps, train
from runs.errors import EosweepError

STEPS = 20
"""Optimiser steps of a turn, after which a batch is scored."""
TURNS = 16
"""At most so many can be taken."""
HARMLESS_LR = 1e-8
"""Weights at random may diverge at the rate that a training has after its warm-up."""


class GaugeError(EosweepError):
    """The training diverged."""


@dataclass(frozen=True)
class Taken:
    """Bytes that a process takes of a GPU: PyTorch's, at their peak, and what there is beside."""

    reserved: int
    context: int


def turns(
    model: Model,
    task: Task,
    training: Split,
    validation: Split,
    recipe: Recipe,
    device: torch.device,
) -> Iterator[float]:
    """Train `model` in turns of at least `STEPS` optimiser steps; yields the steps a second.

    The first turn is the warm-up. Images are of the whole split, evenly. A frozen network runs in
    every step, also where a training would keep its features.

    Raises:
        GaugeError: the training diverged.
    """
    together = recipe.effective_batch or recipe.batch_size
    some = rows_of(training, spread(len(training), STEPS * together))
    batch = rows_of(validation, spread(len(validation), recipe.batch_size))
    steps = len(optimiser_steps(some, recipe))
    each = math.ceil(STEPS / steps)
    recipe = replace(recipe, epochs=TURNS * each, lr=HARMLESS_LR, freeze_epochs=0)
    epochs = train(model, task, some, batch, recipe, device)
    for _ in range(TURNS):
        start = time.perf_counter()
        for epoch in islice(epochs, each):
            if epoch.diverged:
                raise GaugeError("a loss or gradient was not finite in the first steps")
        yield each * steps / (time.perf_counter() - start)


def spread(count: int, wanted: int) -> NDArray[np.int64]:
    """At most `wanted` of the rows from 0 to `count`, ascending, evenly."""
    return np.arange(min(count, wanted), dtype=np.int64) * count // min(count, wanted)


def taken(device: torch.device) -> Taken:
    """What this process takes of a GPU that it has for itself; nothing without one.

    What the driver says to be in use and PyTorch has not reserved is the context: of this process,
    and of any other that has not asked for a share.
    """
    if device.type != "cuda":
        return Taken(0, 0)
    free, total = torch.cuda.mem_get_info(device)
    beside = total - free - torch.cuda.memory_reserved(device)
    return Taken(torch.cuda.max_memory_reserved(device), max(beside, CONTEXT))
