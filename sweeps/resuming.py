"""The state of an interrupted training, from which the next command resumes it."""

import pickle
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from runs.archives import DAMAGES
from runs.files import unwritten, whole_file

RESUME_FILE = "resume.pt"
"""In a trial's folder, while it is unfinished: what it resumes from."""

RESUME_EVERY_S = 60.0
"""An interrupted training loses about this much: its state is written no more often."""


class ResumeFile:
    """What a training resumes from: its latest state, and the one before, should that be lost."""

    def __init__(self, file: Path) -> None:
        self.file, self.before = file, file.with_name(f"{file.name}.before")
        self.written_at = time.perf_counter()

    def read(self) -> dict[str, Any] | None:
        """The latest state that can be read, in the machine's memory; None if there is none.

        Without it the training starts again, with the same result. On a GPU it would be a second
        model and optimiser for as long as the training lasts.
        """
        for file in (self.file, self.before):
            try:
                return _read(file)
            except (FileNotFoundError, pickle.UnpicklingError, *DAMAGES):
                continue
        return None

    def due(self) -> bool:
        """Whether `RESUME_EVERY_S` have passed since the last state."""
        return time.perf_counter() - self.written_at > RESUME_EVERY_S

    def write(self, state: Mapping[str, Any]) -> None:
        """Write a state of tensors and plain values."""
        self.written_at = time.perf_counter()
        self.file.parent.mkdir(parents=True, exist_ok=True)
        if self.file.exists():
            self.file.replace(self.before)
        with whole_file(self.file) as partial:
            try:
                torch.save(dict(state), partial)
            except RuntimeError as error:  # as PyTorch says that the disk is full
                raise unwritten(self.file, error) from error

    def remove(self) -> None:
        """Delete both: the training has ended."""
        self.file.unlink(missing_ok=True)
        self.before.unlink(missing_ok=True)


def _read(file: Path) -> dict[str, Any]:
    # PyTorch's own reader does not compare checksums: flipped bits would be other weights.
    with zipfile.ZipFile(file) as archive:
        if damaged := archive.testzip():
            raise zipfile.BadZipFile(f"{damaged} in {file} does not match its checksum")
    state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
    return state


def time_for_another(deadline: float | None, seconds: float) -> bool:
    """Whether an epoch that takes `seconds` ends before the `deadline`."""
    return deadline is None or time.time() + seconds < deadline
