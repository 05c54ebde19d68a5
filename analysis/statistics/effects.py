"""The effect of each factor on the score, averaged over the other factors."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.loading import AnalysisError, Run
from analysis.standings import comparable_arms, metric_of, ranked_arms
from runs.winner import Standing


@dataclass(frozen=True, eq=False)
class Effects:
    """Main effects of the factors on the scores of the arms.

    Attributes:
        levels: a row a factor and level, in the order of the sweep: `factor`, `level` (text),
            `mean` (the expected score of the level, with equal weights for the levels of all other
            factors), `effect` (that minus the mean over the factor's levels), `arms` (how many
            have the level).
        scores: a row an arm that has a score: `arm` (position in `run.record.arms`),
            `score`, `fitted`.
        residual: root mean square of what the fit leaves of the scores: how far the arms are from
            a sum of effects, by interactions and by chance.
        balanced: whether every combination of levels is there, once.
        spare: arms beyond the numbers that are fitted; with none, the fit goes through every arm
            and the residual says nothing.
        repeated: whether a score is a mean over seeds; otherwise it is that of the best trial.
        left_out: positions of arms that have a score and were not trained as far as the others.
    """

    levels: pd.DataFrame
    scores: pd.DataFrame
    residual: float
    balanced: bool
    spare: int
    repeated: bool
    left_out: tuple[int, ...]


def effects(run: Run, metric: str | None = None) -> Effects:
    """Fit the arms' validation scores by a sum of one effect a level of each factor.

    Ordinary least squares; over a balanced grid a level's mean is the plain mean of its arms, and
    where arms are left out it is what that mean would be if the effects add up. The score of an arm
    is the mean over its repeats if every arm has them; otherwise it is that of its best trial, so
    that means are not compared with maxima. Arms that were not trained as far as the first one
    (those that dropped out) are left out.

    Args:
        run: what `load` gave.
        metric: one of `run.record.metrics`; by default the one the sweep selects by.

    Raises:
        AnalysisError: no factor has two levels among the arms with a score, or too many arms are
            left out to tell the factors' effects apart.
    """
    metric = metric_of(run, metric)
    comparable = comparable_arms(run, metric)
    scores, repeated = _arm_scores(comparable)
    levels = _levels(run, scores.index)
    if not levels:
        raise AnalysisError("no factor has two values among the arms whose scores can be compared")
    design = np.hstack([np.ones((len(scores), 1)), *(_contrasts(code) for code in levels.values())])
    unknowns = design.shape[1]
    if np.linalg.matrix_rank(design) < unknowns:
        raise AnalysisError(
            f"the scores of {len(scores)} arms cannot tell the effects of {', '.join(levels)} "
            "apart: too many combinations are left out"
        )
    solution = np.linalg.lstsq(design, scores.to_numpy(), rcond=None)[0]
    fitted = design @ solution
    return Effects(
        levels=_level_table(levels, solution),
        scores=pd.DataFrame({"arm": scores.index, "score": scores.to_numpy(), "fitted": fitted}),
        residual=float(np.sqrt(np.mean((scores.to_numpy() - fitted) ** 2))),
        balanced=_balanced(levels),
        spare=len(scores) - unknowns,
        repeated=repeated,
        left_out=tuple(one.arm for one in ranked_arms(run, metric) if one.arm not in scores.index),
    )


def _arm_scores(arms: Sequence[Standing[int]]) -> tuple[pd.Series, bool]:
    """Score by arm, and whether it is a mean over repeats."""
    ranked = sorted(arms, key=lambda one: one.arm)
    repeated = bool(ranked) and all(one.repeats for one in ranked)
    scores = [one.value if repeated else one.trial.score for one in ranked]
    return pd.Series(scores, [one.arm for one in ranked], dtype="float64"), repeated


def _levels(run: Run, arms: pd.Index) -> dict[str, pd.Categorical]:
    """Level of each arm by factor, for factors of two levels or more; levels in sweep order."""
    levels: dict[str, pd.Categorical] = {}
    for factor in run.record.factors:
        texts: list[object] = [str(run.record.arms[arm][factor]) for arm in arms]
        if len(set(texts)) > 1:
            levels[factor] = pd.Categorical(texts, categories=list(dict.fromkeys(texts)))
    return levels


def _contrasts(levels: pd.Categorical) -> NDArray[np.float64]:
    """Columns [arms, levels − 1] whose coefficients are effects that add up to 0 with the last."""
    one_hot = np.eye(len(levels.categories))[levels.codes]
    return one_hot[:, :-1] - one_hot[:, -1:]


def _level_table(levels: dict[str, pd.Categorical], solution: NDArray[np.float64]) -> pd.DataFrame:
    tables, at = [], 1
    for factor, own in levels.items():
        free = solution[at : at + len(own.categories) - 1]
        at += len(free)
        effect = np.append(free, -free.sum())
        tables.append(
            pd.DataFrame(
                {
                    "factor": factor,
                    "level": own.categories.astype(str),
                    "mean": solution[0] + effect,
                    "effect": effect,
                    "arms": np.bincount(own.codes),
                }
            )
        )
    return pd.concat(tables, ignore_index=True)


def _balanced(levels: dict[str, pd.Categorical]) -> bool:
    combinations = list(zip(*levels.values(), strict=True))
    full = int(np.prod([len(own.categories) for own in levels.values()]))
    return len(set(combinations)) == len(combinations) == full
