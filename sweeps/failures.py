"""Why a job was not done, as a worker tells it and the agenda judges it."""

import errno
import os
import textwrap
from dataclasses import dataclass
from typing import Literal

from datasets import DataError
from sweeps.mps import PIPES


@dataclass(frozen=True)
class Failure:
    """Why a job was not done.

    Attributes:
        kind: `raised`: by the job itself, which would raise it again; `memory`: by a GPU, whose
            memory, or the worker's share of it, was too small; `system`: a file could not be read
            or written; `lost`: the worker died, was killed, or hangs.
        cause: the same for failures of one cause, whatever files and trials they are of.
        reason: in one line, for people.
    """

    kind: Literal["raised", "memory", "system", "lost"]
    cause: str
    reason: str


def failure_of(error: Exception) -> Failure:
    """What a job has raised."""
    name = type(error).__name__
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        cause = errno.errorcode.get(error.errno or 0, name)
        return Failure("system", cause, _line(f"{where}{error.strerror or error}"))
    if isinstance(error, DataError):  # the cache was whole when the run was planned
        return Failure("system", name, _line(str(error)))
    if _is_of_neighbours(error):
        reason = f"a process that shared its GPU by MPS ended all of them ({error})"
        return Failure("lost", "mps", _line(reason))
    kind: Literal["raised", "memory"] = "memory" if _is_of_memory(error) else "raised"
    return Failure(kind, name, _line(f"{name}: {error}" if str(error) else name))


def lost_worker(message: str) -> Failure:
    """A worker that is no more, by Ray's message."""
    if "memory monitor" in message or "running low on memory" in message:
        why = "its worker was killed, because the memory of the machine was nearly full"
    elif "node has died" in message or "node died" in message.lower():
        why = "its machine was lost"
    elif "creation task" in message:
        why = "its worker could not be started"
    else:
        why = "its worker died or was killed"
    return Failure("lost", "lost", why)


def stalled_worker(minutes: float) -> Failure:
    """A worker that has done nothing for so long."""
    return Failure("lost", "lost", f"it did nothing for {minutes:g} minutes (stall_minutes)")


def _is_of_memory(error: Exception) -> bool:
    """Whether a GPU has no memory left; its libraries say so in their own words."""
    import torch

    words = ("CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED")
    return isinstance(error, torch.OutOfMemoryError) or any(word in str(error) for word in words)


def _is_of_neighbours(error: Exception) -> bool:
    """Whether the GPU has failed under MPS: a fault of one process ends all that share it.

    It may have been this one's; then it comes again, and `retries` are used up.
    """
    words = ("MPS", "unspecified launch failure", "illegal memory access", "misaligned address")
    shared = PIPES in os.environ and isinstance(error, RuntimeError)
    return shared and any(word in str(error) for word in words)


def _line(message: str) -> str:
    return textwrap.shorten(message, 240, placeholder=" …")
