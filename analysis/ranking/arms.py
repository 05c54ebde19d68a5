"""The arms of one sweep or of several as a data frame, best first, with their uncertainty.

The order is that of `runs.winner`: arms whose first trial was trained again under other seeds are
ranked by their mean on validation over those repeats, above the others, which are ranked by their
first trial: those that were trained to its end before those that dropped out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd

from analysis.loading import AnalysisError, Run
from analysis.ranking.comparable import check_comparable, names_of, told_apart
from analysis.ranking.trials import STATUS_COLUMNS, bare_names, prefixed
from analysis.ranking.uncertainty import Uncertainty, uncertainty_of
from analysis.standings import (
    metric_of,
    models_of_arms,
    ranked_arms,
    trained_as_far,
    validation_scores,
)
from analysis.statistics.costs import costs_of
from analysis.unfinished import Unfinished, epoch_reached, unfinished_arms


class RankedArm(NamedTuple):
    """An arm in a ranking: its run's position in `Ranking.runs`, and its own in `record.arms`."""

    run: int
    arm: int


@dataclass(frozen=True, eq=False)
class Ranking:
    """Arms, best first.

    Attributes:
        runs: where they come from.
        metric: what they are ranked by.
        arms: which they are.
        frame: a row an arm, see `rank_arms`; of several runs, with their names in a column `sweep`.
        uncertainty: what the bootstrap over test images says of each row.
        unfinished: the rows of arms without a finished training, and how far they were trained.
    """

    runs: tuple[Run, ...]
    metric: str
    arms: tuple[RankedArm, ...]
    frame: pd.DataFrame
    uncertainty: Uncertainty
    unfinished: dict[int, Unfinished]

    @property
    def titles(self) -> tuple[str, ...]:
        """Each arm as a sentence has it; of several runs, with the name of its own."""
        titles = [self.runs[one.run].record.arms[one.arm].title for one in self.arms]
        if len(self.runs) == 1:
            return tuple(titles)
        names = names_of(self.runs)
        return tuple(
            f"{title} ({names[one.run]})" for title, one in zip(titles, self.arms, strict=True)
        )


def rank_arms(run: Run, metric: str | None = None) -> pd.DataFrame:
    """A row an arm that got a trial, best first; see `runs.winner` for the order.

    Arms without a score are last, in the order of the sweep.

    Columns: `rank`, one a factor, `best` (validation score of the arm's first trial), `median`
    (over those of its trials that were trained as far as that one), `epoch` (how far that was, as
    `6 of 30`; only if an arm has no finished training), `test` (of the arm's first trial; NaN where
    `test.json` does not have it), `n` (all its trials), of which `finished` (only if some were
    not), `pruned`, `stopped` (by hand), `diverged`, `failed`, `unfinished` (each only if the run
    has any), the `epochs` and `seconds` spent on all of them, and what `costs.costs_of` adds.

    If the first trial of an arm has repeats, the arm's `mean` is over them on validation, its
    `test` is their mean, with their standard deviation `std` and number `seeds`.

    Where the test images were tallied, there are the bounds of `test`, `ci_low` and `ci_high`,
    and of each arm the `difference` of the first one's `test` and its own, with the `p` of
    it and whether the two are `tied` (see `ties.compare_with`; missing where they cannot be
    compared, as with an arm that has no finished training).

    Args:
        run: what `load` gave.
        metric: one of `run.record.metrics`; by default the one that the sweep selects by.
    """
    return rank_runs([run], metric).frame


def rank_runs(runs: Sequence[Run], metric: str | None = None) -> Ranking:
    """Rank the arms of all runs together, as `rank_arms` ranks those of one.

    Equal arms of several runs are in the order of the runs. A factor of one run that is a setting
    of another has its value there in the arms' rows.

    Raises:
        AnalysisError: the runs rank by different metrics, or are scored on other test images, or
            one has no such metric; the message names the difference.
    """
    metric = _common_metric(runs, metric)
    devices = {device for run in runs for device in run.trials["device"].dropna()}
    table = pd.concat(
        [
            _arms(run, metric, len(devices) > 1, told_apart(runs)).assign(run=at)
            for at, run in enumerate(runs)
        ],
        ignore_index=True,
    )
    counts = [heading for heading in {*STATUS_COLUMNS.values()} if heading in table]
    table[counts] = table[counts].fillna(0).astype("int64")  # of a run without any
    if table["finished"].eq(table["n"]).all():
        del table["finished"]
    table = _in_order(table, runs, metric)
    arms = tuple(map(RankedArm, table.pop("run").tolist(), table.pop("arm").tolist()))
    models = [names if isinstance(names, tuple) else () for names in table.pop("models")]
    of = [runs[one.run] for one in arms]
    unfinished = _unfinished(runs, arms, metric)
    if not unfinished:
        del table["epoch"]
    found = uncertainty_of(
        list(zip(of, models, strict=True)),
        metric,
        {row: one.reason for row, one in unfinished.items()},
    )
    for at, column in enumerate(found.frame, start=table.columns.tolist().index("n")):
        table.insert(at, column, found.frame[column])
    if len(runs) > 1:
        names = names_of(runs)
        table.insert(0, "sweep", [names[one.run] for one in arms])
    table.insert(0, "rank", range(1, len(table) + 1))
    return Ranking(tuple(runs), metric, arms, bare_names(table), found, unfinished)


