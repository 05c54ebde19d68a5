"""Which models stand for the arms of a run, and in which order: `runs.winner` over its tables.

By the metric that the sweep selects by, or by another one of the run, as if it were that. A trial
counts at its best epoch by that metric on the validation split; one to which the sweep gave no
score (because it failed before its first evaluation, say) does not count.
"""

from math import nan

import pandas as pd

from analysis.loading import AnalysisError, Run, once_a_run
from runs.errors import did_you_mean
from runs.winner import Scored, Standing, standings

SPEEDS = ("latency_ms", "latency_low", "latency_high", "images_per_s")
"""How fast a model is: milliseconds of a batch of one image, the quartiles around, and the
throughput at a full batch; NaN where it is not known."""


def metric_of(run: Run, metric: str | None) -> str:
    """The metric asked for, or the one that the sweep selects by.

    Raises:
        AnalysisError: the run has no such metric.
    """
    if metric is None:
        return run.record.metric
    if metric not in run.record.metrics:
        hint = did_you_mean(metric, run.record.metrics)
        raise AnalysisError(f"{run.path} has no metric '{metric}'{hint}")
    return metric


def best_epochs(run: Run, metric: str) -> pd.DataFrame:
    """The row of `run.epochs` where each scored trial is best; the earliest one on a tie."""
    return _best_rows(run.trials, run.epochs, metric)


def best_metrics(run: Run, metric: str) -> pd.DataFrame:
    """Every metric of the run on validation, by the name of each scored trial and repeat.

    As of `best_epochs`, each is at its best epoch by `metric`.
    """
    found = [
        _best_rows(table, epochs, metric).merge(table[["number", "name"]], on="number")
        for table, epochs in ((run.trials, run.epochs), (run.repeats, run.repeat_epochs))
    ]
    return pd.concat(found).set_index("name")[list(run.record.metrics)]


def validation_scores(run: Run, metric: str) -> pd.Series:
    """The score of each trial on validation, float64 by its number; NaN where it has none."""
    return _scores(run, run.trials, run.epochs, metric)


@once_a_run
def ranked_arms(run: Run, metric: str) -> tuple[Standing[int], ...]:
    """The arms that have a score, best first, by their positions in `run.record.arms`."""
    scores = validation_scores(run, metric)
    repeat_scores = _scores(run, run.repeats, run.repeat_epochs, metric)
    numbers = run.trials.set_index("name")["number"]
    repeats = run.repeats.assign(of=run.repeats["of"].map(numbers))
    return tuple(standings(_scored(run.trials, scores), _scored(repeats, repeat_scores)))


def comparable_arms(run: Run, metric: str) -> tuple[Standing[int], ...]:
    """The arms whose scores can be set beside that of the first one, best first.

    Those with repeats, and those whose first trial was trained for as large a share of its epochs
    as that of the first arm: as a rule, to its end.
    """
    ranked = ranked_arms(run, metric)
    return tuple(
        one for one in ranked if one.repeats or one.trial.reached == ranked[0].trial.reached
    )


def trained_as_far(run: Run, standing: Standing[int]) -> pd.Series:
    """Which rows of `run.trials` are of the arm, and were trained as far as its first trial."""
    trials = run.trials
    return trials["arm"].eq(standing.arm) & trials["reached"].eq(standing.trial.reached)


def models_of_arms(run: Run, metric: str) -> pd.DataFrame:
    """A row a model: each scored repeat of an arm's first trial, or that trial if it has none.

    Columns: those of `run.repeats` (`of` and `seed` are missing of a trial), `validation` and
    `test` (the scores by `metric`; NaN where there is none), and those of `SPEEDS`.
    """
    ranked = ranked_arms(run, metric)
    scores = {one.trial.number: one.trial.score for one in ranked if not one.repeats}
    repeated = {one.number: one.score for arm in ranked for one in arm.repeats}
    trials = run.trials[run.trials["number"].isin(list(scores))]
    repeats = run.repeats[run.repeats["number"].isin(list(repeated))]
    models = pd.concat(
        [
            trials.assign(validation=trials["number"].map(scores)),
            repeats.assign(validation=repeats["number"].map(repeated)),
        ],
        ignore_index=True,
    )
    models["test"] = _on_test(run, models, metric)
    return models.join(_speeds(run, models))


def best_models(run: Run) -> pd.DataFrame:
    """A row an arm that has a score, best first: the one model that stands for it (`arm.model`)."""
    rows = []
    for standing in ranked_arms(run, run.record.metric):
        table = run.repeats if standing.repeats else run.trials
        rows.append(table.loc[table["number"] == standing.model.number, ["name", "arm"]])
    return pd.concat(rows, ignore_index=True) if rows else run.trials.loc[[], ["name", "arm"]]


def _on_test(run: Run, models: pd.DataFrame, key: str) -> pd.Series:
    found = {name: scores.get(key) for name, scores in run.test.items()}
    return models["name"].map(found).astype("float64")


def _speeds(run: Run, models: pd.DataFrame) -> pd.DataFrame:
    """A repeat is as fast as the trial that it repeats: they are of one architecture.

    Once a model was timed alone, what an earlier version measured beside others does not count.
    """
    if not run.latencies:
        return pd.DataFrame({"latency_ms": _on_test(run, models, "latency_ms")}).reindex(
            columns=list(SPEEDS)
        )
    timed = [run.latencies.get(name) for name in models["of"].fillna(models["name"])]
    rows = [
        (one.one.median, one.one.low, one.one.high, one.full.images_per_s) if one else (nan,) * 4
        for one in timed
    ]
    return pd.DataFrame(rows, models.index, SPEEDS, dtype="float64")


def _scored(table: pd.DataFrame, scores: pd.Series) -> list[Scored[int]]:
    """The trials or repeats of `table` that have one of `scores`, which are by number."""
    table = table.assign(score=table["number"].map(scores)).dropna(subset="score")
    of = table["of"] if "of" in table else [None] * len(table)
    columns = (table["arm"], table["number"], table["score"], of, table["reached"])
    return [Scored(*row) for row in zip(*columns, strict=True)]


def _scores(run: Run, table: pd.DataFrame, epochs: pd.DataFrame, metric: str) -> pd.Series:
    if metric == run.record.metric:
        return table.set_index("number")["score"]
    best = _best_rows(table, epochs, metric).set_index("number")[metric]
    return best.reindex(table["number"])


def _best_rows(table: pd.DataFrame, epochs: pd.DataFrame, metric: str) -> pd.DataFrame:
    scored = table.loc[table["score"].notna(), "number"]
    counted = epochs["number"].isin(scored) & epochs[metric].notna()
    values = epochs.loc[counted, ["number", metric]]
    return epochs.loc[values.groupby("number")[metric].idxmax()]
