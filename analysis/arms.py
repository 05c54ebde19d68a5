"""The arms of one sweep or of several as a data frame, best first, with what is uncertain of each.

Arms whose best configuration was trained again under other seeds are ranked by their mean on
validation over those repeats, above the others, which are ranked by their best trial.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from analysis.chosen import chosen_models
from analysis.costs import costs_of
from analysis.ranking import STATUS_COLUMNS, bare_names, best_epochs, metric_of, prefixed
from analysis.runs import AnalysisError, Run
from analysis.tables import MISSING
from analysis.uncertainty import Uncertainty, uncertainty_of


@dataclass(frozen=True, eq=False)
class Ranking:
    """Arms, best first.

    Attributes:
        runs: where they come from.
        metric: what they are ranked by.
        frame: see ``rank_arms``; of several runs, with their names in a column ``sweep``.
        labels: each row's arm in a sentence.
        uncertainty: what the bootstrap over test images says of each row.
    """

    runs: tuple[Run, ...]
    metric: str
    frame: pd.DataFrame
    labels: tuple[str, ...]
    uncertainty: Uncertainty


def rank_arms(run: Run, metric: str | None = None) -> pd.DataFrame:
    """A row an arm that got a trial, best first; ties in the order the sweep lists its arms.

    Columns: ``rank``, one a factor, ``best`` and ``median`` (validation, over the arm's scored
    trials), ``test`` (of the arm's best trial; NaN where ``test.json`` does not have it), ``n``
    (all its trials), of which ``pruned``, ``diverged``, ``failed``, ``unfinished`` (each only if
    the run has any), the ``epochs`` and ``seconds`` spent on all of them, and what
    ``costs.costs_of`` adds.

    If the run has repeats, and by the metric the sweep selects by, an arm's ``mean`` is over its
    repeats on validation, its ``test`` is their mean, with their standard deviation ``std`` and
    number ``seeds``; the arms with repeats come first, by ``mean``.

    If the test images were tallied, there are the bounds of ``test``, ``ci_low`` and ``ci_high``,
    and of each arm the ``difference`` of the first one's ``test`` and its own, with the ``p`` of
    it and whether the two are ``tied`` (see ``ties.compare_with``; missing where this cannot be
    said).

    Args:
        run: what ``load`` gave.
        metric: one of ``run.info["metrics"]``; by default the one the sweep selects by.
    """
    return rank_runs([run], metric).frame


def rank_runs(runs: Sequence[Run], metric: str | None = None) -> Ranking:
    """Rank the arms of all runs together, as ``rank_arms`` ranks those of one.

    Raises:
        AnalysisError: the runs rank by different metrics, or are on different data, or one has no
            such metric; the message names the difference.
    """
    metric = _common_metric(runs, metric)
    devices = {device for run in runs for device in run.trials["device"].dropna()}
    arms = pd.concat(
        [_arms(run, metric, len(devices) > 1).assign(run=at) for at, run in enumerate(runs)],
        ignore_index=True,
    )
    counts = [heading for heading in STATUS_COLUMNS.values() if heading in arms]
    arms[counts] = arms[counts].fillna(0).astype("int64")  # of a run without any
    arms = _ordered(arms)
    places = arms.pop("run").tolist()
    of = [runs[at] for at in places]
    models = [names if isinstance(names, tuple) else () for names in arms.pop("models")]
    found = uncertainty_of(list(zip(of, models, strict=True)), metric)
    for at, column in enumerate(found.frame, start=arms.columns.tolist().index("n")):
        arms.insert(at, column, found.frame[column])
    if len(runs) > 1:
        names = names_of(runs)
        arms.insert(0, "sweep", [names[at] for at in places])
    labels = tuple(
        label(run, run.info["arms"][position])
        for run, position in zip(of, arms.pop("arm"), strict=True)
    )
    arms.insert(0, "rank", range(1, len(arms) + 1))
    return Ranking(tuple(runs), metric, bare_names(arms), labels, found)


def label(run: Run, arm: Mapping[str, Any]) -> str:
    """An arm in a sentence: its values, by factor."""
    values = [arm.get(factor) for factor in run.info["factors"]]
    return " · ".join(MISSING if value is None else str(value) for value in values)


def names_of(runs: Sequence[Run]) -> list[str]:
    """What to call each run: its sweep, or its path where two sweeps have one name."""
    names = [run.info["name"] for run in runs]
    return [
        name if names.count(name) == 1 else str(run.path)
        for run, name in zip(runs, names, strict=True)
    ]


def _arms(run: Run, metric: str, devices_differ: bool) -> pd.DataFrame:
    """The arms of one run in the order the sweep lists them; ``models`` are what was tested."""
    value = best_epochs(run, metric).set_index("number")[metric]
    trials = run.trials.assign(value=run.trials["number"].map(value))
    by_arm = trials.groupby("arm")
    arms = by_arm[prefixed(trials, "arm/")].first(skipna=False)
    arms["best"], arms["median"] = by_arm["value"].max(), by_arm["value"].median()
    arms = arms.join(_tested(run, metric))
    arms["n"] = by_arm.size()
    for status, heading in STATUS_COLUMNS.items():
        if (has := trials["status"].eq(status)).any():
            arms[heading] = has.groupby(trials["arm"]).sum()
    arms = arms.join(by_arm[["epochs", "seconds"]].sum()).join(costs_of(run, devices_differ))
    return arms.reset_index()


def _tested(run: Run, metric: str) -> pd.DataFrame:
    """By arm: ``mean``, ``std`` and ``seeds`` if any arm has repeats, ``test``, and ``models``."""
    chosen = chosen_models(run, metric)
    by_arm = chosen.groupby("arm")
    tested = pd.DataFrame({"test": by_arm["test"].mean()})
    if "of" in chosen:
        repeated = by_arm["of"].count() > 0
        tested.insert(0, "mean", by_arm["validation"].mean().where(repeated))
        tested["std"] = by_arm["test"].std().where(repeated)
        tested["seeds"] = by_arm["test"].count().where(repeated).astype("Int64")
    named = chosen.dropna(subset="test").groupby("arm")["name"].agg(tuple)
    tested["models"] = named.reindex(tested.index)
    return tested


def _ordered(arms: pd.DataFrame) -> pd.DataFrame:
    # The rows are in the order of the sweeps, which a stable sort leaves to those that are alike.
    arms = arms.sort_values("best", ascending=False, kind="stable")
    if "mean" in arms:
        arms = arms.sort_values("mean", ascending=False, kind="stable")
    return arms.reset_index(drop=True)


def _common_metric(runs: Sequence[Run], metric: str | None) -> str:
    first, *others = runs
    for other in others:
        pair = f"{first.path} and {other.path} cannot be compared"
        if metric is None and first.info["metric"] != other.info["metric"]:
            raise AnalysisError(
                f"{pair}: the first ranks by {first.info['metric']}, the second by "
                f"{other.info['metric']}; name one metric of both with --sort."
            )
        for key in ("name", "fingerprint"):
            ours, theirs = (run.info["data"].get(key) for run in (first, other))
            if ours != theirs or ours is None:
                raise AnalysisError(
                    f"{pair}: the {key} of their data differs, {ours} and {theirs}."
                )
    for run in runs:
        metric_of(run, metric)
    return metric or first.info["metric"]
