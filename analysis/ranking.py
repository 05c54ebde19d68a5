"""Trials as a data frame, best first, and what every ranking goes by.

A trial counts at its best epoch by the metric it is ranked by, on the validation split. Trials
that the sweep gave no score (they failed before the first evaluation, say) are ranked last.
"""

from difflib import get_close_matches

import pandas as pd

from analysis.runs import AnalysisError, Run

#: Ends of a trial that a reader must know of, in the order of their columns, and their headings.
STATUS_COLUMNS = {
    "pruned": "pruned",
    "diverged": "diverged",
    "failed": "failed",
    "running": "unfinished",
}


def metric_of(run: Run, metric: str | None) -> str:
    """The metric asked for, or the one the sweep selects by.

    Raises:
        AnalysisError: the run has no such metric; the message names the nearest.
    """
    metrics = run.info["metrics"]
    if metric is None:
        return run.info["metric"]
    if metric in metrics:
        return metric
    by_lower = {name.lower(): name for name in metrics}
    nearest = by_lower[get_close_matches(metric.lower(), by_lower, n=1, cutoff=0)[0]]
    raise AnalysisError(
        f"{run.path} has no metric {metric!r}; did you mean {nearest}? "
        f"(It has {', '.join(metrics)}.)"
    )


def best_epochs(run: Run, metric: str) -> pd.DataFrame:
    """The row of ``run.epochs`` where each scored trial is best; the earliest one on a tie."""
    scored = run.trials.loc[run.trials["score"].notna(), "number"]
    counted = run.epochs["number"].isin(scored) & run.epochs[metric].notna()
    values = run.epochs.loc[counted, ["number", metric]]
    return run.epochs.loc[values.groupby("number")[metric].idxmax()]


def rank_trials(run: Run, metric: str | None = None) -> pd.DataFrame:
    """A row a trial, best first; ties in the order of the trials' numbers.

    Columns: ``number``, one a factor, one a tuned hyperparameter, every metric at the trial's best
    epoch by ``metric`` (validation; NaN without a score), ``best_epoch``, ``epochs``, ``seconds``,
    ``status``, and ``reason`` if any trial has one. A name that is both a hyperparameter's and one
    of these keeps its prefix, as in ``config/epochs``.
    """
    metric = metric_of(run, metric)
    metrics = run.info["metrics"]
    best = best_epochs(run, metric)[["number", "epoch", *metrics]]
    trials = run.trials.drop(columns="best_epoch").merge(
        best.rename(columns={"epoch": "best_epoch"}).astype({"best_epoch": "Int64"}),
        on="number",
        how="left",
    )
    reason = ["reason"] if trials["reason"].notna().any() else []
    tuned = [f"config/{key}" for key in run.tuned]
    effort = ["best_epoch", "epochs", "seconds", "status"]
    columns = ["number", *prefixed(trials, "arm/"), *tuned, *metrics, *effort, *reason]
    ranked = trials.sort_values(metric, ascending=False, kind="stable", ignore_index=True)
    return bare_names(ranked[columns])


def prefixed(frame: pd.DataFrame, prefix: str) -> list[str]:
    """Its columns that begin so."""
    return [column for column in frame.columns.astype(str) if column.startswith(prefix)]


def bare_names(frame: pd.DataFrame) -> pd.DataFrame:
    """Without ``arm/`` and ``config/`` before its columns, wherever the bare name is free."""
    bare = {
        column: column.split("/", 1)[1]
        for prefix in ("arm/", "config/")
        for column in prefixed(frame, prefix)
    }
    return frame.rename(columns={old: new for old, new in bare.items() if new not in frame})
