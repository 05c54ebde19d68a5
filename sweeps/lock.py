"""A run directory is used by one process at a time."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from runs.files import is_writable
from sweeps.faults import SweepError


@contextlib.contextmanager
def exclusive(run: Path) -> Iterator[None]:
    """Keep other processes out of a run directory.

    Raises:
        SweepError: another process uses it, or nothing can be written there.
    """
    for folder in (run, run.parent):
        if not is_writable(folder):
            raise SweepError(f"{folder} is read-only: choose another folder with --results DIR")
    run.parent.mkdir(parents=True, exist_ok=True)
    try:
        with _lock(run):
            yield
    except Timeout:
        raise SweepError(f"another process is running in {run}: wait until it has ended") from None


def is_running(run: Path) -> bool:
    """Whether a process uses a run directory."""
    try:
        with _lock(run):
            return False
    except Timeout:
        return True


def _lock(run: Path) -> FileLock:
    return FileLock(run.parent / f".{run.name}.lock", timeout=0)
