"""Trials as a data frame, best first."""

import pandas as pd

from analysis.loading import Run
from analysis.standings import best_epochs, metric_of

STATUS_COLUMNS = {
    "pruned": "pruned",
    "stopped": "stopped",
    "diverged": "diverged",
    "failed": "failed",
    "running": "unfinished",
    "waiting": "unfinished",
}
"""What a trial may have ended as that a reader must know of, and under which heading it is counted,
in the order of the columns."""


def rank_trials(run: Run, metric: str | None = None) -> pd.DataFrame:
    """A row a trial, in the order of `runs.winner`: those that were trained to their end first.

    Then those that were trained for the larger share of their epochs; of equal ones the best first.
    Trials that the sweep gave no score are last.

    Columns: `number`, one a factor, one a tuned hyperparameter, every metric at the trial's best
    epoch by `metric` (validation; NaN without a score), `best_epoch`, `epochs`, `seconds`,
    `status`, and `reason` if any trial has one. A name that is both a hyperparameter's and one
    of these keeps its prefix, as in `config/epochs`.
    """
    metric = metric_of(run, metric)
    metrics = run.record.metrics
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
    # A trial without a score is not in the order, however far it was trained.
    trials["reached"] = trials["reached"].where(trials[metric].notna())
    ranked = trials.sort_values(
        ["reached", metric, "number"], ascending=[False, False, True], ignore_index=True
    )
    return bare_names(ranked[columns])


def prefixed(frame: pd.DataFrame, prefix: str) -> list[str]:
    """Its columns that begin so."""
    return [column for column in frame.columns.astype(str) if column.startswith(prefix)]


def bare_names(frame: pd.DataFrame) -> pd.DataFrame:
    """Without `arm/` and `config/` before its columns, wherever the bare name is free."""
    bare = {
        column: column.split("/", 1)[1]
        for prefix in ("arm/", "config/")
        for column in prefixed(frame, prefix)
    }
    return frame.rename(columns={old: new for old, new in bare.items() if new not in frame})
