"""How well single classes do: the metrics `metric/class` of the best trial of each arm."""

import pandas as pd

from analysis.loading import AnalysisError, Run
from analysis.ranking.trials import bare_names
from analysis.standings import best_epochs, ranked_arms
from analysis.tables.formats import Format, write
from analysis.tables.ranking import SAMPLE_WARNING, context_of
from analysis.tables.table import Table
from analysis.unfinished import Unfinished, unfinished_arms, unfinished_notes
from runs.errors import did_you_mean


def class_scores(run: Run, trial: str | None = None) -> pd.DataFrame:
    """A row an arm, split and class: arms as `rank_arms` ranks them, classes as the run has them.

    Columns: `trial`, whose scores they are (the arm's best, at its best epoch, both by the metric
    that the sweep selects by), `arm` (position in `run.record.arms`), one a factor as
    `arm/<factor>`, `split` (validation, and test where `test.json` has the trial), `class`,
    and every metric that the run has of single classes.

    Args:
        run: what `load` gave.
        trial: name of the one trial to show; by default each arm's best.

    Raises:
        AnalysisError: the run has no metrics of single classes, or no such trial with a score.
    """
    kinds, classes = _kinds_and_classes(run)
    arms = ["arm", *(f"arm/{factor}" for factor in run.record.factors)]
    rows = [
        [scored["name"], *(scored[key] for key in arms), split, name]
        + [scores.get(f"{kind}/{name}") for kind in kinds]
        for scored in _scored_trials(run, trial).to_dict("records")
        for split, scores in (("validation", scored), ("test", run.test.get(scored["name"])))
        if scores is not None
        for name in classes
    ]
    columns = ["trial", *arms, "split", "class", *kinds]
    return pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(kinds, "float64"))


def show_classes(
    run: Run,
    *,
    trial: str | None = None,
    format: Format = "text",
    width: int | None = None,
    styled: bool = False,
) -> str:
    """The scores of single classes, ready to print; arguments as of `show_ranking`.

    Raises:
        AnalysisError: as `class_scores`.
    """
    scores = class_scores(run, trial)
    metric = run.record.metric
    unfinished = unfinished_arms(run, metric) if trial is None else {}
    rivals = (scores["split"] + "/" + scores["class"]).where(~scores["arm"].isin(unfinished), None)
    alone = (None,) * len(scores)  # with one arm there is nothing to compare
    which = f"trial {trial}" if trial else f"each arm's best trial by {metric}"
    table = Table(
        title=f"{run.record.name}: single classes on {run.record.data.name}, {which}",
        warning=SAMPLE_WARNING if run.record.sample else None,
        frame=bare_names(scores.drop(columns="arm")) if format == "csv" else _compact(run, scores),
        scores=_kinds_and_classes(run)[0],
        notes=(
            f"Trials are at their best epoch by {metric} on validation.",
            *class_notes(run, unfinished),
            *_untested(scores),
        ),
        context=context_of([run], metric),
        contest=tuple(rivals) if scores["arm"].nunique() > 1 else alone,
    )
    return write(table, format, width=width, styled=styled)


def class_notes(run: Run, unfinished: dict[int, Unfinished]) -> list[str]:
    """Which of the arms in the table have no finished training."""
    return unfinished_notes((run.record.arms[arm].title, one) for arm, one in unfinished.items())


def _kinds_and_classes(run: Run) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is measured of single classes, and their names, as the run lists them."""
    parts = [name.partition("/") for name in run.record.metrics if "/" in name]
    if not parts:
        raise AnalysisError(
            f"{run.path} has no metrics of single classes, such as IoU/water; it has "
            f"{', '.join(run.record.metrics)}"
        )
    kinds, _, classes = zip(*parts, strict=True)
    return tuple(dict.fromkeys(kinds)), tuple(dict.fromkeys(classes))


def _scored_trials(run: Run, trial: str | None) -> pd.DataFrame:
    """Trials with their metrics at their best epoch: the one asked for, or each arm's best."""
    metric = run.record.metric
    at_best = best_epochs(run, metric)[["number", *run.record.metrics]]
    scored = run.trials.merge(at_best, on="number")
    if trial is None:
        best = [standing.trial.number for standing in ranked_arms(run, metric)]
        return scored.set_index("number", drop=False).loc[best]
    names = run.trials["name"].tolist()
    if trial not in names:
        raise AnalysisError(f"{run.path} has no trial '{trial}'{did_you_mean(trial, names)}")
    if trial not in set(scored["name"]):
        raise AnalysisError(f"trial {trial} of {run.path} has no score: it failed, or just began")
    return scored[scored["name"] == trial]


def _untested(scores: pd.DataFrame) -> list[str]:
    tested = set(scores.loc[scores["split"] == "test", "trial"])
    untested = [name for name in scores["trial"].drop_duplicates() if name not in tested]
    return [f"Without scores on test: {', '.join(untested)}."] if untested else []


def _compact(run: Run, scores: pd.DataFrame) -> pd.DataFrame:
    """The factors in one column, and what is the same as in the row above left blank."""
    arms = scores["arm"].map(lambda position: run.record.arms[position].title)
    numbers = scores["trial"].map(run.trials.set_index("name")["number"]).astype(str)
    names = pd.DataFrame({"arm": arms, "trial": numbers, "split": scores["split"]})
    same_trial = scores["trial"].eq(scores["trial"].shift())
    same_split = same_trial & scores["split"].eq(scores["split"].shift())
    names[["arm", "trial"]] = names[["arm", "trial"]].mask(same_trial, "")
    names["split"] = names["split"].mask(same_split, "")
    return names.join(scores[["class", *_kinds_and_classes(run)[0]]])
