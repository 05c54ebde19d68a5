"""How well single classes do: the metrics `metric/class` of the best trial of each arm.

Of a trial with repeats, they are the mean over these, as its score on test is everywhere else.
"""

from collections.abc import Iterator
from typing import NamedTuple

import pandas as pd

from analysis.loading import AnalysisError, Run
from analysis.ranking.trials import bare_names
from analysis.standings import best_metrics, models_of_arms, ranked_arms
from analysis.tables.formats import Format, write
from analysis.tables.ranking import SAMPLE_WARNING, context_of
from analysis.tables.table import Table
from analysis.unfinished import Unfinished, unfinished_arms, unfinished_notes
from runs.errors import did_you_mean


def class_scores(run: Run, trial: str | None = None) -> pd.DataFrame:
    """A row an arm, split and class: arms as `rank_arms` ranks them, classes as the run has them.

    Columns: `trial`, whose scores they are (the arm's best, at its best epoch, both by the metric
    that the sweep selects by), `seeds` (how many repeats of it they are the mean of; missing of the
    trial itself; no column if the run has no repeats), `arm` (position in `run.record.arms`), one a
    factor as `arm/<factor>`, `split` (validation, and test where `test.json` has the trial or its
    repeats), `class`, and every metric that the run has of single classes.

    Args:
        run: what `load` gave.
        trial: name of the one trial to show, itself; by default each arm's best.

    Raises:
        AnalysisError: the run has no metrics of single classes, or no such trial with a score.
    """
    kinds, classes = _kinds_and_classes(run)
    metrics, factors = list(run.record.metrics), run.record.factors
    measured = {
        "validation": best_metrics(run, run.record.metric),
        "test": pd.DataFrame(run.test.values(), list(run.test), metrics, "float64"),
    }
    rows = [
        (
            *(one.trial, one.seeds, one.arm),
            *(run.record.arms[one.arm][factor] for factor in factors),
            *(split, name),
            *(scores.get(f"{kind}/{name}") for kind in kinds),
        )
        for one in _shown(run, trial)
        for split, scores in one.mean_of(measured)
        for name in classes
    ]
    arms = ["arm", *(f"arm/{factor}" for factor in factors)]
    columns = ["trial", "seeds", *arms, "split", "class", *kinds]
    frame = pd.DataFrame(rows, columns=columns)
    frame = frame.astype({"seeds": "Int64", **dict.fromkeys(kinds, "float64")})
    return frame if len(run.repeats) else frame.drop(columns="seeds")


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
            *seed_notes(scores),
            *class_notes(run, unfinished),
            *_untested(scores),
        ),
        context=context_of([run], metric),
        contest=tuple(rivals) if scores["arm"].nunique() > 1 else alone,
    )
    return write(table, format, width=width, styled=styled)


def seed_notes(scores: pd.DataFrame) -> list[str]:
    """What the scores of an arm with repeats are, if there is one."""
    if "seeds" not in scores or scores["seeds"].isna().all():
        return []
    return ["Of arms with repeats, scores are the mean over these, as in the ranking."]


def class_notes(run: Run, unfinished: dict[int, Unfinished]) -> list[str]:
    """Which of the arms in the table have no finished training."""
    return unfinished_notes((run.record.arms[arm].title, one) for arm, one in unfinished.items())


def _kinds_and_classes(run: Run) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is measured of single classes, and their names, as the run lists them."""
    parts = [name.partition("/") for name in run.record.metrics if "/" in name]
    if not parts:
        raise AnalysisError(
            "the run has no metrics of single classes, such as IoU/water; it has "
            f"{', '.join(run.record.metrics)}"
        )
    kinds, _, classes = zip(*parts, strict=True)
    return tuple(dict.fromkeys(kinds)), tuple(dict.fromkeys(classes))


class _Shown(NamedTuple):
    """A trial, and the models that stand for it: `seeds` repeats, or None of them and itself."""

    trial: str
    arm: int
    seeds: int | None
    models: list[str]

    def mean_of(self, measured: dict[str, pd.DataFrame]) -> Iterator[tuple[str, pd.Series]]:
        """Each split in which the models are scored, and their mean; `measured` has their rows."""
        for split, scores in measured.items():
            own = scores[scores.index.isin(self.models)]
            if len(own):
                yield split, own.mean()


def _shown(run: Run, trial: str | None) -> list[_Shown]:
    """The trial that is asked for, or each arm's best."""
    if trial is not None:
        return [_Shown(trial, _arm_of(run, trial), None, [trial])]
    metric = run.record.metric
    models = models_of_arms(run, metric).groupby("arm")["name"].agg(list)
    names = run.trials.set_index("number")["name"]
    return [
        _Shown(names[one.trial.number], one.arm, len(one.repeats) or None, models[one.arm])
        for one in ranked_arms(run, metric)
    ]


def _arm_of(run: Run, trial: str) -> int:
    """The arm of a trial that has a score."""
    trials = run.trials.set_index("name")
    if trial not in trials.index:
        raise AnalysisError(f"{run.path} has no trial '{trial}'{did_you_mean(trial, trials.index)}")
    if pd.isna(trials["score"][trial]):
        raise AnalysisError(f"trial {trial} of {run.path} has no score: it failed, or just began")
    return int(trials["arm"][trial])


def _untested(scores: pd.DataFrame) -> list[str]:
    tested = set(scores.loc[scores["split"] == "test", "trial"])
    untested = [name for name in scores["trial"].drop_duplicates() if name not in tested]
    return [f"Without scores on test: {', '.join(untested)}."] if untested else []


def _compact(run: Run, scores: pd.DataFrame) -> pd.DataFrame:
    """The factors in one column, and what is the same as in the row above left blank."""
    arms = scores["arm"].map(lambda position: run.record.arms[position].title)
    numbers = scores["trial"].map(run.trials.set_index("name")["number"]).astype(str)
    if "seeds" in scores:
        numbers += scores["seeds"].map(lambda seeds: "" if pd.isna(seeds) else f" ({seeds} seeds)")
    names = pd.DataFrame({"arm": arms, "trial": numbers, "split": scores["split"]})
    same_trial = scores["trial"].eq(scores["trial"].shift())
    same_split = same_trial & scores["split"].eq(scores["split"].shift())
    names[["arm", "trial"]] = names[["arm", "trial"]].mask(same_trial, "")
    names["split"] = names["split"].mask(same_split, "")
    return names.join(scores[["class", *_kinds_and_classes(run)[0]]])
