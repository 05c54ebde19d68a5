"""How long a model takes for a batch of images. What else runs meanwhile is up to the caller."""

import time

import numpy as np
import torch
from torch import Tensor

from datasets.batches import batch_of
from datasets.cache import Split
from models.gpu import autocast
from models.tasks.task import Finds
from runs.records import BatchTimes

WARM_UP = 5
"""Runs before those that count: libraries choose their algorithms, and caches fill."""
FEWEST, MOST = 10, 50
"""Runs that count."""
ENOUGH_S = 2.0
"""After so long, no more than `FEWEST` are made."""


def batch_times(model: Finds, split: Split, images: int, device: torch.device) -> BatchTimes:
    """Time `model`, which is on `device`, for a batch that is there as well.

    Args:
        images: of the batch: the first ones of `split`, again and again if it has fewer.
    """
    model.eval()
    rows = np.arange(images, dtype=np.int64) % len(split)
    batch = batch_of(split, rows, device).images
    for _ in range(WARM_UP):
        _seconds(model, batch)
    runs: list[float] = []
    while len(runs) < FEWEST or (len(runs) < MOST and sum(runs) < ENOUGH_S):
        runs.append(_seconds(model, batch))
    low, median, high = np.percentile(runs, [25, 50, 75]) * 1000
    return BatchTimes(images=images, runs=len(runs), low=low, median=median, high=high)


def _seconds(model: Finds, batch: Tensor) -> float:
    """Time of one run. A GPU works on after a call has returned: both ends wait for it."""
    _wait(batch.device)
    start = time.perf_counter()
    with autocast(batch.device):
        model.predict(batch)
    _wait(batch.device)
    return time.perf_counter() - start


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
