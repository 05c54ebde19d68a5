"""The sections that show what was found: ranking, budget, price of quality, errors, predictions."""

from analysis.arms import Ranking
from analysis.references import reference_notes, references_of
from analysis.report.classes import class_grids
from analysis.report.drawn import Drawn
from analysis.report.grids import Grid, grid
from analysis.report.sections import Section
from analysis.runs import AnalysisError, Run
from analysis.summary import ranking_table, score_notes


def ranking(run: Run, ranking: Ranking, drawn: Drawn) -> Section:
    """The arms, and the published rows below them."""
    sources = references_of([run])
    table = ranking_table(ranking, sources)
    tested = "tied" in ranking.uncertainty.frame
    notes = (
        *score_notes(ranking),
        *(("= and underlined: see The answer for what was tested, and how.",) if tested else ()),
        *reference_notes(sources, ranking.metric, run.info["sample"]),
    )
    caption = f"Arms by {ranking.metric}, best first"
    names = ("rank", *run.info["factors"])
    return Section(
        anchor="ranking",
        title="The ranking",
        grids=(grid(table, "ranking-table", caption, names, notes),),
        plates=drawn.plates("arms"),
        absent=drawn.absent("arms"),
    )


def budget(run: Run, drawn: Drawn) -> Section:  # noqa: ARG001
    """How the scores came about, and whether more trials would have changed the order."""
    figures = ("best_after", "learning")
    return Section(
        anchor="budget",
        title="How the scores grew with the budget",
        plates=drawn.plates(*figures),
        absent=drawn.absent(*figures),
    )


def tradeoff(run: Run, drawn: Drawn) -> Section:  # noqa: ARG001
    """Quality against seconds, latency, parameters and money."""
    return Section(
        anchor="tradeoff",
        title="Quality against cost",
        plates=drawn.plates("pareto"),
        absent=drawn.absent("pareto"),
    )


def errors(run: Run, drawn: Drawn) -> Section:
    """What the arms get wrong: class by class, and one class taken for another."""
    figures = ("confusion", "precision_recall")
    grids: tuple[Grid, ...] = ()
    reasons = drawn.absent(*figures)
    try:
        grids = class_grids(run)
    except AnalysisError as error:
        reasons = (f"No table of classes: {error}", *reasons)
    return Section(
        anchor="errors",
        title="What it gets wrong",
        grids=grids,
        plates=drawn.plates(*figures),
        absent=reasons,
    )


def pictures(drawn: Drawn) -> Section:
    """The best arms on good, middling and bad test images."""
    return Section(
        anchor="pictures",
        title="Pictures of predictions",
        plates=drawn.pictures,
        absent=(drawn.no_pictures,) if drawn.no_pictures else (),
    )
