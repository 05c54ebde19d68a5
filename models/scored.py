"""What scoring a model on a split gives: metrics of all its images together, and a tally."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

Tally = dict[str, NDArray[Any]]
"""Counts of each image, from which every metric can be computed again over any of the images:
`names` str [N], and

- of a segmenter, `confusion` int64 [N, K + 1, K + 1] (row: truth, column: found) and, where the
  data have footprints, `footprints` int64 [N, 3] (found, proposed in vain, missed);
- of a detector, what `models.box_matches` gives.
"""


@dataclass(frozen=True)
class Scored:
    """Scores of a model on a split.

    Attributes:
        metrics: by name, in [0, 1], of all images together.
        tally: makes the tally, which not everyone who scores wants.
    """

    metrics: dict[str, float]
    tally: Callable[[], Tally]
