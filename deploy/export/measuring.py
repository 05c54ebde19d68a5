"""What is measured of a model, whichever program runs it: latency on one core, score on test."""

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datasets import Split
from datasets.batches import batches
from deploy.errors import ModelError
from deploy.tasks import use_of
from deploy.trained import Trained
from models.tasks import TASKS

RUNS = 30
"""How often each model is timed."""

Show = Callable[[NDArray[np.float32]], list[NDArray[Any]]]
"""Shows a model stored values [1, C, S, S]; gives its outputs."""


def pytorch(trained: Trained) -> Show:
    """The original."""
    module = use_of(trained.task).form.module(trained).eval()

    def show(image: NDArray[np.float32]) -> list[NDArray[Any]]:
        with torch.inference_mode():
            found = module(torch.from_numpy(image))
        return [one.numpy() for one in (found if isinstance(found, tuple) else (found,))]

    return show


def onnx(trained: Trained, file: Path) -> Show:
    """A file that was exported of it."""
    from deploy.export.precisions import FAILURES, open_session

    session, outputs = open_session(file), list(use_of(trained.task).form.outputs)

    def show(image: NDArray[np.float32]) -> list[NDArray[Any]]:
        try:
            found: list[NDArray[Any]] = session.run(outputs, {"images": image})
        except FAILURES as error:
            raise ModelError(f"{file} fails on a test image: {error}") from None
        return found

    return show


class _Shown:
    """A model as `models.tasks` scores it."""

    def __init__(self, trained: Trained, show: Show) -> None:
        self._stored = trained.normalisation.stored
        self._found = use_of(trained.task).form.found
        self._show = show

    def eval(self) -> None:
        """It never trains."""

    def predict(self, images: Tensor) -> list[dict[str, Tensor]]:
        """What is found in standardised images [1, C, S, S]."""
        return self._found(self._show(self._stored(images).numpy()))


def score_of(trained: Trained, show: Show, test: Split) -> float | None:
    """The metric of `trained` over a split; None where it is not defined."""
    model, cpu = _Shown(trained, show), torch.device("cpu")
    scored = TASKS[trained.task].evaluate(model, batches(test, 1), cpu, trained.classes)
    return scored.metrics.get(trained.metric)


def latencies(shows: Mapping[str, Show], image: NDArray[np.float32]) -> dict[str, float]:
    """Median milliseconds of each; they take turns, so that a busy machine slows all alike."""
    times: dict[str, list[float]] = {name: [] for name in shows}
    for turn in range(RUNS + 1):
        for name, show in shows.items():
            start = time.perf_counter()
            show(image)
            if turn:  # the first warms up
                times[name].append(time.perf_counter() - start)
    return {name: 1000 * statistics.median(taken) for name, taken in times.items()}


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """PyTorch on one core."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
