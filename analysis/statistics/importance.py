"""Which hyperparameters mattered, within each arm and across all of them."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import optuna
import pandas as pd
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

from analysis.loading import AnalysisError, Run, once_a_run
from analysis.standings import metric_of, validation_scores
from runs.records import Domain

TOP = 0.25
"""Importances are of what it took to be among this share of the trials, the best ones."""

FEWEST = 20
"""Fewer trials with a score say nothing: five of these are in the top quarter."""

MOST = 500
"""Of more trials, so many are looked at, evenly spaced in the order in which they began."""

SHUFFLES = 19
"""An importance is clear if it is above that of so many shuffles of the scores: p = 1/20."""


@dataclass(frozen=True, eq=False)
class Importance:
    """What mattered in one set of trials.

    Attributes:
        arm: position in `run.record.arms`; None: all arms, whose factors count as parameters.
        trials: how many with a score; the numbers are of `MOST` of them at most.
        shares: importance by parameter, highest first; they add up to 1. Empty where there is a
            `reason`.
        clear: the parameters of more importance than under any of `SHUFFLES` random shuffles of
            the scores (a Monte Carlo test at 5 %, a parameter at a time).
        reason: why there are no numbers; None if there are.
    """

    arm: int | None
    trials: int
    shares: dict[str, float]
    clear: frozenset[str]
    reason: str | None


@once_a_run
def importances(run: Run, metric: str | None = None) -> list[Importance]:
    """Importances across arms, then those within each arm that was tried, in the sweep's order.

    By PED-ANOVA (Watanabe et al. 2023, IJCAI; in Optuna, which extends it to parameters that only
    some arms have): how far the values of the best `TOP` of the trials are from those of all
    trials. This is what it took to be among the best. It is not how much the score varied, as in
    fANOVA, and it does not say which value is good.

    The best are the first ones in the order of `runs.winner`: a trial that was trained further
    is above one that was stopped, because as a rule it was better when that one was stopped. (What
    a sweep trains to its end to finish every arm is above the others as well.)

    Args:
        run: what `load` gave.
        metric: one of `run.record.metrics`; by default the one the sweep selects by.

    Raises:
        AnalysisError: a trial has a value outside of its domain.
    """
    metric = metric_of(run, metric)
    value = validation_scores(run, metric)
    trials = run.trials.assign(value=run.trials["number"].map(value)).dropna(subset="value")
    # PED-ANOVA looks at the order alone; equal trials share a rank.
    trials["value"] = trials.groupby(["reached", "value"]).ngroup().astype("float64")
    domains = run.record.tune
    arms = sorted(set(trials["arm"]))
    searched = {arm: [key for key in searched_in(run, arm) if key in domains] for arm in arms}
    with _quiet():
        records = pd.Series(_records(run, trials, domains, searched), index=trials.index)
        factors = [name for name in run.record.factors if trials[f"arm/{name}"].nunique() > 1]
        everywhere = factors + [key for key in domains if any(key in searched[a] for a in arms)]
        within = [
            _importance(arm, searched[arm], records[trials["arm"] == arm].tolist()) for arm in arms
        ]
        return [_importance(None, everywhere, records.tolist()), *within]


def _records(
    run: Run,
    trials: pd.DataFrame,
    domains: dict[str, Domain],
    searched: dict[int, list[str]],
) -> list[optuna.trial.FrozenTrial]:
    """The trials in Optuna's terms: each has the factors and what was searched in its arm."""
    factors = {
        name: CategoricalDistribution(
            list(dict.fromkeys(str(arm[name]) for arm in run.record.arms))
        )
        for name in run.record.factors
    }
    tuned = {name: _distribution(domain) for name, domain in domains.items()}
    records = []
    for trial in trials.to_dict("records"):
        keys = searched[trial["arm"]]
        arm = run.record.arms[trial["arm"]]
        params = {name: str(arm[name]) for name in factors}
        try:
            record = optuna.create_trial(
                params=params | {key: trial[f"config/{key}"] for key in keys},
                distributions={**factors, **{key: tuned[key] for key in keys}},
                value=trial["value"],
            )
        except ValueError as error:
            raise AnalysisError(
                f"{run.path}: tune of run.json does not match trial {trial['name']}: {error}"
            ) from error
        records.append(record)
    return records


def searched_in(run: Run, arm: int) -> list[str]:
    """Hyperparameters that took more than one value among the trials of the arm at `arm`.

    Others mean nothing there, or a variant of the arm sets them.
    """
    trials = run.trials[run.trials["arm"] == arm]
    return [key for key in run.tuned if trials[f"config/{key}"].nunique() > 1]


def _distribution(domain: Domain) -> BaseDistribution:
    if domain.choice is not None:
        return CategoricalDistribution(domain.choice)
    if domain.log_uniform is not None:
        return FloatDistribution(*domain.log_uniform, log=True)
    assert domain.uniform is not None
    return FloatDistribution(*domain.uniform)


def _importance(
    arm: int | None, names: Sequence[str], records: list[optuna.trial.FrozenTrial]
) -> Importance:
    count = len(records)
    if count > MOST:
        records = [records[at] for at in np.linspace(0, count - 1, MOST).round().astype("int64")]
    scores = np.array([record.value for record in records], dtype="float64")
    if reason := _why_not(names, scores):
        return Importance(arm, count, {}, frozenset(), reason)
    study = optuna.create_study(direction="maximize")
    study.add_trials(records)
    found = _distances(study, names, scores)
    shuffle = np.random.default_rng(0).permutation
    by_chance = [_distances(study, names, shuffle(scores)) for _ in range(SHUFFLES)]
    total = sum(found.values())
    clear = {name for name in names if all(found[name] > other[name] for other in by_chance)}
    ordered = sorted(names, key=lambda name: -found[name])
    return Importance(
        arm, count, {name: found[name] / total for name in ordered}, frozenset(clear), None
    )


def _why_not(names: Sequence[str], scores: NDArray[np.float64]) -> str | None:
    if len(scores) < FEWEST:
        return f"{len(scores)} trials with a score, and {FEWEST} are needed"
    if not names:
        return "nothing was searched"
    if np.quantile(scores, 1 - TOP) == scores.min():
        return f"three quarters of its {len(scores)} trials have the same score"
    return None


def _distances(
    study: optuna.Study, names: Sequence[str], scores: NDArray[np.float64]
) -> dict[str, float]:
    """By parameter, how far the values of the best trials (by `scores`) are from those of all."""
    return get_param_importances(
        study,
        evaluator=PedAnovaImportanceEvaluator(target_quantile=TOP),
        params=list(names),
        target=lambda trial: -float(scores[trial.number]),
        normalize=False,
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Without Optuna's line a study, and without its warnings of what is intended here.

    Targets are minimised, as ours are to be; a parameter that a single trial lacks (its arm was
    tried once) is looked at in the others.
    """
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            warnings.filterwarnings("ignore", message=".*to achieve low `target` values")
            warnings.filterwarnings("ignore", message="Some regimes for parameter")
            yield
    finally:
        optuna.logging.set_verbosity(before)
