"""Which arms cannot be distinguished from the best one, by a test of their scores on test.

A score depends on two random things: which images are in the test set, and which seed the model
was trained under. Both are in the standard error of a difference, as in studies of several
readers of the same images (Obuchowski & Rockette 1995; Hillis 2007), where an arm's seeds are its
readers.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

from analysis.statistics.bootstrap import Bootstrap

LEVEL = 0.05


@dataclass(frozen=True)
class Comparison:
    """The best arm against another.

    Attributes:
        difference: the best's mean score over its seeds minus the other's.
        error: standard error of it.
        freedom: degrees of freedom of the error.
        p: two-sided; `compare_with` corrects it for the number of comparisons.
    """

    difference: float
    error: float
    freedom: float
    p: float

    @property
    def tied(self) -> bool:
        """Whether the two cannot be distinguished."""
        return self.p >= LEVEL


@dataclass(frozen=True)
class _Seeds:
    """The effect of seeds on an arm's mean score.

    Attributes:
        variance: of the mean, between seeds, on these very images.
        freedom: its degrees of freedom; 0 where no arm has two seeds, so that it is not known.
        by_image: the part of the variance that is due to errors on different images; resampling
            the images shows it as well, and it must not be counted twice.
    """

    variance: float = 0.0
    freedom: int = 0
    by_image: float = 0.0


def compare_with(best: Bootstrap, others: Sequence[Bootstrap]) -> list[Comparison]:
    """Compare `best` with each of `others`; `p` is corrected for all of them (Holm 1979).

    The statistic is the difference of the mean scores over seeds. Its standard error holds the
    variance over images, by a bootstrap that draws the same images for both arms, and the variance
    between the seeds of each arm. An arm with one seed is taken to vary between seeds as the arms
    with several do on average; if there are none, images are all that is tested. It is compared
    with Student's t, at the degrees of freedom of Welch (1947) and Satterthwaite.

    No pair may have an `obstacle`.
    """
    usual = _usual_seeds([best, *others])
    found = [_compare(best, other, usual) for other in others]
    corrected = holm([comparison.p for comparison in found])
    return [replace(one, p=p) for one, p in zip(found, corrected, strict=True)]


def obstacle(best: Bootstrap, other: Bootstrap) -> str | None:
    """Why the two cannot be compared; None if they can."""
    if other.obstacle or best.obstacle:
        return other.obstacle or best.obstacle
    return None if np.array_equal(best.names, other.names) else "tested on other images"


def holm(values: Sequence[float]) -> list[float]:
    """P values corrected for their number: Holm 1979, "A Simple Sequentially Rejective … Test"."""
    p = np.asarray(values, np.float64)
    order = np.argsort(p)
    steps = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(steps, 1)
    return corrected.tolist()


def _compare(best: Bootstrap, other: Bootstrap, usual: _Seeds) -> Comparison:
    difference = float(best.scores.mean() - other.scores.mean())
    seeds = [_seeds(sample) if len(sample.scores) > 1 else usual for sample in (best, other)]
    images = _variance_over_images(best.resampled.mean(axis=0) - other.resampled.mean(axis=0), best)
    once = max(0.0, images - sum(part.by_image for part in seeds))
    parts = [(once, len(best.names) - 1), *((part.variance, part.freedom) for part in seeds)]
    variance = sum(part for part, _ in parts)
    if variance == 0:  # the same predictions, or none that differs between images
        return Comparison(difference, 0.0, inf, p=float(difference == 0))
    freedom = variance**2 / sum(part**2 / own for part, own in parts if part)
    statistic = abs(difference) / sqrt(variance)
    return Comparison(difference, sqrt(variance), freedom, p=float(2 * stdtr(freedom, -statistic)))


def _seeds(sample: Bootstrap) -> _Seeds:
    """The effect in an arm with several seeds."""
    count = len(sample.scores)
    apart = sample.resampled - sample.resampled.mean(axis=0)
    by_image = sum(_variance_over_images(one, sample) for one in apart)
    return _Seeds(
        variance=float(sample.scores.var(ddof=1)) / count,
        freedom=count - 1,
        by_image=by_image / (count * (count - 1)),
    )


def _usual_seeds(samples: Sequence[Bootstrap]) -> _Seeds:
    """The effect of one seed on a score, from all arms with several together."""
    several = [(_seeds(sample), len(sample.scores)) for sample in samples if len(sample.scores) > 1]
    if not several:
        return _Seeds()
    freedom = sum(part.freedom for part, _ in several)
    return _Seeds(
        variance=sum(part.variance * count * part.freedom for part, count in several) / freedom,
        freedom=freedom,
        by_image=sum(part.by_image * count * part.freedom for part, count in several) / freedom,
    )


def _variance_over_images(resampled: NDArray[np.float64], sample: Bootstrap) -> float:
    # A bootstrap's variance is that of N images divided by N, not by N − 1.
    images = len(sample.names)
    return float(np.nanvar(resampled)) * images / (images - 1)
