"""The ranking as a reader meets it: what was run, the table, and what the table leaves out."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pandas as pd

from analysis.arms import Ranking, label, names_of, rank_runs
from analysis.costs import cost_notes
from analysis.formats import Format, write
from analysis.ranking import STATUS_COLUMNS, metric_of, rank_trials
from analysis.readable import readable
from analysis.records import References
from analysis.references import REF, reference_notes, references_of, with_references
from analysis.runs import Run
from analysis.tables import MISSING, Table
from analysis.uncertainty import uncertainty_notes

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
    if trials:
        table = _trial_table(run, metric_of(run, metric), format)
    else:
        table = ranking_table(rank_runs([run], metric), references_of([run]), format)
    return write(table, format, width=width, styled=styled)


def show_comparison(
    runs: Sequence[Run],
    *,
    metric: str | None = None,
    format: Format = "text",
    width: int | None = None,
    styled: bool = False,
) -> str:
    """The arms of several runs in one ranking, ready to print; arguments as of ``show_ranking``.

    Raises:
        AnalysisError: the runs are not of one metric and the same data; see ``arms.rank_runs``.
    """
    table = ranking_table(rank_runs(runs, metric), references_of(runs), format)
    return write(table, format, width=width, styled=styled)


def show_paper_table(
    runs: Sequence[Run],
    *,
    metric: str | None = None,
    references: Sequence[References] = (),
    format: Format = "text",
    width: int | None = None,
    styled: bool = False,
) -> str:
    """What a paper's table has room for: each arm's score on test, how sure it is, and its cost.

    Args:
        runs: one, or several as ``show_comparison`` takes them.
        metric, format, width, styled: as of ``show_ranking``.
        references: sources beside those that the sweeps name; see ``references.read_references``.

    Raises:
        AnalysisError: as ``show_comparison``.
    """
    sources = [*references_of(runs), *references]
    ranking = rank_runs(runs, metric)
    left_out = ["best", "median", "mean", *STATUS_COLUMNS.values(), "epochs"]
    short = replace(ranking, frame=ranking.frame.drop(columns=left_out, errors="ignore"))
    return write(ranking_table(short, sources, format), format, width=width, styled=styled)


def ranking_table(
    ranking: Ranking, sources: Sequence[References], format: Format = "text"
) -> Table:
    """The arms of a ranking, the published rows of ``sources`` below them.

    The ``csv`` has every number in a column of its own.
    """
    runs, metric = ranking.runs, ranking.metric
    sample = any(run.info["sample"] for run in runs)
    validated = "best" in ranking.frame
    frame = with_references(ranking.frame, sources, metric, "best" if validated else "test")
    tied = frame["tied"].fillna(False).astype(bool) if "tied" in frame else None
    return Table(
        title=_title(runs, metric),
        warning=SAMPLE_WARNING if sample else None,
        frame=frame if format == "csv" else readable(frame, marks=format != "latex"),
        scores=("best", "median", "mean", "test"),
        notes=(
            *score_notes(ranking),
            *uncertainty_notes(ranking.uncertainty, ranking.labels, metric),
            *reference_notes(sources, metric, sample),
            *_of_each(runs, cost_notes),
            *_of_each(runs, _left_out),
        ),
        context=context_of(runs, metric),
        contest=tuple(None if str(rank).startswith(REF) else "ours" for rank in frame["rank"]),
        ties=None if tied is None else tuple(tied),
    )


def score_notes(ranking: Ranking) -> list[str]:
    """What the scores are."""
    metric, frame = ranking.metric, ranking.frame
    validated, repeated = "best" in frame, "seeds" in frame
    if not validated:
        notes = [
            f"test is {metric} on the test split of the arm's best configuration on validation; n "
            "counts every trial of the search for it."
        ]
    else:
        notes = [
            f"Selected on validation, reported on test: best and median are {metric} on the "
            "validation split over the arm's trials that have a score, each at its best epoch; "
            f"test is {metric} of the arm's best trial on the test split. n counts every trial."
        ]
    if repeated and validated:
        notes.append(
            f"mean is {metric} on validation over the repeats of the arm's best trial under other "
            "seeds; arms that have it are ranked by it, above the others."
        )
    if repeated:
        notes.append(
            "Of arms with repeats, test is their mean, ± their standard deviation (number of "
            "seeds)."
        )
    return [*notes, *_of_each(ranking.runs, lambda run: _untested(run, metric))]


def _of_each(runs: Sequence[Run], notes: Callable[[Run], Sequence[str]]) -> list[str]:
    """The notes of every run, with the run's name before them if there are several."""
    if len(runs) == 1:
        return list(notes(runs[0]))
    names = names_of(runs)
    return [f"{name}: {note}" for name, run in zip(names, runs, strict=True) for note in notes(run)]


