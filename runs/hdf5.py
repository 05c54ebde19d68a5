"""What is wrong with arrays of HDF5 files before they are read."""

import math
from pathlib import Path

import h5py

CHUNK = 2**28
"""Bytes of a chunk, which HDF5 unpacks as a whole, and of an entry of an array."""


def array_fault(opened: h5py.File, key: str) -> str | None:
    """Why an array is not read, as a clause; None if it can be.

    An array may be of any size in a file of a few kB, and may lie in other files.
    """
    data = opened[key]
    if not isinstance(data, h5py.Dataset):
        return f"{key} is no array"
    if data.file != opened or data.is_virtual or data.external:
        return f"{key} lies in other files"
    shape = data.shape or (0,)
    entry = math.prod(shape[1:]) * data.dtype.itemsize
    chunk = math.prod(data.chunks or ()) * data.dtype.itemsize
    if max(entry, chunk) > CHUNK or shape[0] > Path(opened.filename).stat().st_size:
        return f"{key} unpacks to {data.shape} of {data.dtype}, in chunks of {data.chunks}"
    return None