def _arms(run: Run, metric: str, devices_differ: bool, settings: Sequence[str]) -> pd.DataFrame:
    """The arms of one run in the order of the sweep; `models` are what was tested.

    `settings` tell them from the arms of other runs: a column each, like one of a factor.
    """
    trials = run.trials
    by_arm = trials.groupby("arm")
    arms = by_arm[prefixed(trials, "arm/")].first(skipna=False)
    for key in settings:
        if f"arm/{key}" not in arms and f"config/{key}" in trials:
            arms[f"arm/{key}"] = by_arm[f"config/{key}"].agg(_only)
    arms = arms.join(_validated(run, metric)).join(_tested(run, metric))
    arms["n"] = by_arm.size()
    arms["finished"] = trials["status"].eq("done").groupby(trials["arm"]).sum()
    headings = trials["status"].map(STATUS_COLUMNS)
    for heading in dict.fromkeys(STATUS_COLUMNS.values()):
        if (has := headings.eq(heading)).any():
            arms[heading] = has.groupby(trials["arm"]).sum()
    arms = arms.join(by_arm[["epochs", "seconds"]].sum()).join(costs_of(run, devices_differ))
    return arms.reset_index()


def _only(values: pd.Series) -> object:
    """The value that all have; none if it was searched."""
    return values.iloc[0] if values.nunique(dropna=False) == 1 else None


def _validated(run: Run, metric: str) -> pd.DataFrame:
    """By arm that has a score: `best`, `median` and `epoch`, of trainings of one length."""
    scores = run.trials["number"].map(validation_scores(run, metric))
    rows = {}
    for one in ranked_arms(run, metric):
        median = scores[trained_as_far(run, one)].median()
        rows[one.arm] = (one.trial.score, median, epoch_reached(run, one.trial.number))
    columns = {"best": "float64", "median": "float64", "epoch": "str"}
    return pd.DataFrame.from_dict(rows, orient="index", columns=list(columns)).astype(columns)


def _unfinished(
    runs: Sequence[Run], arms: Sequence[RankedArm], metric: str
) -> dict[int, Unfinished]:
    """The rows of arms without a finished training."""
    found = [unfinished_arms(run, metric) for run in runs]
    return {
        row: found[one.run][one.arm] for row, one in enumerate(arms) if one.arm in found[one.run]
    }


def _tested(run: Run, metric: str) -> pd.DataFrame:
    """By arm: `mean`, `std` and `seeds` if any arm has repeats, `test`, and `models`."""
    models = models_of_arms(run, metric)
    by_arm = models.groupby("arm")
    tested = pd.DataFrame({"test": by_arm["test"].mean()})
    if models["of"].notna().any():
        repeated = by_arm["of"].count() > 0
        tested.insert(0, "mean", by_arm["validation"].mean().where(repeated))
        tested["std"] = by_arm["test"].std().where(repeated)
        tested["seeds"] = by_arm["test"].count().where(repeated).astype("Int64")
    named = models.dropna(subset="test").groupby("arm")["name"].agg(tuple)
    tested["models"] = named.reindex(tested.index)
    return tested


def _in_order(table: pd.DataFrame, runs: Sequence[Run], metric: str) -> pd.DataFrame:
    orders = {
        (at, standing.arm): standing.order
        for at, run in enumerate(runs)
        for standing in ranked_arms(run, metric)
    }
    keys = [orders.get(one) for one in zip(table["run"], table["arm"], strict=True)]
    # Stable: equal arms, and those without a score, stay in the order of the runs.
    rows = sorted(range(len(keys)), key=lambda row: (keys[row] is None, keys[row] or ()))
    return table.iloc[rows].reset_index(drop=True)


def _common_metric(runs: Sequence[Run], metric: str | None) -> str:
    first, *others = runs
    for other in others:
        pair = f"{first.path} and {other.path} cannot be compared"
        ours, theirs = first.record, other.record
        if metric is None and ours.metric != theirs.metric:
            raise AnalysisError(
                f"{pair}: the first ranks by {ours.metric}, the second by {theirs.metric}; name "
                "one metric of both with --sort"
            )
    for run in runs:
        metric_of(run, metric)
    check_comparable(runs)
    return metric or first.record.metric