def _trial_table(run: Run, metric: str, format: Format) -> Table:
    frame = rank_trials(run, metric)
    of_classes = [name for name in run.info["metrics"] if "/" in name and name != metric]
    hint = f"The metrics of single classes: python -m analysis classes {run.path}."
    return Table(
        title=_title([run], metric),
        warning=SAMPLE_WARNING if run.info["sample"] else None,
        frame=frame if format == "csv" else frame.drop(columns=of_classes),
        scores=tuple(run.info["metrics"]),
        notes=(
            f"Scores are on the validation split, at each trial's best epoch by {metric}.",
            *([hint] if of_classes else []),
            *_left_out(run),
        ),
        context=context_of([run], metric),
    )


def _title(runs: Sequence[Run], metric: str) -> str:
    info = runs[0].info
    selecting = {run.info["metric"] for run in runs}
    chosen = f" (the sweep selects by {info['metric']})" if selecting != {metric} else ""
    trials = sum(len(run.trials) for run in runs)
    return (
        f"{', '.join(names_of(runs))}: {metric}{chosen} on {info['data']['name']}, "
        f"{_count(trials, 'trial')}, {_seeds(runs)}"
    )


def _seeds(runs: Sequence[Run]) -> str:
    seeds: set[int] = set()
    for run in runs:
        own = run.trials.get("config/seed")
        seeds.update([run.info["seed"]] if own is None else own.dropna().unique().tolist())
    if len(seeds) > 5:
        return f"{len(seeds)} seeds"
    return f"seed{'s' * (len(seeds) > 1)} {', '.join(map(str, sorted(seeds)))}"


def context_of(runs: Sequence[Run], metric: str) -> dict[str, str]:
    """What tells a CSV's rows from those of other runs; several runs have their names as well."""
    info = runs[0].info
    data = info["data"]["name"] + (" (SAMPLE)" if info["sample"] else "")
    sweep = {"sweep": info["name"]} if len(runs) == 1 else {}
    return sweep | {"data": data, "ranked_by": metric}


def _untested(run: Run, metric: str) -> list[str]:
    if not run.test:
        return ["No test scores yet: they are made once, when the search is over."]
    if metric != run.info["metric"]:
        repeats = (
            f" Its repeats are in the table by {run.info['metric']}." if len(run.repeats) else ""
        )
        return [
            f"Tested was each arm's best trial by {run.info['metric']}, at its best epoch by that; "
            f"where another trial is best by {metric}, test is {MISSING}.{repeats}"
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
    trained = pd.concat([run.trials, run.repeats])
    for status in ("failed", "diverged"):
        trials = trained[trained["status"] == status]
        # Many trials tend to end for one reason, which is said once.
        for reason, names in trials["name"].groupby(trials["reason"].fillna("no reason recorded")):
            notes.append(f"{STATUS_COLUMNS[status].capitalize()} ({reason}): {', '.join(names)}.")
    if unfinished := int((trained["status"] == "running").sum()):
        notes.append(f"{_count(unfinished, 'trial')} unfinished: continue with --resume.")
    return notes


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
