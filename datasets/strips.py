"""Files that are stored in strips: their rows are decoded once for all the tiles that lie in them.

GDAL decodes and copies whole strips whichever part of their width is asked for. A row of tiles of a
wide scene costs as much as that many rows of tiles, unless it is read as a whole and cut up here.
"""

import threading
from collections import OrderedDict
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.io import DatasetReader

KEPT = 4
"""Rows of tiles that are held in all threads together: of an image and its mask, two of each."""

LARGEST = 2**27
"""Bytes of a row of tiles; larger ones are read tile by tile."""

Row = tuple[Path, int, tuple[int, ...], int, int]
"""A file, when it was changed, bands, and from which row of pixels how many."""


class _Rows:
    """The rows of tiles that were read last, by any thread; each is read by the first that asks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[Row, Future[NDArray[np.generic]]] = OrderedDict()

    def of(self, reader: DatasetReader, row: Row) -> NDArray[np.generic]:
        with self._lock:
            pending = self._kept.get(row)
            if first := pending is None:
                pending = self._kept[row] = Future()
                while len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(row)
        if first:
            try:
                _, _, bands, top, height = row
                part = rasterio.windows.Window(0, top, reader.width, height)
                pending.set_result(reader.read(bands, window=part))
            except BaseException as error:
                with self._lock:
                    self._kept.pop(row, None)
                pending.set_exception(error)
                raise
        return pending.result()


_rows = _Rows()


def read_part(
    reader: DatasetReader, file: Path, bands: tuple[int, ...], part: rasterio.windows.Window
) -> NDArray[np.generic]:
    """Pixels [bands, H, W] of a part of an open file, whose name is `file`."""
    in_strips = all(width == reader.width for _, width in reader.block_shapes)
    itemsize = np.dtype(reader.dtypes[0]).itemsize
    whole = len(bands) * part.height * reader.width * itemsize
    if not in_strips or 2 * part.width > reader.width or whole > LARGEST:
        return np.asarray(reader.read(bands, window=part))
    row = file, file.stat().st_mtime_ns, bands, int(part.row_off), int(part.height)
    left = int(part.col_off)
    return _rows.of(reader, row)[:, :, left : left + int(part.width)].copy()
