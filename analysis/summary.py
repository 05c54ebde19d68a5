"""The ranking as a reader meets it: what was run, the table, and what the table leaves out."""

from typing import Any

from analysis.costs import cost_notes
from analysis.formats import Format, write
from analysis.ranking import STATUS_COLUMNS, metric_of, rank_arms, rank_trials
from analysis.references import REF, reference_notes, with_references
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
        trials: a row a trial instead of a row an arm; of the metrics of single classes, those that
            are not ranked by are shown in ``csv`` only.
        format: ``text``, ``markdown``, ``csv`` (the table alone) or ``latex`` (booktabs).
        width, styled: for ``text``, as in ``formats.write``.

    Raises:
        AnalysisError: the run has no such metric.
    """
    metric = metric_of(run, metric)
    table = _trial_table(run, metric, format) if trials else _arm_table(run, metric)
    return write(table, format, width=width, styled=styled)


def _arm_table(run: Run, metric: str) -> Table:
    frame = with_references(run, rank_arms(run, metric), metric)
    return Table(
        title=_title(run, metric),
        warning=SAMPLE_WARNING if run.info["sample"] else None,
        frame=frame,
        scores=("best", "median", "test"),
        notes=(
            f"Selected on validation, reported on test: best and median are {metric} on the "
            "validation split over the arm's trials that have a score, each at its best epoch; "
            f"test is {metric} of the arm's best trial on the test split. n counts every trial.",
            *_untested(run, metric),
            *reference_notes(run, metric),
            *cost_notes(run),
            *_left_out(run),
        ),
        context=context_of(run, metric),
        contest=tuple(None if rank == REF else "ours" for rank in frame["rank"]),
    )


def _trial_table(run: Run, metric: str, format: Format) -> Table:
    frame = rank_trials(run, metric)
    of_classes = [name for name in run.info["metrics"] if "/" in name and name != metric]
    hint = f"The metrics of single classes: python -m analysis classes {run.path}."
    return Table(
        title=_title(run, metric),
        warning=SAMPLE_WARNING if run.info["sample"] else None,
        frame=frame if format == "csv" else frame.drop(columns=of_classes),
        scores=tuple(run.info["metrics"]),
        notes=(
            f"Scores are on the validation split, at each trial's best epoch by {metric}.",
            *([hint] if of_classes else []),
            *_left_out(run),
        ),
        context=context_of(run, metric),
    )


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


def context_of(run: Run, metric: str) -> dict[str, str]:
    """What tells a CSV's rows from those of other runs."""
    data = run.info["data"]["name"] + (" (SAMPLE)" if run.info["sample"] else "")
    return {"sweep": run.info["name"], "data": data, "ranked_by": metric}


def _untested(run: Run, metric: str) -> list[str]:
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
    skipped = [label(run, skip["arm"]) for skip in run.info["skipped"]]
    reasons = [skip["reason"] for skip in run.info["skipped"]]
    notes = [f"Left out: {arm} ({why})." for arm, why in zip(skipped, reasons, strict=True)]
    tried = set(run.trials["arm"])
    arms = [label(run, arm) for at, arm in enumerate(run.info["arms"]) if at not in tried]
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


def label(run: Run, arm: dict[str, Any]) -> str:
    """An arm in a sentence: its values, by factor."""
    values = [arm.get(factor) for factor in run.info["factors"]]
    return " · ".join(MISSING if value is None else str(value) for value in values)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
