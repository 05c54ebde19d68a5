"""One test image as it is drawn, and the row of four panels that every task fills."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from numpy.typing import NDArray

from analysis.outcomes import ImageScores, Truth, truth_of
from analysis.predictions import Found
from datasets import Split

COLUMNS = ("input", "truth", "prediction", "error")


@dataclass(frozen=True, eq=False)
class Scene:
    """A test image.

    Attributes:
        picture: uint8 [S, S, 3], what a person sees of it.
        truth: what there is to find.
        stretch: height of a pixel over its width, of a file that was not square.
    """

    picture: NDArray[np.uint8]
    truth: Truth
    stretch: float

    def show(self, axes: Axes, picture: NDArray[np.uint8]) -> None:
        """Fill a panel with ``picture`` [S, S, 3], without ticks."""
        axes.imshow(picture, aspect=self.stretch, interpolation="nearest")
        axes.set(xticks=[], yticks=[])


class Panels(Protocol):
    """How a task shows an image: a module."""

    def image_scores(self, tally: Any, metric: str) -> ImageScores:
        """Each test image by what the model finds in it alone."""

    def draw_truth(self, axes: Axes, scene: Scene) -> None:
        """Fill the second panel."""

    def draw_found(self, axes: Axes, scene: Scene, found: Found) -> None:
        """Fill the third panel."""

    def draw_errors(self, axes: Axes, scene: Scene, found: Found) -> None:
        """Fill the fourth panel."""

    def legend(self, scene: Scene, founds: list[Found]) -> dict[str, list[Artist]]:
        """What colours and lines mean: by what they are the key to, those of them that occur."""

    def told(self, scene: Scene, found: Found) -> str:
        """The error panel in words."""


def scene_of(split: Split, index: int, rgb: tuple[int, int, int] | None) -> Scene:
    """One image of a split; ``rgb`` are the positions of its red, green and blue band."""
    import torch

    from datasets.visible import visible

    values = torch.from_numpy(split.images[index : index + 1].astype(np.float32))
    picture = visible(values, rgb)[0].permute(1, 2, 0).numpy()
    height, width = split.sizes[index].tolist()
    return Scene(picture, truth_of(split, index), height / width)
