"""A ranking for readers: what belongs together in one cell. A CSV has it in numbers instead."""

from collections.abc import Callable
from typing import Any

import pandas as pd

from analysis.tables import MISSING
from analysis.uncertainty import TIED

SPREAD, INTERVAL = "± (seeds)", "95 % CI"


def readable(arms: pd.DataFrame, *, marks: bool) -> pd.DataFrame:
    """``arms.rank_arms`` with the deviation and the seeds in one column, the bounds in another.

    Args:
        arms: maybe with published rows below.
        marks: whether ties have a column, too; where they are underlined they need none.
    """
    columns: dict[str, pd.Series] = {}
    for name in arms.columns.astype(str):
        if name == "std":
            columns[SPREAD] = _cells(arms, _spread)
        elif name == "ci_low":
            columns[INTERVAL] = _cells(arms, _bounds)
        elif name == "tied" and marks:
            columns[name] = arms["tied"].map({True: TIED, False: ""}).fillna(MISSING)
            columns[name].iloc[0] = "first"
        elif name not in {"seeds", "ci_high", "difference", "p", "tied"}:
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
