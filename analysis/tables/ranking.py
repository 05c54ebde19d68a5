"""The ranking as a reader meets it: what was run, the table, and what the table leaves out."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from analysis.determinism import determinism_notes
from analysis.latency import latency_notes, speeds_of
from analysis.loading import Run
from analysis.ranking.arms import RankedArm, Ranking, rank_runs
from analysis.ranking.comparable import data_notes, names_of
from analysis.ranking.trials import STATUS_COLUMNS, rank_trials
from analysis.ranking.uncertainty import TIED, uncertainty_notes
from analysis.standings import metric_of
from analysis.statistics.costs import cost_notes
from analysis.tables.formats import Format, write
from analysis.tables.references import REF, reference_notes, references_of, with_references
from analysis.tables.table import Table
from analysis.unfinished import unfinished_notes
from analysis.wording import MISSING, command, count, number
from runs.records import ENDED, References
from runs.skipped import by_reason

SPREAD, INTERVAL, QUARTILES = "± (seeds)", "95 % CI", "quartiles"

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
        run: what `analysis.load` gave.
        metric: rank by this one of the run's metrics; by default the one the sweep selects by.
        trials: a row a trial instead of a row an arm; of the metrics of single classes, those that
            are not ranked by are shown in `csv` only.
        format: `text`, `markdown`, `csv` (the table alone) or `latex` (booktabs).
        width, styled: for `text`, as in `formats.write`.

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
    """The arms of several runs in one ranking, ready to print; arguments as of `show_ranking`.

    Raises:
        AnalysisError: the runs are not of one metric and the same data; see `arms.rank_runs`.
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
    """The table of a paper: each arm's score on test, how sure it is, its cost and its speed.

    Args:
        runs: one, or several as `show_comparison` takes them.
        metric, format, width, styled: as of `show_ranking`.
        references: sources beside those that the sweeps name; see `references.read_references`.

    Raises:
        AnalysisError: as `show_comparison`.
    """
    sources = [*references_of(runs), *references]
    ranking = rank_runs(runs, metric)
    left_out = ["best", "median", "mean", "finished", *STATUS_COLUMNS.values(), "epochs"]
    frame = ranking.frame.drop(columns=left_out, errors="ignore").join(_speeds(ranking))
    table = ranking_table(replace(ranking, frame=frame), sources, format)
    return write(table, format, width=width, styled=styled)


def _speeds(ranking: Ranking) -> pd.DataFrame:
    """What `speeds_of` has of each row."""
    each = [speeds_of(run, ranking.metric) for run in ranking.runs]
    rows = pd.MultiIndex.from_tuples(ranking.arms, names=RankedArm._fields)
    return pd.concat(each, keys=range(len(each))).reindex(rows).set_axis(ranking.frame.index)


def ranking_table(
    ranking: Ranking, sources: Sequence[References], format: Format = "text"
) -> Table:
    """The arms of a ranking, the published rows of `sources` below them.

    Scores of arms without a finished training are not set in bold. The `csv` has every number in a
    column of its own.
    """
    runs, metric = ranking.runs, ranking.metric
    sample = any(run.record.sample for run in runs)
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
            *uncertainty_notes(ranking.uncertainty, ranking.titles, metric),
            *data_notes(runs),
            *reference_notes(sources, metric, sample),
            *_of_each(runs, cost_notes),
            *(_of_each(runs, latency_notes) if "latency_ms" in frame else ()),
            *_of_each(runs, determinism_notes),
            *_of_each(runs, _left_out),
        ),
        context=context_of(runs, metric),
        contest=tuple(
            None if str(rank).startswith(REF) or row in ranking.unfinished else "ours"
            for row, rank in enumerate(frame["rank"])
        ),
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
            f"validation split over the arm's trials that were trained {_how_far(ranking)}, each "
            f"at its best epoch; test is {metric} of the arm's best trial on the test split. n "
            "counts every trial."
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
    notes += unfinished_notes((ranking.titles[row], one) for row, one in ranking.unfinished.items())
    return [*notes, *_of_each(ranking.runs, lambda run: _untested(run, metric))]


