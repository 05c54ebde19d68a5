"""`.npz` files, read without running what is in them and without being flooded by it."""

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runs.errors import EosweepError

UNPACKED = 2**28
MOST_TIMES = 100
"""An archive of more than `UNPACKED` bytes unpacks to at most so many times its own size: ours are
of counts and outlines, which compress to a tenth, and zeros to a thousandth."""

DAMAGES = (
    *(OSError, ValueError, EOFError, RuntimeError, MemoryError),
    *(NotImplementedError, zipfile.BadZipFile, zlib.error),
)
"""What reading a damaged archive raises, by where it is damaged."""


class ArchiveError(EosweepError):
    """An archive is damaged; the message is a clause that says how."""


def read_arrays(file: Path) -> dict[str, NDArray[Any]]:
    """All arrays of an archive.

    Raises:
        FileNotFoundError: it is not there.
        ArchiveError: it is damaged, holds Python objects, or unpacks to an absurd size.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
        if unpacked > max(UNPACKED, MOST_TIMES * file.stat().st_size):
            raise ArchiveError(f"it would unpack to {unpacked / 1e9:,.1f} GB")
        with np.load(file, allow_pickle=False) as stored:
            return dict(stored)
    except FileNotFoundError:
        raise
    except DAMAGES as error:
        raise ArchiveError(str(error) or type(error).__name__) from None
