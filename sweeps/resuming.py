"""The state of an interrupted training, from which the next command resumes it."""

import pickle
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from runs.files import whole_file

RESUME_EVERY_S = 60.0
"""An interrupted training loses about this much: its state is written no more often."""


class ResumeFile:
    """The file that a training resumes from; the caller removes it when the training has ended."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.written_at = time.perf_counter()

    def read(self, device: torch.device) -> dict[str, Any] | None:
        """The state that was written; None if there is none, or it is damaged.

        Without it the training starts again, with the same result.
        """
        if not self.file.exists():
            return None
        try:
            return torch.load(self.file, map_location=device, weights_only=True)
        except (RuntimeError, EOFError, pickle.UnpicklingError):
            return None

    def due(self) -> bool:
        """Whether `RESUME_EVERY_S` have passed since the last state."""
        return time.perf_counter() - self.written_at > RESUME_EVERY_S

    def write(self, state: Mapping[str, Any]) -> None:
        """Write a state of tensors and plain values."""
        self.written_at = time.perf_counter()
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(self.file) as partial:
            torch.save(dict(state), partial)


def time_for_another(deadline: float | None, seconds: float) -> bool:
    """Whether an epoch that takes `seconds` ends before the `deadline`."""
    return deadline is None or time.time() + seconds < deadline