def _how_far(ranking: Ranking) -> str:
    """How far the trials were trained that `best` and `median` are over."""
    end = "to the end" + (" (finished of n)" if "finished" in ranking.frame else "")
    return f"{end}, or to the epoch in the arm's row" if ranking.unfinished else end


def _of_each(runs: Sequence[Run], notes: Callable[[Run], Sequence[str]]) -> list[str]:
    """The notes of every run, with the run's name before them if there are several."""
    if len(runs) == 1:
        return list(notes(runs[0]))
    names = names_of(runs)
    return [f"{name}: {note}" for name, run in zip(names, runs, strict=True) for note in notes(run)]


def _trial_table(run: Run, metric: str, format: Format) -> Table:
    frame = rank_trials(run, metric)
    of_classes = [name for name in run.record.metrics if "/" in name and name != metric]
    hint = f"The metrics of single classes: {command('classes', run.path)}"
    return Table(
        title=_title([run], metric),
        warning=SAMPLE_WARNING if run.record.sample else None,
        frame=frame if format == "csv" else frame.drop(columns=of_classes),
        scores=tuple(run.record.metrics),
        contest=finished_alone(frame),
        notes=(
            trial_order(metric),
            *([hint] if of_classes else []),
            *_left_out(run),
        ),
        context=context_of([run], metric),
    )


def trial_order(metric: str) -> str:
    """How `rank_trials` orders the trials."""
    return (
        f"Scores are on the validation split, at each trial's best epoch by {metric}. Trials that "
        "were trained to their end come first, then those that were trained for the larger share "
        "of their epochs: scores after different numbers of epochs cannot be compared."
    )


def finished_alone(trials: pd.DataFrame) -> tuple[str | None, ...]:
    """The `contest` of a table of `rank_trials`."""
    return tuple("finished" if status == "done" else None for status in trials["status"])


def _title(runs: Sequence[Run], metric: str) -> str:
    record = runs[0].record
    selecting = {run.record.metric for run in runs}
    chosen = f" (the sweep selects by {record.metric})" if selecting != {metric} else ""
    trials = sum(len(run.trials) for run in runs)
    return (
        f"{', '.join(names_of(runs))}: {metric}{chosen} on {record.data.name}, "
        f"{count(trials, 'trial')}, {_seeds(runs)}"
    )


def _seeds(runs: Sequence[Run]) -> str:
    seeds: set[int] = set()
    for run in runs:
        own = run.trials.get("config/seed")
        seeds.update([run.record.seed] if own is None else own.dropna().unique().tolist())
    if len(seeds) > 5:
        return f"{len(seeds)} seeds"
    return f"seed{'s' * (len(seeds) > 1)} {', '.join(map(str, sorted(seeds)))}"


def context_of(runs: Sequence[Run], metric: str) -> dict[str, str]:
    """What tells a CSV's rows from those of other runs; several runs have their names as well."""
    record = runs[0].record
    data = record.data.name + (" (SAMPLE)" if record.sample else "")
    sweep = {"sweep": record.name} if len(runs) == 1 else {}
    return sweep | {"data": data, "ranked_by": metric}


def _untested(run: Run, metric: str) -> list[str]:
    if not run.test:
        return ["No test scores yet: they are made once, after the search."]
    if metric != run.record.metric:
        again = " and repeated" if len(run.repeats) else ""
        return [
            f"Tested{again} was each arm's best trial by {run.record.metric}, at its best epoch by "
            f"that metric; where another trial is best by {metric}, test is {MISSING}."
        ]
    return []


def _left_out(run: Run) -> list[str]:
    """What did not go as planned, a paragraph each."""
    notes = [f"Left out: {one.who}: {one.why}." for one in by_reason(run.record.skipped)]
    if untried := untried_arms(run):
        notes.append(f"Planned, but without a trial: {', '.join(untried)}.")
    if stopped := stopped_arms(run):
        notes.append(f"Stopped by hand, with no more trials since: {', '.join(stopped)}.")
    trained = pd.concat([run.trials, run.repeats])
    for status in ("failed", "diverged", "stopped"):
        trials = trained[trained["status"] == status]
        # Many trials tend to end for one reason, which is said once.
        for reason, names in trials["name"].groupby(trials["reason"].fillna("no reason recorded")):
            notes.append(f"{status.capitalize()} ({reason}): {', '.join(names)}.")
    notes += [f"{what}: {', '.join(names)}." for what, names in tried_again(run).items()]
    if unfinished := int((~trained["status"].isin(ENDED)).sum()):
        notes.append(f"{count(unfinished, 'trial')} unfinished: continue with --resume.")
    return notes


