"""Tables of single classes: the arms class by class, and all that is known of the best one's."""

import pandas as pd

from analysis.arms import label
from analysis.classes import class_scores
from analysis.report.grids import Grid, grid
from analysis.runs import Run
from analysis.tables import Table

MOST_ARMS = 20
"""Arms that have a row."""


def class_grids(run: Run) -> tuple[Grid, ...]:
    """One table of all arms by one metric, one of the best arm by all, on test where there is one.

    Raises:
        AnalysisError: the run has no metrics of single classes.
    """
    scores = class_scores(run)
    if scores.empty:
        return ()
    split = "test" if scores["split"].eq("test").any() else "validation"
    shown = scores[scores["split"] == split]
    measured = [name.split("/")[0] for name in run.info["metrics"] if "/" in name]
    kinds = list(dict.fromkeys(measured))
    return _arms(run, shown, kinds[0], split), _best(run, shown, kinds, split)


def _arms(run: Run, scores: pd.DataFrame, kind: str, split: str) -> Grid:
    by_arm = scores.pivot_table(
        index="arm", columns="class", values=kind, sort=False, dropna=False, observed=True
    )
    by_arm = by_arm.head(MOST_ARMS)
    classes = tuple(by_arm.columns.astype(str))
    frame = by_arm.reset_index()
    frame["arm"] = [label(run, run.info["arms"][arm]) for arm in frame["arm"]]
    table = Table("", None, frame, classes, (), {})
    caption = f"{kind} of each class on {split}, by the best trial of each arm"
    command = f"Other metrics, and validation: python -m analysis classes {run.path}."
    return grid(table, "classes-table", caption, ("arm",), (command,))


def _best(run: Run, scores: pd.DataFrame, kinds: list[str], split: str) -> Grid:
    first = scores[scores["trial"] == scores["trial"].iloc[0]]
    arm = label(run, run.info["arms"][first["arm"].iloc[0]])
    table = Table("", None, first[["class", *kinds]], tuple(kinds), (), {}, (None,) * len(first))
    caption = f"{arm} ({first['trial'].iloc[0]}) on {split}, class by class"
    return grid(table, "best-classes-table", caption, ("class",))
