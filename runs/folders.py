"""Folders that are whole or not there, even if a process is killed or several build at once."""

import shutil
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from runs.errors import EosweepError
from runs.files import is_writable


class ReadOnlyError(EosweepError):
    """Something has to be written where nothing can be."""


def build_once(
    folder: Path, is_whole: Callable[[Path], bool], build: Callable[[Path], None]
) -> bool:
    """Make sure that `folder` is whole, calling `build` on an empty folder only if it is not.

    One process builds while the others wait and then use its work. It builds beside `folder` and
    renames at the end, so that a killed build leaves nothing that could be taken for a whole one.

    A folder that is whole is used as it is, also where nothing can be written.

    Returns:
        Whether this call built it.

    Raises:
        ReadOnlyError: it has to be made where nothing can be written.
    """
    if is_whole(folder):
        return False
    if not is_writable(folder.parent):
        raise ReadOnlyError(
            f"{folder} is not there, or damaged, and cannot be made because {folder.parent} is "
            "read-only: make it writable, or name another folder with --cache DIR"
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_name(folder.name + ".lock")):
        if is_whole(folder):
            return False
        partial = folder.with_name(folder.name + ".partial")
        for leftover in (partial, folder):
            if leftover.exists():
                shutil.rmtree(leftover)
        partial.mkdir()
        try:
            build(partial)
            partial.rename(folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        return True
