"""The sections that show what was found: ranking, budget, price of quality, errors, predictions."""

from collections.abc import Callable

import pandas as pd

from analysis.figures import FIGURES
from analysis.loading import AnalysisError, Run
from analysis.ranking.arms import Ranking
from analysis.report.drawn import Drawn, not_shown
from analysis.report.parts import Grid, Section, grid
from analysis.statistics.effects import Effects, effects
from analysis.statistics.importance import SHUFFLES, importances
from analysis.tables.classes import class_notes, class_scores, seed_notes
from analysis.tables.ranking import ranking_table, score_notes
from analysis.tables.references import reference_notes, references_of
from analysis.tables.table import Table
from analysis.unfinished import unfinished_arms
from analysis.wording import command, listed, number

MOST_ARMS = 20
"""Arms that have a row in the table of classes."""


def ranking(run: Run, ranking: Ranking, drawn: Drawn) -> Section:
    """The arms, and the published rows below them."""
    sources = references_of([run])
    table = ranking_table(ranking, sources)
    tested = "tied" in ranking.uncertainty.frame
    notes = (
        *score_notes(ranking),
        *(("= and underlined: see The answer for what was tested, and how.",) if tested else ()),
        *reference_notes(sources, ranking.metric, run.record.sample),
    )
    caption = f"Arms by {ranking.metric}, best first"
    names = ("rank", *run.record.factors)
    return Section(
        anchor="ranking",
        title="The ranking",
        grids=(grid(table, "ranking-table", caption, names, notes),),
        plates=drawn.plates("ranking"),
        absent=drawn.absent("ranking"),
    )


def budget(drawn: Drawn) -> Section:
    """How the scores came about, and whether more trials would have changed the order."""
    return Section(
        anchor="budget",
        title="How the scores grew with the budget",
        plates=drawn.plates("budget"),
        absent=drawn.absent("budget"),
    )


def mattered(run: Run, drawn: Drawn) -> Section:
    """The section: tables and figures, or why there are none."""
    made: list[Grid] = []
    reasons: list[str] = []
    tables: dict[str, Callable[[Run], Grid]] = {"effects": _effects, "importance": _importances}
    for figure, table in tables.items():
        try:
            made.append(table(run))
        except AnalysisError as error:
            if figure not in drawn.reasons:  # where the figure lacks, too, it is said there
                reasons.append(not_shown(f"{FIGURES[figure].what}, over all arms", str(error)))
    return Section(
        anchor="mattered",
        title="What mattered",
        grids=tuple(made),
        plates=drawn.plates("mattered"),
        absent=(*reasons, *drawn.absent("mattered")),
    )


def tradeoff(drawn: Drawn) -> Section:
    """Quality against seconds, latency, parameters and money."""
    return Section(
        anchor="tradeoff",
        title="Quality against cost",
        plates=drawn.plates("tradeoff"),
        absent=drawn.absent("tradeoff"),
    )


def errors(run: Run, drawn: Drawn) -> Section:
    """What the arms get wrong: class by class, and one class taken for another."""
    of_classes = any("/" in name for name in run.record.metrics)
    return Section(
        anchor="errors",
        title="What it gets wrong",
        grids=_class_grids(run) if of_classes else (),
        plates=drawn.plates("errors"),
        absent=drawn.absent("errors"),
    )


def pictures(drawn: Drawn) -> Section:
    """The best arms on good, middling and bad test images."""
    what = "newer pictures" if drawn.pictures else "pictures of predictions"
    return Section(
        anchor="pictures",
        title="Pictures of predictions",
        plates=drawn.pictures,
        absent=(not_shown(what, drawn.no_pictures),) if drawn.no_pictures else (),
    )


