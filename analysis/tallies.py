"""Tallies: what was counted in each test image, from which any metric of any images follows.

``test.npz`` beside the weights of a trial or a repeat holds one. It is why a bootstrap over test
images needs no model: an image that is drawn twice is one whose counts weigh twice.
"""

import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from analysis.box_scores import METRICS as BOX_METRICS
from analysis.box_scores import box_scores
from analysis.runs import AnalysisError, Run
from models.metrics.counts import FOOTPRINT_METRICS, Counts, footprint_scores, pixel_scores

Weights = NDArray[np.int32]
"""How often each image counts: [R, N] for R resamples of N images."""


class Tally(Protocol):
    """What one trial found on the test images."""

    @property
    def names(self) -> NDArray[np.str_]:
        """The images', [N], in an order that all tallies of a run share."""

    def scores(self, metric: str, weights: Weights | None = None) -> NDArray[np.float64]:
        """``metric`` of each resample, [R]; of the test set as it is, [1], without ``weights``.

        NaN where the metric is not defined, such as the IoU of a class on images without it.

        Raises:
            AnalysisError: a tally of this kind has no such metric.
        """


@dataclass(frozen=True, eq=False)
class PixelTally:
    """A segmenter's.

    Attributes:
        names: str [N].
        confusion: int64 [N, K + 1, K + 1], pixels by image, true class and found class.
        footprints: int64 [N, 3], buildings found, proposed in vain and missed; None without any.
        classes: their names, background first.
    """

    names: NDArray[np.str_]
    confusion: NDArray[np.int64]
    footprints: NDArray[np.int64] | None
    classes: tuple[str, ...]

    def scores(self, metric: str, weights: Weights | None = None) -> NDArray[np.float64]:
        """See ``Tally``."""
        return self._of(metric, lambda counts: _weighed(counts, weights))

    def by_image(self, metric: str) -> NDArray[np.float64]:
        """``metric`` of each image alone, [N]; errors as of ``scores``."""
        return self._of(metric, lambda counts: counts)

    def _of(self, metric: str, summed: Callable[[Counts], Counts]) -> NDArray[np.float64]:
        """``metric`` of the counts it is made of, once they are ``summed``."""
        if metric in FOOTPRINT_METRICS:
            if self.footprints is None:
                raise AnalysisError(f"There are no footprints in the tally to compute {metric} of.")
            return footprint_scores(summed(self.footprints))[metric]
        by_name = pixel_scores(summed(self.confusion), self.classes)
        if metric not in by_name:
            raise AnalysisError(f"{metric} cannot be computed from counts of pixels.")
        return by_name[metric]


@dataclass(frozen=True, eq=False)
class BoxTally:
    """A detector's: which of its boxes are right; see ``models.metrics.box_matches``.

    Attributes:
        names: str [N].
        truths: int64 [N, K], true boxes by image and class.
        image, label: int64 [D], of each detection; labels are 1 … K.
        score: float32 [D].
        matched: bool [D, 10], whether it takes a truth at IoU .50, .55, … .95.
    """

    names: NDArray[np.str_]
    truths: NDArray[np.int64]
    image: NDArray[np.int64]
    label: NDArray[np.int64]
    score: NDArray[np.float32]
    matched: NDArray[np.bool_]

    def scores(self, metric: str, weights: Weights | None = None) -> NDArray[np.float64]:
        """See ``Tally``."""
        if metric not in BOX_METRICS:
            raise AnalysisError(f"{metric} cannot be computed from matches of boxes.")
        if weights is None:
            weights = np.ones((1, len(self.names)), np.int32)
        return box_scores(self, metric, weights)


def tally_file(run: Run, name: str) -> Path:
    """Where the tally of a trial or a repeat lies, if it has one."""
    folder = "repeats" if name in set(run.repeats["name"]) else "trials"
    return run.path / folder / name / "test.npz"


def read_tally(run: Run, name: str) -> Tally:
    """The tally of a trial or a repeat.

    Raises:
        AnalysisError: it has none (only what was scored on test has), or the file is damaged.
    """
    file = tally_file(run, name)
    try:
        with np.load(file, allow_pickle=False) as archive:
            arrays = dict(archive)
    except FileNotFoundError as error:
        raise AnalysisError(f"{file} is not there: {name} has no tally of the test set.") from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise _damaged(file, str(error)) from error
    if "confusion" in arrays:
        tally: Tally = _pixels(file, arrays, _classes(run))
    else:
        tally = _boxes(file, arrays)
    if len(set(tally.names.tolist())) < len(tally.names):
        raise _damaged(file, "it names an image twice")
    return tally


def _classes(run: Run) -> tuple[str, ...]:
    """Background first, in the order of their ids."""
    metrics = run.info["metrics"]
    return tuple(name.removeprefix("IoU/") for name in metrics if name.startswith("IoU/"))


def _pixels(file: Path, arrays: dict[str, NDArray], classes: tuple[str, ...]) -> PixelTally:
    images, size = len(_array(file, arrays, "names", ())), len(classes)
    footprints = None
    if "footprints" in arrays:
        footprints = _array(file, arrays, "footprints", (images, 3))
    confusion = _array(file, arrays, "confusion", (images, size, size))
    return PixelTally(arrays["names"], confusion, footprints, classes)


def _boxes(file: Path, arrays: dict[str, NDArray]) -> BoxTally:
    images = len(_array(file, arrays, "names", ()))
    truths = _array(file, arrays, "truths", (images,))
    image = _array(file, arrays, "image", ())
    label = _array(file, arrays, "label", image.shape)
    score = _array(file, arrays, "score", image.shape)
    matched = _array(file, arrays, "matched", (len(image), 10))
    if len(image) and not (image.min() >= 0 and image.max() < images):
        raise _damaged(file, f"it has detections in images that are none of its {images}")
    return BoxTally(arrays["names"], truths, image, label, score, matched)


def _array(file: Path, arrays: dict[str, NDArray], key: str, shape: tuple[int, ...]) -> NDArray:
    """The array of this name, whose first dimensions must be these."""
    if key not in arrays:
        raise _damaged(file, f"it has no {key}")
    if arrays[key].shape[: len(shape)] != shape:
        raise _damaged(file, f"its {key} are {arrays[key].shape} instead of {shape}")
    return arrays[key]


def _damaged(file: Path, problem: str) -> AnalysisError:
    return AnalysisError(f"{file} is damaged ({problem}); restore it, or delete it to do without.")


def _weighed(counts: Counts, weights: Weights | None) -> NDArray[np.float64]:
    """Counts [N, …] summed over images: [R, …], or [1, …] without weights."""
    if weights is None:
        return counts.sum(axis=0, dtype=np.float64)[None]
    # In float64, which is exact up to 2⁵³, matrix products are fast.
    flat = counts.reshape(len(counts), -1).astype(np.float64)
    return (weights.astype(np.float64) @ flat).reshape(len(weights), *counts.shape[1:])
