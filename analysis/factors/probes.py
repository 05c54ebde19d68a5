"""Whether a frozen backbone's score told how it would do once it is fine-tuned."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau

from analysis.factors.pairs import lines_of
from analysis.factors.tested import Tested, TestedArm, arms_on_test
from analysis.loading import AnalysisError, Run
from analysis.statistics.bootstrap import CONFIDENCE, FEWEST_DEFINED
from analysis.statistics.contrasts import Contrast, contrast, obstacle_of
from runs.arms import Arm

FACTOR = "frozen"

FEWEST_ARMS = 3
"""Of fewer, an order says nothing."""


@dataclass(frozen=True, eq=False)
class Probed:
    """An arm with its backbone frozen, and the same fine-tuned.

    Attributes:
        line: values of the other factors.
        frozen, tuned: the two arms.
        added: what fine-tuning adds; None where there is no interval.
    """

    line: Arm
    frozen: TestedArm
    tuned: TestedArm
    added: Contrast | None


@dataclass(frozen=True, eq=False)
class Probes:
    """Frozen and fine-tuned scores side by side.

    Attributes:
        tested: what was scored.
        arms: those that have both, by the score of the frozen one, best first.
        tau: Kendall's rank correlation of the two, with ties counted as τ-b (Kendall 1945); NaN of
            fewer than `FEWEST_ARMS`.
        low, high: its interval over test images, percentiles of the bootstrap; NaN without one.
        p: how likely a τ as high as this is if the orders have nothing to do with each other,
            one-sided and exact without ties (Kendall 1938); NaN where τ is.
        alone: positions of the tested arms that lack the other one.
    """

    tested: Tested
    arms: tuple[Probed, ...]
    tau: float
    low: float
    high: float
    p: float
    alone: tuple[int, ...]


def probes(run: Run) -> Probes:
    """Hold the frozen arms against the fine-tuned ones, all other factors being equal.

    Raises:
        AnalysisError: `frozen` has one value only, nothing was scored on test, or no arm was both.
    """
    if {arm[FACTOR] for arm in run.record.arms} != {True, False}:
        raise AnalysisError(f"{FACTOR} is not both true and false among the arms")
    tested = arms_on_test(run)
    lines = lines_of(tested, FACTOR)
    both = [
        Probed(rest, line[True], line[False], _added(tested, line[True], line[False]))
        for rest, line in lines.items()
        if len(line) == 2
    ]
    if not both:
        raise AnalysisError("no arm was tested both frozen and fine-tuned")
    both.sort(key=lambda one: -one.frozen.score)
    low, high = _bounds(both)
    alone = [one.arm for line in lines.values() if len(line) < 2 for one in line.values()]
    frozen, tuned = [one.frozen.score for one in both], [one.tuned.score for one in both]
    enough = len(both) >= FEWEST_ARMS
    return Probes(
        tested,
        tuple(both),
        tau=float(rank_correlation(np.array([frozen]), np.array([tuned]))[0]) if enough else np.nan,
        low=low,
        high=high,
        p=float(kendalltau(frozen, tuned, alternative="greater").pvalue) if enough else np.nan,
        alone=tuple(alone),
    )


def rank_correlation(
    first: NDArray[np.float64], second: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Kendall's τ-b of each row of two float64 [R, n]; NaN where all of a row are equal.

    (concordant − discordant) / √((pairs − ties of first) (pairs − ties of second)), Kendall 1945.
    """
    above = np.triu_indices(first.shape[1], 1)
    signs = [np.sign(one[:, above[0]] - one[:, above[1]]) for one in (first, second)]
    untied = np.sqrt(np.prod([np.abs(one).sum(axis=1) for one in signs], axis=0))
    with np.errstate(invalid="ignore"):
        return np.asarray((signs[0] * signs[1]).sum(axis=1) / untied)


def _added(tested: Tested, frozen: TestedArm, tuned: TestedArm) -> Contrast | None:
    if not (frozen.sample and tuned.sample) or obstacle_of([tuned.sample, frozen.sample]):
        return None
    return contrast([(1.0, tuned.sample), (-1.0, frozen.sample)], tested.noise)


def _bounds(both: list[Probed]) -> tuple[float, float]:
    samples = [one.sample for pair in both for one in (pair.frozen, pair.tuned) if one.sample]
    if len(both) < FEWEST_ARMS or len(samples) < 2 * len(both) or obstacle_of(samples):
        return np.nan, np.nan
    means = np.stack([one.resampled.mean(axis=0) for one in samples], axis=1)  # [R, 2 n]
    drawn = rank_correlation(means[:, ::2], means[:, 1::2])
    drawn = drawn[np.isfinite(drawn)]
    if len(drawn) < FEWEST_DEFINED * len(means):
        return np.nan, np.nan
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return float(low), float(high)
