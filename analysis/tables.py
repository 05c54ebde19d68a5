"""A table before it is written: a data frame, its cells as text, and what a reader must know."""

from dataclasses import dataclass
from math import isnan
from typing import Any

import pandas as pd

MISSING = "–"


@dataclass(frozen=True)
class Column:
    """One column as it is shown: numbers are set flush right, the highest scores in bold."""

    header: str
    cells: list[str]
    bold: list[bool]
    numeric: bool


@dataclass(frozen=True, eq=False)
class Table:
    """A data frame with its surroundings; each format writes them in its own way.

    Attributes:
        title: what was run.
        warning: what must not be overlooked (shown with the title); None if nothing.
        frame: the table itself, best row first.
        scores: columns that hold scores, of which the highest is set in bold.
        notes: paragraphs that follow the table.
        context: constant columns that only the CSV gets, for it has neither title nor notes.
    """

    title: str
    warning: str | None
    frame: pd.DataFrame
    scores: tuple[str, ...]
    notes: tuple[str, ...]
    context: dict[str, str]

    def columns(self) -> list[Column]:
        """The frame as text: scores to four decimals, other numbers as short as they are clear."""
        return [self._column(name) for name in self.frame.columns.astype(str)]

    def _column(self, name: str) -> Column:
        values = self.frame[name]
        is_score = name in self.scores
        return Column(
            header=name,
            cells=[_cell(value, is_score) for value in values.tolist()],
            bold=values.eq(values.max()).tolist() if is_score else [False] * len(values),
            numeric=pd.api.types.is_numeric_dtype(values.dtype),
        )


def _cell(value: Any, is_score: bool) -> str:
    if value is None or value is pd.NA or (isinstance(value, float) and isnan(value)):
        return MISSING
    if not isinstance(value, float):
        return str(value)
    if is_score:
        return f"{value:.4f}"
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"