def tried_again(run: Run) -> dict[str, list[str]]:
    """Names of trials and repeats that did not come to their result at once, by why not."""
    trained = pd.concat([run.trials, run.repeats])
    more = trained["out_of_memory"] > 0
    found = {
        "Resumed after a lost worker or file": trained["retries"] > 0,
        "Given more of a GPU, because a slot's memory was too small": more
        & (trained["halved"] == 0),
        **_in_parts(trained),
        "Failed at first, tried again with --retry-failed": trained["rejoined"],
    }
    return {
        what: trained.loc[those, "name"].tolist() for what, those in found.items() if those.any()
    }


def _in_parts(trained: pd.DataFrame) -> dict[str, pd.Series]:
    """Those of which fewer images went through the model at once, by what normalises over these."""
    what = "Trained in smaller parts of a batch, because a whole GPU was too small"
    halved = trained["halved"] > 0
    kinds = trained.loc[halved, "normalised"].unique()
    return {
        what + (f" ({norms} normalises over a part)" if norms else ""): halved
        & (trained["normalised"] == norms)
        for norms in kinds
    }


def untried_arms(run: Run) -> list[str]:
    """Titles of the arms that got no trial and were neither skipped nor stopped by hand."""
    tried = {*run.trials["arm"], *run.stopped}
    skipped = {one.arm for one in run.record.skipped}
    return [
        arm.title
        for position, arm in enumerate(run.record.arms)
        if position not in tried and arm not in skipped
    ]


def stopped_arms(run: Run) -> list[str]:
    """Titles of the arms that were stopped by hand."""
    return [run.record.arms[arm].title for arm in sorted(run.stopped)]


def readable(arms: pd.DataFrame, *, marks: bool) -> pd.DataFrame:
    """`arms.rank_arms` with the deviation and the seeds in one column, two bounds in another.

    Args:
        arms: perhaps with published rows below.
        marks: whether ties have a column, too; where they are underlined they need none.
    """
    columns: dict[str, pd.Series] = {}
    for name in arms.columns.astype(str):
        if name == "std":
            columns[SPREAD] = _cells(arms, _spread)
        elif name == "ci_low":
            columns[INTERVAL] = _cells(arms, _bounds)
        elif name == "latency_low":
            columns[QUARTILES] = _cells(arms, _quartiles)
        elif name == "tied" and marks:
            columns[name] = arms["tied"].map({True: TIED, False: ""}).fillna(MISSING)
            columns[name].iloc[0] = "first"
        elif name not in {"seeds", "ci_high", "difference", "p", "tied", "latency_high"}:
            columns[name] = arms[name]
    return pd.DataFrame(columns)


def _cells(arms: pd.DataFrame, cell: Callable[[dict[Any, Any]], str]) -> pd.Series:
    return pd.Series([cell(row) for row in arms.to_dict("records")], arms.index, dtype="str")


def _spread(row: dict[Any, Any]) -> str:
    if pd.isna(row["seeds"]):
        return MISSING
    deviation = MISSING if pd.isna(row["std"]) else f"{row['std']:.4f}"
    return f"{deviation} ({row['seeds']})"


def _bounds(row: dict[Any, Any]) -> str:
    if pd.isna(row["ci_low"]):
        return MISSING
    return f"[{row['ci_low']:.3f}, {row['ci_high']:.3f}]"


def _quartiles(row: dict[Any, Any]) -> str:
    if pd.isna(row["latency_low"]):
        return MISSING
    return f"[{number(row['latency_low'])}, {number(row['latency_high'])}]"
