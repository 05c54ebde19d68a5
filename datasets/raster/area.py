"""The area of interest: polygons inside which pixels count."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datasets.layers import VectorFile, describe_vector
from datasets.polygons import burn_classes, features_in
from datasets.raster.headers import Header
from datasets.source import Window


@dataclass(frozen=True)
class Area:
    """Polygons of a layer, whatever their attributes."""

    vector: VectorFile

    @property
    def settings(self) -> object:
        """What tells one area from another: its file and when that was changed."""
        status = self.vector.file.stat()
        return self.vector.file.name, self.vector.layer, status.st_size, status.st_mtime_ns

    def meets(self, header: Header, window: Window) -> bool:
        """Whether any pixel of a window of an image lies inside."""
        return bool(self.mask(header, window).any())

    def mask(self, header: Header, window: Window) -> NDArray[np.bool_]:
        """Bool [H, W]: the pixels of a window of an image whose centres lie inside."""
        features = features_in(self.vector, None, header.info, window)
        return burn_classes(features, {self.vector.layer: 1}, window) > 0


def area_of(file: Path) -> Area:
    """Look at a vector file. DataError: it cannot be used."""
    return Area(describe_vector(file))
