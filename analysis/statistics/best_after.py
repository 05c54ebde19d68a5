"""The expected best score of n trials, so that arms are compared at the same effort."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import gammaln

from analysis.loading import Run
from analysis.standings import metric_of, validation_scores

MOST_SIZES = 200
"""An arm with more trials than this has a row at this many sizes, evenly spaced in magnitude."""


def best_after(run: Run, metric: str | None = None) -> pd.DataFrame:
    """The expected best validation score of an arm as a function of the effort spent on it.

    Dodge et al. 2019, "Show Your Work: Improved Reporting of Experimental Results" (EMNLP), by the
    estimator of `expected_best`. It takes the trials of an arm as independent draws; a search
    that learns from its trials draws better ones later, so that this is an approximation of it.

    A trial counts at its best epoch. One that was stopped early counts with the score that it had
    then, or with the arm's best finished one if that is lower. Trained to its end it would have
    reached as much or more, so that the curve is a lower bound: too low for few trials, and right
    at the last `n`, where it ends at the arm's `best`. An arm without a finished trial has no
    curve.

    A trial without a score is not a draw, but its time is shared among the others: `seconds` at the
    last `n` is the time of all trials of the arm.

    Args:
        run: what `load` gave.
        metric: one of `run.record.metrics`; by default the one the sweep selects by.

    Returns:
        A row an arm and number of draws, in the order of `run.record.arms`: `arm` (position
        there), `n` (from 1 to the arm's trials with a score; `MOST_SIZES` of them at most),
        `seconds` (n times the mean time of a score), `expected`, and `deviation` (the standard
        deviation of the best of n draws, which is 0 at the last n).
    """
    metric = metric_of(run, metric)
    score = validation_scores(run, metric)
    trials = run.trials.assign(value=run.trials["number"].map(score))
    finished = trials["value"].where(trials["reached"] == 1)
    best = finished.groupby(trials["arm"]).max().dropna()
    curves = [
        _curve(arm, np.minimum(own["value"].dropna(), best[arm]).to_numpy(), own["seconds"].sum())
        for arm, own in trials.groupby("arm")
        if arm in best.index
    ]
    if not curves:
        return pd.DataFrame(columns=["arm", "n", "seconds", "expected", "deviation"])
    return pd.concat(curves, ignore_index=True)


def expected_best(
    scores: NDArray[np.float64], sizes: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation of the best of n draws without replacement.

    The mean is the average of the maximum over all subsets of n scores: the unbiased estimator
    (Tang et al. 2020, "Showing Your Work Doesn't Always Work", ACL). Drawing with replacement, as
    Dodge et al. first did, underestimates, and more so with fewer trials, so that of two equal
    arms the one with more trials would look better.

    Args:
        scores: float64 [B], one a trial.
        sizes: int64 [S], each from 1 to B.

    Returns:
        float64 [S], twice.
    """
    rising, count = np.sort(scores), len(scores)
    lowest = np.arange(count + 1)[:, None]  # [B + 1, 1]: all draws are among so many lowest scores
    enough = lowest >= sizes
    ways = gammaln(lowest + 1) - gammaln(np.where(enough, lowest - sizes, 0) + 1)
    chance = np.where(enough, np.exp(ways - ways[-1]), 0.0)
    share = np.diff(chance, axis=0)  # [B, S]: the chance that this score is the best of n
    mean = rising @ share
    variance = ((rising[:, None] - mean) ** 2 * share).sum(axis=0)
    return mean, np.sqrt(variance)


def _curve(arm: object, scores: NDArray[np.float64], seconds: float) -> pd.DataFrame:
    count = len(scores)
    sizes = np.arange(1, count + 1)
    if count > MOST_SIZES:
        sizes = np.unique(np.geomspace(1, count, MOST_SIZES).round().astype("int64"))
    expected, deviation = expected_best(scores, sizes)
    return pd.DataFrame(
        {
            "arm": arm,
            "n": sizes,
            "seconds": sizes * seconds / max(count, 1),
            "expected": expected,
            "deviation": deviation,
        }
    )
