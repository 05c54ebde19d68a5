"""Files that are written whole: a reader sees the old content or the new, never half of it."""

import contextlib
import errno
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

T = TypeVar("T")

FULL = (errno.ENOSPC, errno.EDQUOT)
"""What the operating system says of a disk, or of a person's share of it, that is full."""

NEARLY_NOTHING = 1 << 20
"""With fewer free bytes, a failure to write that gives no cause is one of space."""

_PARTIAL = ".partial-"


@contextlib.contextmanager
def whole_file(file: Path) -> Iterator[Path]:
    """A path to write to; it becomes `file` when the block ends, and is removed if it raises.

    The path has the name of `file`, in a hidden folder of its own: what a writer puts next to its
    file is removed with that folder.

    Raises:
        OSError: it cannot be written; with the name of `file` and the cause, whichever library
            writes.
    """
    with (
        _errors_named(file),
        TemporaryDirectory(prefix=_PARTIAL, dir=file.parent) as folder,
        _errors_named(file),  # before what was written is removed, and there is space again
    ):
        partial = Path(folder) / file.name
        yield partial
        partial.replace(file)


def write_text(file: Path, text: str) -> None:
    """Write `text` whole, as UTF-8."""
    with whole_file(file) as partial:
        partial.write_text(text, encoding="utf-8")


def kept_json(file: Path, kind: type[T]) -> T | None:
    """What was kept in a file that can be made again; None: nothing, or not JSON of this type."""
    try:
        content = json.loads(file.read_bytes())
    except (FileNotFoundError, ValueError, RecursionError):
        return None
    return content if isinstance(content, kind) else None


def unwritten(file: Path, error: Exception) -> OSError:
    """The error of a library that could not write `file`, with that name and the cause."""
    folder = nearest_folder(file.parent)
    free = shutil.disk_usage(folder).free
    number = error.errno if isinstance(error, OSError) else None
    said_so = os.strerror(errno.ENOSPC) in str(error)
    if number in FULL or said_so or (number is None and free < NEARLY_NOTHING):
        number = number if number in FULL else errno.ENOSPC
        cause = f"{os.strerror(number)}: {free / 1e6:,.1f} MB are free in {folder}"
        return OSError(number, cause, str(file))
    said = os.strerror(number) if number else " ".join(str(error.__cause__ or error).split())
    return OSError(number or errno.EIO, said, str(file))


@contextlib.contextmanager
def _errors_named(file: Path) -> Iterator[None]:
    """Errors of writing `file`, or its partial, are those of `unwritten`; others are left alone."""
    try:
        yield
    except OSError as error:
        if error.filename and _PARTIAL not in str(error.filename):
            raise
        raise unwritten(file, error) from error


def nearest_folder(path: Path) -> Path:
    """`path`, or the first of the folders around it that is there."""
    return next(folder for folder in (path, *path.resolve().parents) if folder.is_dir())


def is_writable(folder: Path) -> bool:
    """Whether a file could be written into `folder`, which need not be there yet."""
    return os.access(nearest_folder(folder), os.W_OK | os.X_OK)
