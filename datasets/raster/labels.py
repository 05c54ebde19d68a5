"""What the kinds of labels answer alike: masks, polygons, boxes, and labels of whole images."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from shapely import Polygon

from datasets.raster.headers import Header
from datasets.source import Label, Problem, Window


class Parts(NamedTuple):
    """The labels of a part of an image, as in `datasets.source.Labelled`; none: it has no label.

    `remark` is a clause that follows "3 images are", as there.
    """

    mask: NDArray[np.uint8] | None = None
    boxes: NDArray[np.float32] | None = None
    labels: NDArray[np.int64] | None = None
    footprints: tuple[Polygon, ...] | None = None
    image_labels: NDArray[np.int64] | None = None
    remark: str = ""


class Labels(Protocol):
    """The labels of a set of images."""

    @property
    def files(self) -> Mapping[Path, Path]:
        """The file that holds the labels of each labelled image."""

    @property
    def kinds(self) -> frozenset[Label]:
        """What `read` gives."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of class ids 1, 2, …."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the results should know."""

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Files that cannot be used."""

    @property
    def settings(self) -> object:
        """What, beside the files, the labels depend on; plain values."""

    def read(self, image: Path, header: Header, window: Window) -> Parts:
        """The labels of a part of an image, in the pixels of that part.

        Raises DataError naming the file that cannot be used.
        """
