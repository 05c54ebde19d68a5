"""What made the difference: the factors' effects, and which hyperparameters mattered."""

from collections.abc import Callable

import pandas as pd

from analysis.effects import Effects, effects
from analysis.importance import importances
from analysis.report.drawn import Drawn
from analysis.report.grids import Grid, grid
from analysis.report.sections import Section
from analysis.runs import AnalysisError, Run
from analysis.tables import Table, number

FIGURES = ("effects", "importance", "parallel")


def mattered(run: Run, drawn: Drawn) -> Section:
    """The section: tables and figures, or why there are none."""
    made: list[Grid] = []
    reasons: list[str] = []
    tables: dict[str, Callable[[Run], Grid]] = {
        "effects of the factors": _effects,
        "importances": _importances,
    }
    for what, table in tables.items():
        try:
            made.append(table(run))
        except AnalysisError as error:
            reasons.append(f"No table of the {what}: {error}")
    return Section(
        anchor="mattered",
        title="What mattered",
        grids=tuple(made),
        plates=drawn.plates(*FIGURES),
        absent=(*reasons, *drawn.absent(*FIGURES)),
    )


def _effects(run: Run) -> Grid:
    found = effects(run)
    frame = found.levels[["factor", "level", "mean", "effect", "arms"]]
    table = Table("", None, frame, ("mean", "effect"), (), {}, contest=tuple(frame["factor"]))
    caption = f"Effect of each factor on {run.info['metric']} (validation), the others averaged out"
    return grid(table, "effects-table", caption, ("factor", "level"), _effect_notes(found))


def _effect_notes(found: Effects) -> list[str]:
    score = "its mean over the repeats" if found.repeated else "that of its best trial"
    notes = [
        f"mean is the score to expect of a level, all others counting alike; effect is that less "
        f"the factor's mean. The score of an arm is {score}."
    ]
    if not found.balanced:
        notes.append("Some combinations are left out: the means are as if effects added up.")
    if found.spare:
        notes.append(
            f"The arms are {number(found.residual)} off a sum of effects (root mean square): "
            "smaller effects than that may be chance, or hold for some levels of the others only."
        )
    return notes


def _importances(run: Run) -> Grid:
    across, *_ = importances(run)
    if across.reason:
        raise AnalysisError(f"{across.reason}.")
    rows = [
        (name, share, "yes" if name in across.clear else "no")
        for name, share in across.shares.items()
    ]
    frame = pd.DataFrame(rows, columns=["parameter", "importance", "beyond chance"])
    caption = f"What it took to be among the best of {across.trials:,} trials, over all arms"
    notes = (
        "Shares of PED-ANOVA's importance (Watanabe et al. 2023), factors counting as parameters; "
        "beyond chance if above what 19 shuffles of the scores give.",
    )
    table = Table("", None, frame, (), (), {})
    return grid(table, "importance-table", caption, ("parameter",), notes)
