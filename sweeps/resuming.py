"""What a training that is cut short leaves behind, so that the next command goes on with it."""

import pickle
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from sweeps.ledger import whole_file

RESUME_EVERY_S = 60.0
"""A training that is cut short loses at most this much, and writes its state no more often."""


class ResumeFile:
    """The file that a training goes on from; whoever ends the training removes it."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.written_at = time.perf_counter()

    def read(self, device: torch.device) -> dict[str, Any] | None:
        """What an earlier part left; None if nothing, or nothing that can be read.

        Beginning again gives the same training, only later.
        """
        if not self.file.exists():
            return None
        try:
            return torch.load(self.file, map_location=device, weights_only=True)
        except (RuntimeError, EOFError, pickle.UnpicklingError):
            return None

    def due(self) -> bool:
        """Whether enough would be lost by now."""
        return time.perf_counter() - self.written_at > RESUME_EVERY_S

    def write(self, state: Mapping[str, Any]) -> None:
        """Keep tensors and plain values."""
        self.written_at = time.perf_counter()
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(self.file) as partial:
            torch.save(dict(state), partial)


def time_for_another(deadline: float | None, seconds: float) -> bool:
    """Whether an epoch of so many `seconds` ends before the `deadline`."""
    return deadline is None or time.time() + seconds < deadline