def _class_grids(run: Run) -> tuple[Grid, ...]:
    """One table of all arms by one metric, one of the best arm by all, on test where there is one.

    Of a run that has metrics of single classes.
    """
    scores = class_scores(run)
    if scores.empty:
        return ()
    split = "test" if scores["split"].eq("test").any() else "validation"
    shown = scores[scores["split"] == split]
    measured = [name.split("/")[0] for name in run.record.metrics if "/" in name]
    kinds = list(dict.fromkeys(measured))
    return _arms_by_class(run, shown, kinds[0], split), _best_arm(run, shown, kinds, split)


def _arms_by_class(run: Run, scores: pd.DataFrame, kind: str, split: str) -> Grid:
    by_arm = scores.pivot_table(
        index="arm", columns="class", values=kind, sort=False, dropna=False, observed=True
    )
    by_arm = by_arm.head(MOST_ARMS)
    unfinished = unfinished_arms(run, run.record.metric)
    shown = {arm: one for arm, one in unfinished.items() if arm in by_arm.index}
    rivals = tuple(None if arm in shown else "finished" for arm in by_arm.index)
    classes = tuple(by_arm.columns.astype(str))
    frame = by_arm.reset_index()
    frame["arm"] = [run.record.arms[arm].title for arm in frame["arm"]]
    table = Table("", None, frame, classes, (), {}, rivals)
    caption = f"{kind} of each class on {split}, by the best trial of each arm"
    more = f"Other metrics, and validation: {command('classes', run.path)}"
    notes = (*seed_notes(scores), *class_notes(run, shown), more)
    return grid(table, "classes-table", caption, ("arm",), notes)


def _best_arm(run: Run, scores: pd.DataFrame, kinds: list[str], split: str) -> Grid:
    first = scores[scores["trial"] == scores["trial"].iloc[0]]
    arm = run.record.arms[first["arm"].iloc[0]].title
    which = f"mean of {first['seeds'].iloc[0]} seeds" if seed_notes(first) else "its best trial"
    table = Table("", None, first[["class", *kinds]], tuple(kinds), (), {}, (None,) * len(first))
    caption = f"{arm} on {split}, class by class ({which})"
    return grid(table, "best-classes-table", caption, ("class",))


def _effects(run: Run) -> Grid:
    found = effects(run)
    frame = found.levels[["factor", "level", "mean", "effect", "arms"]]
    table = Table("", None, frame, ("mean", "effect"), (), {}, contest=tuple(frame["factor"]))
    caption = f"Effect of each factor on {run.record.metric} (validation), the others averaged out"
    return grid(table, "effects-table", caption, ("factor", "level"), _effect_notes(run, found))


def _effect_notes(run: Run, found: Effects) -> list[str]:
    score = "its mean over the repeats" if found.repeated else "that of its best trial"
    notes = [
        f"mean is the expected score of a level, with equal weights for all others; effect is that "
        f"minus the factor's mean. The score of an arm is {score}."
    ]
    if found.left_out:
        arms = listed([run.record.arms[arm].title for arm in found.left_out])
        notes.append(f"Left out, because they were not trained as far as the others: {arms}.")
    if not found.balanced:
        notes.append("Some combinations are left out: the means assume that effects add up.")
    if found.spare:
        notes.append(
            f"The arms are {number(found.residual)} off a sum of effects (root mean square): "
            "smaller effects than that may be chance, or hold for some levels of the others only."
        )
    return notes


def _importances(run: Run) -> Grid:
    across, *_ = importances(run)
    if across.reason:
        raise AnalysisError(across.reason)
    rows = [
        (name, share, "yes" if name in across.clear else "no")
        for name, share in across.shares.items()
    ]
    frame = pd.DataFrame(rows, columns=["parameter", "importance", "beyond chance"])
    caption = f"What it took to be among the best of {across.trials:,} trials, over all arms"
    notes = (
        "Shares of PED-ANOVA's importance (Watanabe et al. 2023), factors counting as parameters; "
        f"beyond chance if above what {SHUFFLES} shuffles of the scores give. The best trials are "
        "the first ones in the table of trials.",
    )
    table = Table("", None, frame, (), (), {})
    return grid(table, "importance-table", caption, ("parameter",), notes)
