"""How each task shows an image and tells right from wrong: one file a task, and one line here."""

from collections.abc import Iterator
from typing import Protocol

from matplotlib.axes import Axes

from analysis.loading import AnalysisError
from analysis.pictures import boxes, image_labels, masks
from analysis.pictures.images import Area, ImageScores, Mark, Scene, Truth
from analysis.statistics.tallies import Tally
from runs.predictions import Found


class Pictured(Protocol):
    """What pictures and error maps need of a task: a module."""

    def image_scores(self, tally: Tally, metric: str) -> ImageScores:
        """Each test image by what the model finds in it alone."""

    def areas(self, truth: Truth, found: Found) -> Iterator[Area]:
        """Where the model is wrong, and what is shown beside."""

    def draw_truth(self, axes: Axes, scene: Scene) -> None:
        """Fill the panel of the truth."""

    def draw_found(self, axes: Axes, scene: Scene, found: Found) -> None:
        """Fill the panel of the prediction."""

    def draw_errors(self, axes: Axes, scene: Scene, found: Found) -> None:
        """Fill the panel of the errors."""

    def truth_layer(self, scene: Scene) -> str:
        """The truth alone, as a transparent image (a `data:` address)."""

    def found_layer(self, scene: Scene, found: Found) -> str:
        """The prediction likewise."""

    def error_layer(self, scene: Scene, found: Found) -> str:
        """The errors likewise."""

    def legend(self, scene: Scene, founds: list[Found]) -> dict[str, list[Mark]]:
        """What colours and lines mean: by what they are the key to, those of them that occur."""

    def in_words(self, scene: Scene, found: Found) -> str:
        """The panel of the errors in words."""


PICTURED: dict[str, Pictured] = {
    "segmentation": masks,
    "detection": boxes,
    "classification": image_labels,
}
"""By the name of the task, as in `models.tasks.TASKS`."""


def pictured(task: str) -> Pictured:
    """How a task is shown.

    Raises:
        AnalysisError: nobody has written it yet.
    """
    if task not in PICTURED:
        raise AnalysisError(
            f"{task} has no pictures and no error maps: write a module like "
            "analysis/pictures/masks.py and add it to PICTURED in analysis/pictures/tasks.py"
        )
    return PICTURED[task]
