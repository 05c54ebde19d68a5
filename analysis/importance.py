"""Which hyperparameters mattered, within each arm and across all of them."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
import pandas as pd
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

from analysis.ranking import best_epochs, metric_of
from analysis.runs import AnalysisError, Run, once_a_run
from analysis.searched import Domain, domains_of, searched_in
from analysis.tables import MISSING

#: What reaching this share of the best trials took is what the importances are of.
TOP = 0.25
#: Fewer trials with a score say nothing: five of them are in the top quarter.
FEWEST = 20
#: Of more trials, as many are looked at, evenly spaced in the order they were begun.
MOST = 500
#: An importance is clear if it is above that of as many shuffles of the scores: p = 1/20.
SHUFFLES = 19


@dataclass(frozen=True, eq=False)
class Importance:
    """What mattered in one set of trials.

    Attributes:
        arm: position in ``run.info["arms"]``; None: all arms, whose factors count as parameters.
        trials: how many with a score; the numbers are of ``MOST`` of them at most.
        shares: importance by parameter, highest first; they add up to 1. Empty where there is a
            ``reason``.
        clear: the parameters of more importance than under any of ``SHUFFLES`` random shuffles of
            the scores (a Monte Carlo test at 5 %, a parameter at a time).
        reason: why there are no numbers.
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
    some arms have): how far the values of the best ``TOP`` of the trials are from those of all
    trials. It is what it took to be among the best, and not how much the score varied on the way,
    as fANOVA has it, nor does it say which value is good.

    Args:
        run: what ``load`` gave.
        metric: one of ``run.info["metrics"]``; by default the one the sweep selects by.

    Raises:
        AnalysisError: ``sweep.yaml`` is not there or damaged, or does not fit the trials.
    """
    metric = metric_of(run, metric)
    value = best_epochs(run, metric).set_index("number")[metric]
    trials = run.trials.assign(value=run.trials["number"].map(value)).dropna(subset="value")
    domains = domains_of(run)
    arms = sorted(set(trials["arm"]))
    searched = {arm: [key for key in searched_in(run, arm) if key in domains] for arm in arms}
    with _quiet():
        records = pd.Series(_records(run, trials, domains, searched), index=trials.index)
        factors = [name for name in run.info["factors"] if trials[f"arm/{name}"].nunique() > 1]
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
            list(dict.fromkeys(_text(arm[name]) for arm in run.info["arms"]))
        )
        for name in run.info["factors"]
    }
    tuned = {name: _distribution(domain) for name, domain in domains.items()}
    records = []
    for trial in trials.to_dict("records"):
        keys = searched[trial["arm"]]
        arm = run.info["arms"][trial["arm"]]
        params = {name: _text(arm[name]) for name in factors}
        try:
            record = optuna.create_trial(
                params=params | {key: trial[f"config/{key}"] for key in keys},
                distributions={**factors, **{key: tuned[key] for key in keys}},
                value=trial["value"],
            )
        except ValueError as error:
            raise AnalysisError(
                f"{run.path / 'sweep.yaml'} does not fit trial {trial['name']}: {error}."
            ) from error
        records.append(record)
    return records


def _text(level: Any) -> str:
    return MISSING if level is None else str(level)


def _distribution(domain: Domain) -> BaseDistribution:
    if choices := domain.get("choice"):
        return CategoricalDistribution(choices)
    if limits := domain.get("log_uniform"):
        return FloatDistribution(*limits, log=True)
    return FloatDistribution(*(domain.get("uniform") or (0.0, 0.0)))


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
        return f"{len(scores)} of the {FEWEST} scored trials that it takes"
    if not names:
        return "nothing was searched"
    if np.quantile(scores, 1 - TOP) == scores.min():
        return f"three quarters of its {len(scores)} trials score alike"
    return None


def _distances(
    study: optuna.Study, names: Sequence[str], scores: NDArray[np.float64]
) -> dict[str, float]:
    """How far the best trials' values are from all trials', by parameter, if these were scores."""
    return get_param_importances(
        study,
        evaluator=PedAnovaImportanceEvaluator(target_quantile=TOP),
        params=list(names),
        target=lambda trial: -float(scores[trial.number]),
        normalize=False,
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Without Optuna's line a study, and what it warns of that is meant here.

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
