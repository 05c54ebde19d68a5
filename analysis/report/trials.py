"""Every trial, or as many of the best as a page can bear."""

from analysis.ranking import rank_trials
from analysis.report.grids import grid
from analysis.report.sections import Section
from analysis.report.words import count
from analysis.runs import Run
from analysis.tables import Table

MOST = 100
"""Trials that have a row: more make a page slow and are read by nobody."""


def trials(run: Run) -> Section:
    """The section: the best trials, with what was searched and what came of it."""
    ranked = rank_trials(run)
    metric, measured = run.info["metric"], run.info["metrics"]
    metrics = [name for name in measured if "/" not in name or name == metric]
    shown = ranked.head(MOST).drop(columns=[name for name in measured if name not in metrics])
    command = f"python -m analysis rank {run.path} --trials"
    if (hidden := len(ranked) - len(shown)) > 0:
        rest = f"The {count(hidden, 'trial')} below these are left out; all of them: {command}."
    else:
        rest = f"In the terminal, and as CSV or LaTeX: {command}."
    table = Table("", None, shown, tuple(metrics), (), {})
    caption = f"Trials on validation, each at its best epoch by {metric}, best first"
    names = ("number", *(name for name in run.info["factors"] if name in shown))
    return Section(
        anchor="trials",
        title="The trials",
        grids=(grid(table, "trials-table", caption, names, (rest,)),),
    )
