"""The sections that show what was found: ranking, budget, price of quality, errors, predictions."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import pandas as pd

from analysis.figures import FIGURES
from analysis.latency import latency_notes, speeds_of
from analysis.loading import AnalysisError, Run
from analysis.ranking.arms import Ranking
from analysis.ranking.comparable import data_notes
from analysis.report.drawn import Drawn, not_shown
from analysis.report.parts import Grid, Section, grid, grid_of
from analysis.statistics.effects import Effects, effects
from analysis.statistics.importance import SHUFFLES, importances
from analysis.tables.classes import class_notes, class_scores, seed_notes
from analysis.tables.factors import FACTOR_TITLES, factor_table, tables_of
from analysis.tables.ranking import ranking_table, readable, score_notes
from analysis.tables.references import reference_notes, references_of
from analysis.tables.screen import screen_table
from analysis.tables.table import Table
from analysis.unfinished import unfinished_arms
from analysis.wording import command, listed, number

MOST_ARMS = 20
"""Arms that have a row in the table of classes."""


def ranking(rankings: Mapping[str, Ranking], drawn: Drawn) -> Section:
    """The arms by each metric, and the published rows below them; the first one is shown."""
    first = next(iter(rankings.values()))
    return Section(
        anchor="ranking",
        title="The ranking",
        grids=tuple(_ranked(one, first) for one in rankings.values()),
        plates=drawn.plates("ranking"),
        absent=drawn.absent("ranking"),
    )


def _ranked(ranking: Ranking, page: Ranking) -> Grid:
    """The arms by one metric; they are numbered as in the ranking of the page."""
    runs, metric = ranking.runs, ranking.metric
    sources = references_of(runs)
    table = ranking_table(ranking, sources)
    tested = "tied" in ranking.uncertainty.frame
    certain = "= and underlined: see How sure it is for what was tested, and how."
    notes = (
        *score_notes(ranking),
        *((certain,) if tested else ()),
        *data_notes(runs),
        *reference_notes(sources, metric, any(run.record.sample for run in runs)),
    )
    anchor = "ranking-table" if ranking is page else f"ranking-table-{metric}"
    chosen = {run.record.metric for run in runs}
    select = "" if chosen == {metric} else f" (the sweep selects by {listed(sorted(chosen))})"
    caption = f"Arms by {metric}, best first{select}"
    names = ("rank", "sweep", *(factor for run in runs for factor in run.record.factors))
    numbers = [page.arms.index(one) for one in ranking.arms]
    return replace(grid(table, anchor, caption, names, notes, numbers), metric=metric)


def factors(run: Run, drawn: Drawn) -> tuple[Section, ...]:
    """What single factors brought: bands, labels, resolution, a probe; none of other runs."""
    compared = tables_of(run)
    if not compared:
        return ()
    made: list[Grid] = []
    reasons: list[str] = []
    for factor in compared:
        try:
            table = factor_table(run, factor)
        except AnalysisError as error:
            reasons.append(not_shown(f"the table of {factor}", str(error)))
            continue
        caption = f"{FACTOR_TITLES[factor]}: {run.record.metric} on test"
        csv = f"As CSV or LaTeX: {command('factor', run.path, factor)}"
        notes, names = (*table.notes, csv), run.record.factors
        made.append(grid(table, f"factor-{factor}", caption, names, notes))
    return (
        Section(
            anchor="factors",
            title=f"What {' and '.join(compared)} brought",
            grids=tuple(made),
            plates=drawn.plates("factors"),
            absent=(*reasons, *drawn.absent("factors")),
        ),
    )


def screen(run: Run) -> tuple[Section, ...]:
    """The probes of a screen beside the arms that went on; none of a run without one."""
    if not run.record.probes:
        return ()
    table, names = screen_table(run), run.record.factors
    shown = grid(table, "screen-table", "Arms by their frozen probe", names, table.notes)
    return (Section(anchor="screen", title="The screen before the sweep", grids=(shown,)),)


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


def tradeoff(run: Run, numbers: Mapping[int, int], drawn: Drawn) -> Section:
    """Quality against seconds, latency, parameters and money."""
    return Section(
        anchor="tradeoff",
        title="Quality against cost",
        grids=(_speeds(run, numbers),) if run.latencies else (),
        plates=drawn.plates("tradeoff"),
        absent=drawn.absent("tradeoff"),
    )


def errors(run: Run, numbers: Mapping[int, int], drawn: Drawn) -> Section:
    """What the arms get wrong: class by class, and one class taken for another."""
    of_classes = any("/" in name for name in run.record.metrics)
    return Section(
        anchor="errors",
        title="What it gets wrong",
        grids=_class_grids(run, numbers) if of_classes else (),
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
        layered=drawn.layered,
        map=drawn.map,
        absent=(not_shown(what, drawn.no_pictures),) if drawn.no_pictures else (),
    )


def _speeds(run: Run, numbers: Mapping[int, int]) -> Grid:
    speeds = speeds_of(run, run.record.metric).dropna().sort_values("latency_ms")
    arms = [run.record.arms[arm].title for arm in speeds.index]
    frame = readable(speeds.assign(arm=arms)[["arm", *speeds.columns]], marks=False)
    shown = [numbers[arm] for arm in speeds.index]
    caption = "How fast each arm's model is"
    return grid_of(frame, "speeds", caption, ("arm",), latency_notes(run), shown)


def _class_grids(run: Run, numbers: Mapping[int, int]) -> tuple[Grid, ...]:
    """One table of all arms by one metric, one of the best arm by all, on test where there is one.

    Of a run that has metrics of single classes. `numbers`: positions of the arms on the page.
    """
    scores = class_scores(run)
    if scores.empty:
        return ()
    split = "test" if scores["split"].eq("test").any() else "validation"
    shown = scores[scores["split"] == split]
    measured = [name.split("/")[0] for name in run.record.metrics if "/" in name]
    kinds = list(dict.fromkeys(measured))
    by_class = _arms_by_class(run, numbers, shown, kinds[0], split)
    return by_class, _best_arm(run, shown, kinds, split)


def _arms_by_class(
    run: Run, numbers: Mapping[int, int], scores: pd.DataFrame, kind: str, split: str
) -> Grid:
    by_arm = scores.pivot_table(
        index="arm", columns="class", values=kind, sort=False, dropna=False, observed=True
    )
    by_arm = by_arm.head(MOST_ARMS)
    unfinished = unfinished_arms(run, run.record.metric)
    shown = {arm: one for arm, one in unfinished.items() if arm in by_arm.index}
    rivals = tuple(None if arm in shown else "finished" for arm in by_arm.index)
    classes = tuple(by_arm.columns.astype(str))
    frame = by_arm.reset_index()
    arms = [numbers[arm] for arm in frame["arm"]]
    frame["arm"] = [run.record.arms[arm].title for arm in frame["arm"]]
    table = Table("", None, frame, classes, (), {}, rivals)
    caption = f"{kind} of each class on {split}, by the best trial of each arm"
    more = f"Other metrics, and validation: {command('classes', run.path)}"
    notes = (*seed_notes(scores), *class_notes(run, shown), more)
    return grid(table, "classes-table", caption, ("arm",), notes, arms)


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
