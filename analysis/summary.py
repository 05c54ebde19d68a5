"""The ranking as a reader meets it: what was run, the table, and what the table leaves out."""

import shutil
from typing import Any

from analysis.formats import Format, write
from analysis.ranking import STATUS_COLUMNS, metric_of, rank_arms, rank_trials
from analysis.runs import Run
from analysis.tables import MISSING, Table

SAMPLE_WARNING = (
    "SAMPLE: these scores are on the embedded synthetic sample and say nothing about real data."
)


def show_ranking(
    run: Run,
    *,
    metric: str | None = None,
    trials: bool = False,
    format: Format = "text",
    width: int | None = None,
    styled: bool = False,
) -> str:
    """The whole ranking, ready to print.

    Args:
        run: what ``analysis.load`` gave.
        metric: rank by this one of the run's metrics; by default the one the sweep selects by.
        trials: a row a trial instead of a row an arm.
        format: ``text``, ``markdown``, ``csv`` (the table alone) or ``latex`` (booktabs).
        width: columns that ``text`` may take; by default the terminal's, or 100 without one.
        styled: whether ``text`` carries ANSI colours, for a terminal.

    Raises:
        AnalysisError: the run has no such metric.
    """
    metric = metric_of(run, metric)
    table = Table(
        title=_title(run, metric),
        warning=SAMPLE_WARNING if run.info["sample"] else None,
        frame=rank_trials(run, metric) if trials else rank_arms(run, metric),
        scores=tuple(run.info["metrics"]) if trials else ("best", "median", "test"),
        notes=(_reading(metric, trials), *_untested(run, metric, trials), *_left_out(run)),
        context=_context(run, metric),
    )
    width = width or shutil.get_terminal_size(fallback=(100, 24)).columns
    return write(table, format, width=width, styled=styled).rstrip("\n")


def _title(run: Run, metric: str) -> str:
    info = run.info
    chosen = "" if metric == info["metric"] else f" (the sweep selects by {info['metric']})"
    return (
        f"{info['name']}: {metric}{chosen} on {info['data']['name']}, "
        f"{_count(len(run.trials), 'trial')}, {_seeds(run)}"
    )


def _seeds(run: Run) -> str:
    if "config/seed" not in run.trials:
        return f"seed {run.info['seed']}"
    seeds = sorted(run.trials["config/seed"].dropna().unique().tolist())
    if len(seeds) > 5:
        return f"{len(seeds)} seeds"
    return f"seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))}"


def _context(run: Run, metric: str) -> dict[str, str]:
    data = run.info["data"]["name"] + (" (SAMPLE)" if run.info["sample"] else "")
    return {"sweep": run.info["name"], "data": data, "ranked_by": metric}


def _reading(metric: str, trials: bool) -> str:
    if trials:
        return f"Scores are on the validation split, at each trial's best epoch by {metric}."
    return (
        f"Selected on validation, reported on test: best and median are {metric} on the validation "
        f"split over the arm's trials that have a score, each at its best epoch; test is {metric} "
        "of the arm's best trial on the test split. n counts every trial."
    )


def _untested(run: Run, metric: str, trials: bool) -> list[str]:
    if trials:
        return []
    if not run.test:
        return ["No test scores yet: they are made once, when the search is over."]
    if metric != run.info["metric"]:
        return [
            f"Tested was each arm's best trial by {run.info['metric']}, at its best epoch by that; "
            f"where another trial is best by {metric}, test is {MISSING}."
        ]
    return []


def _left_out(run: Run) -> list[str]:
    """What went otherwise than planned, a paragraph each."""
    skipped = [_label(run, skip["arm"]) for skip in run.info["skipped"]]
    reasons = [skip["reason"] for skip in run.info["skipped"]]
    notes = [f"Left out: {arm} ({why})." for arm, why in zip(skipped, reasons, strict=True)]
    tried = set(run.trials["arm"])
    arms = [_label(run, arm) for at, arm in enumerate(run.info["arms"]) if at not in tried]
    if untried := [arm for arm in arms if arm not in skipped]:
        notes.append(f"Planned, but without a trial: {', '.join(untried)}.")
    for status in ("failed", "diverged"):
        trials = run.trials[run.trials["status"] == status]
        # Many trials tend to end for one reason, which is said once.
        for reason, names in trials["name"].groupby(trials["reason"].fillna("no reason recorded")):
            notes.append(f"{STATUS_COLUMNS[status].capitalize()} ({reason}): {', '.join(names)}.")
    if unfinished := int((run.trials["status"] == "running").sum()):
        notes.append(f"{_count(unfinished, 'trial')} unfinished: continue with --resume.")
    return notes


def _label(run: Run, arm: dict[str, Any]) -> str:
    values = [arm.get(factor) for factor in run.info["factors"]]
    return " · ".join(MISSING if value is None else str(value) for value in values)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
