"""How much a score depends on the test images: the bootstrap (Efron 1979).

Scenes are drawn again, with replacement and as many as there are, each with all of its images, and
every score is computed anew of what was drawn: tiles of one scene are not independent (Davison &
Hinkley 1997, section 3.8). An image that is no tile is a scene. All arms are scored on the same
draws, so that they can be compared draw by draw.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from analysis.loading import AnalysisError
from analysis.statistics.tallies import Tally, Weights
from analysis.wording import count as counted

RESAMPLES = 2000
CONFIDENCE = 0.95

FEWEST_IMAGES = 20
"""Fewer are too small a sample of all possible test images."""

FEWEST_SCENES = 10
"""With fewer, a 95 % interval holds the true score in less than 93 % (`benchmarks/scenes.py`)."""

FEWEST_DEFINED = 0.95
"""A score must be defined in this share of the resamples to have an interval."""


class Drawn(NamedTuple):
    """What is drawn.

    Attributes:
        images: how many there are.
        scenes: of how many scenes they are.
        units: as how many independent images of one size they count, see `drawn_of`.
    """

    images: int
    scenes: int
    units: float

    @property
    def text(self) -> str:
        """`60 test images`, or `60 test tiles of 8 scenes`."""
        if self.scenes == self.images:
            return f"{self.images} test images"
        return f"{self.images} test tiles of {counted(self.scenes, 'scene')}"


def drawn_of(scenes: NDArray[np.str_]) -> Drawn:
    """What the scenes of N images, [N], amount to.

    Scenes of n_i images count as their number m if all are of one size, and less if some are
    larger: as the harmonic mean of m and of Kish's effective number, (Σ n_i)² / Σ n_i² (Kish 1965).
    Between the two lies what covers best in simulation (`benchmarks/scenes.py`).
    """
    sizes = np.unique(scenes, return_counts=True)[1]
    number = len(sizes)
    if number == len(scenes):
        return Drawn(number, number, number)
    effective = sizes.sum() ** 2 / (sizes**2).sum()
    return Drawn(len(scenes), number, float(2 / (1 / number + 1 / effective)))


@dataclass(frozen=True, eq=False)
class Bootstrap:
    """A metric of an arm's seeds on the test images, and on resamples of them.

    Attributes:
        names: str [N], the images.
        scores: [k], of each seed on the images as they are.
        resampled: [k, R], of each seed on each resample; NaN where it is not defined.
        scenes: str [N], of the images; None: each is one.
    """

    names: NDArray[np.str_]
    scores: NDArray[np.float64]
    resampled: NDArray[np.float64]
    scenes: NDArray[np.str_] | None = None

    @property
    def of_scenes(self) -> NDArray[np.str_]:
        """The scene of each image, [N]; an image that is no tile is one."""
        return self.names if self.scenes is None else self.scenes

    @cached_property
    def drawn(self) -> Drawn:
        """What the images amount to."""
        return drawn_of(self.of_scenes)

    @property
    def obstacle(self) -> str | None:
        """Why other test images cannot be estimated from these; None if they can."""
        if len(self.names) < FEWEST_IMAGES:
            return f"{self.drawn.text}, and {FEWEST_IMAGES} are needed"
        if self.drawn.scenes < self.drawn.images and self.drawn.scenes < FEWEST_SCENES:
            return f"{self.drawn.text}, and {FEWEST_SCENES} scenes are needed"
        if np.isfinite(self.resampled).all(axis=0).mean() < FEWEST_DEFINED:
            return "the metric is not defined in many resamples of the test images"
        return None


def resamples(images: int, seed: int, count: int = RESAMPLES) -> Weights:
    """How often each image is drawn in each resample: [count, images], rows sum to `images`."""
    drawn = np.random.default_rng(seed).integers(images, size=(count, images))
    drawn += images * np.arange(count)[:, None]
    counts = np.bincount(drawn.ravel(), minlength=count * images)
    return counts.reshape(count, images).astype(np.int32)


def scene_resamples(scenes: Sequence[str], seed: int, count: int = RESAMPLES) -> Weights:
    """The same where scenes are drawn, [count, N]: `scenes` are those of the N images."""
    numbers = scene_numbers(scenes)
    return resamples(max(numbers) + 1, seed, count)[:, numbers]


def scene_numbers(scenes: Iterable[str]) -> list[int]:
    """The scene of each image as a number, in the order in which they come."""
    scenes = list(scenes)
    numbers = {scene: number for number, scene in enumerate(dict.fromkeys(scenes))}
    return [numbers[scene] for scene in scenes]


def bootstrap(tallies: Sequence[Tally], metric: str, weights: Weights) -> Bootstrap:
    """Score the seeds of an arm, a tally each, on the test images and on resamples of them.

    Raises:
        AnalysisError: the tallies are of different images, or of another number than `weights`.
    """
    first, names = tallies[0], tallies[0].names
    if any(not np.array_equal(names, tally.names) for tally in tallies):
        raise AnalysisError("the seeds of one arm were tested on different images")
    if any(scene_numbers(first.scenes) != scene_numbers(tally.scenes) for tally in tallies):
        raise AnalysisError("the seeds of one arm were tested on images of different scenes")
    return Bootstrap(
        names,
        np.concatenate([tally.scores(metric) for tally in tallies]),
        np.stack([tally.scores(metric, weights) for tally in tallies]),
        tallies[0].counts.scenes,
    )
