"""Metrics of any test images, from what was counted in each of them (see `runs.tallies`).

This is why a bootstrap over test images needs no model: an image that is drawn twice is one whose
counts weigh twice.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from analysis.loading import AnalysisError, Run
from analysis.standings import models_of_arms, ranked_arms
from models.metrics.average_precision import MASK_METRICS, box_scores
from models.metrics.average_precision import METRICS as BOX_METRICS
from models.metrics.confusion import Counts, pixel_scores
from models.metrics.footprint_scores import FOOTPRINT_METRICS, footprint_scores
from models.metrics.image_labels import label_scores
from runs import tallies
from runs.classes import BACKGROUND
from runs.tallies import LabelTally, PixelTally

Weights = NDArray[np.int32]
"""How often each image counts: [R, N] for R resamples of N images."""


@dataclass(frozen=True, eq=False)
class Tally:
    """What one trial found on the test images.

    Attributes:
        counts: by image.
        classes: names of class ids 0, 1, 2, …: background first.
    """

    counts: tallies.Tally
    classes: tuple[str, ...]

    @property
    def names(self) -> NDArray[np.str_]:
        """The images', [N], in an order that all tallies of a run share."""
        return self.counts.names

    @property
    def scenes(self) -> NDArray[np.str_]:
        """The scene of each image, [N]; an image that is no tile is one."""
        return self.names if self.counts.scenes is None else self.counts.scenes

    def scores(self, metric: str, weights: Weights | None = None) -> NDArray[np.float64]:
        """`metric` of each resample, [R]; of the test set as it is, [1], without `weights`.

        NaN where the metric is not defined, such as the IoU of a class on images without it.

        Raises:
            AnalysisError: the task has no such metric.
        """
        if isinstance(self.counts, PixelTally):
            return self._of_pixels(self.counts, metric, lambda counts: _weighed(counts, weights))
        if weights is None:
            weights = np.ones((1, len(self.names)), np.int32)
        if isinstance(self.counts, LabelTally):
            return self._of_labels(self.counts, metric, weights)
        of_masks = metric in MASK_METRICS and self.counts.mask_matched is not None
        if metric not in BOX_METRICS and not of_masks:
            raise AnalysisError(f"{metric} cannot be computed from matches of boxes")
        return box_scores(self.counts, metric, weights)

    def by_image(self, metric: str) -> NDArray[np.float64]:
        """`metric` of each image alone, [N]; errors as of `scores`."""
        if isinstance(self.counts, PixelTally):
            return self._of_pixels(self.counts, metric, lambda counts: counts)
        return self.scores(metric, np.eye(len(self.names), dtype=np.int32))

    def _of_labels(self, tally: LabelTally, metric: str, weights: Weights) -> NDArray[np.float64]:
        try:
            return label_scores(tally, metric, self.classes[1:], weights)
        except KeyError:
            raise AnalysisError(f"{metric} cannot be computed from labels of images") from None

    def _of_pixels(
        self, tally: PixelTally, metric: str, summed: Callable[[Counts], Counts]
    ) -> NDArray[np.float64]:
        """`metric` of the counts that it is made of, once they are `summed`."""
        if metric in FOOTPRINT_METRICS:
            if tally.footprints is None:
                raise AnalysisError(f"the tally has no footprints to compute {metric} of")
            return footprint_scores(summed(tally.footprints))[metric]
        by_name = pixel_scores(summed(tally.confusion), self.classes)
        if metric not in by_name:
            raise AnalysisError(f"{metric} cannot be computed from counts of pixels")
        return by_name[metric]


def tally_file(run: Run, name: str) -> Path | None:
    """Where the tally of a trial or a repeat lies; None of one that was not tested."""
    return run.directory.tally_file(run.tested[name]) if name in run.tested else None


def is_tallied(run: Run, name: str) -> bool:
    """Whether a trial or a repeat has a tally."""
    file = tally_file(run, name)
    return file is not None and file.is_file()


def read_tally(run: Run, name: str) -> Tally:
    """The tally of a trial or a repeat.

    Raises:
        AnalysisError: it was not tested, or its tally is of other classes.
        TallyError: the file is missing or damaged.
    """
    file = tally_file(run, name)
    if file is None:
        raise AnalysisError(f"{run.path}: {name} was not scored on test")
    counts, classes = tallies.read_tally(file), (BACKGROUND, *run.record.data.classes)
    known = counts.confusion if isinstance(counts, PixelTally) else counts.truths
    expected = len(classes) if isinstance(counts, PixelTally) else len(classes) - 1
    if known.shape[-1] != expected:
        raise AnalysisError(
            f"{file} counts {known.shape[-1]} classes, but run.json has {expected}: restore it, or "
            "delete it to do without"
        )
    return Tally(counts, classes)


def best_tallies(run: Run) -> tuple[int, list[Tally]]:
    """Position of the first arm of the ranking, and a tally a seed of it.

    Raises:
        AnalysisError: no trial has a score, or the arm was not tested.
    """
    metric = run.record.metric
    ranked = ranked_arms(run, metric)
    if not ranked:
        raise AnalysisError("no trial has a score yet")
    arm, models = ranked[0].arm, models_of_arms(run, metric)
    names = models.loc[models["arm"] == arm, "name"].tolist()
    if not all(is_tallied(run, name) for name in names):
        raise AnalysisError("what the best arm finds in each test image is not on record")
    return arm, [read_tally(run, name) for name in names]


def _weighed(counts: Counts, weights: Weights | None) -> NDArray[np.float64]:
    """Counts [N, …] summed over images: [R, …], or [1, …] without weights."""
    if weights is None:
        return counts.sum(axis=0, dtype=np.float64)[None]
    # In float64, which is exact up to 2⁵³, matrix products are fast.
    flat = counts.reshape(len(counts), -1).astype(np.float64)
    return (weights.astype(np.float64) @ flat).reshape(len(weights), *counts.shape[1:])
