"""What scoring a model on a split gives: metrics of all its images together, and a tally."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from runs.predictions import Found
from runs.tallies import Tally

Keep = Callable[[Sequence[str], Sequence[Found]], None]
"""Called with the names of a batch's images and with what was found in each."""


@dataclass(frozen=True, eq=False)
class Scored:
    """Scores of a model on a split.

    Attributes:
        metrics: by name, in [0, 1], of all images together.
        tally: what was counted in each image.
    """

    metrics: dict[str, float]
    tally: Tally
