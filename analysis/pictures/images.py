"""Test images, what there is to find in them, and what a model found."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray
from shapely import Polygon

from analysis.loading import AnalysisError, Run
from analysis.pictures.layers import shown_size
from analysis.statistics.tallies import read_tally
from datasets import DataError, Split, open_split
from datasets.colours import Colour, class_colours
from datasets.visible import visible
from runs.classes import BACKGROUND
from runs.predictions import Found, read_predictions
from runs.records import DataRecord

STAYS = "pictures and maps that were drawn earlier stay as they are"


@dataclass(frozen=True, eq=False)
class Truth:
    """What there is to find in one image of side S.

    Attributes:
        mask: uint8 [S, S], class ids and `datasets.IGNORE`.
        boxes: float32 [M, 4], x0 y0 x1 y1 in pixel edges.
        labels: int64 [M], class ids of the boxes.
        classes: names of class ids 0, 1, 2, …: background first.
        colours: RGB of the same.
        image_labels: bool [K], which of class ids 1 … K the whole image has; None if the data have
            no such labels.
    """

    mask: NDArray[np.uint8]
    boxes: NDArray[np.float32]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    colours: Sequence[Colour]
    image_labels: NDArray[np.bool_] | None = None


@dataclass(frozen=True, eq=False)
class Scene:
    """A test image as it is drawn.

    Attributes:
        picture: uint8 [S, S, 3], what a person sees of it.
        truth: what there is to find.
        stretch: height of a pixel over its width, of a file that was not square.
    """

    picture: NDArray[np.uint8]
    truth: Truth
    stretch: float

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of its layers, in pixels."""
        return shown_size(len(self.picture), self.stretch)

    def show(self, axes: Axes, picture: NDArray[np.uint8]) -> None:
        """Fill a panel with `picture` [S, S, 3], without ticks."""
        axes.imshow(picture, aspect=self.stretch, interpolation="nearest")
        axes.set(xticks=[], yticks=[])


class ImageScores(NamedTuple):
    """How well a model does on each of N images alone.

    Attributes:
        name: of the measure, in a word.
        measure: what the values are, in a clause.
        values: float64 [N], higher is better; NaN where there is nothing to score.
        order: int64 [N], of the images that have a value, from the worst to the best.
    """

    name: str
    measure: str
    values: NDArray[np.float64]
    order: NDArray[np.int64]


class Area(NamedTuple):
    """Part of an image where a model is right or wrong.

    Attributes:
        outline: in pixels of the S × S image.
        kind: "hit", "missed" (something is there, and was not found), "false" (found, and not
            there) or "wrong class".
        truth, found: names of classes; None where there is none.
        confidence: of a detection.
    """

    outline: Polygon
    kind: str
    truth: str | None
    found: str | None
    confidence: float | None = None


class Mark(NamedTuple):
    """What a colour means; `dashes` are those of a line, in its widths, None of an area.

    What is `clear` is transparent in a layer.
    """

    label: str
    colour: str
    dashes: tuple[float, ...] | None = None
    striped: bool = False
    clear: bool = False


def open_test(run: Run, name: str) -> Split:
    """The test images, which must be those that the tally of the trial or repeat `name` is of.

    Raises:
        AnalysisError: the decoded images are gone or are others now; or `name` was not tested.
    """
    tally, cache = read_tally(run, name), Path(run.record.data.cache)
    try:
        split = open_split(cache, "test")
    except DataError as error:
        raise AnalysisError(
            f"the decoded images of {run.path} are gone: {str(error).rstrip('.')}. Checking its "
            f"sweep with the same cache decodes them again; {STAYS}"
        ) from error
    if split.names != tuple(tally.names.tolist()):
        raise AnalysisError(
            f"{cache} holds other test images than {run.path} was tested on, because the data have "
            f"changed; {STAYS}"
        )
    return split


def predictions(run: Run, name: str, split: Split, indices: Sequence[int]) -> Iterator[Found]:
    """What the trial or repeat `name` found in some images of a split, one after another.

    Raises:
        PredictionsError: they are missing or damaged.
    """
    file = run.directory.predictions_file(run.tested[name])
    return read_predictions(file, [split.names[index] for index in indices])


def truth_of(split: Split, index: int, data: DataRecord) -> Truth:
    """What there is to find in one image of a split of `data`."""
    boxes, labels = split.objects(index)
    colours = class_colours(split.classes, data.colours)
    return Truth(
        *(split.masks[index], boxes, labels, (BACKGROUND, *split.classes), colours),
        image_labels=None if split.image_labels is None else split.image_labels[index],
    )


def scene_of(split: Split, index: int, data: DataRecord) -> Scene:
    """One image of a split of `data`."""
    picture = visible(split.images[index : index + 1], data.rgb)[0].transpose(1, 2, 0)
    height, width = split.sizes[index].tolist()
    return Scene(picture, truth_of(split, index, data), height / width)
