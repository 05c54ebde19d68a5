"""A table before it is written: a data frame, its cells as text, and what a reader must know."""

from dataclasses import dataclass
from math import isnan
from typing import Any

import pandas as pd

from analysis.wording import MISSING, number
from runs.plain import plain


@dataclass(frozen=True)
class Column:
    """One column as it is shown.

    Numbers are set flush right, the best scores in bold, those tied with the best underlined.
    """

    header: str
    cells: list[str]
    bold: list[bool]
    underlined: list[bool]
    numeric: bool


@dataclass(frozen=True, eq=False)
class Table:
    """A data frame with its surroundings; each format writes them in its own way.

    Attributes:
        title: what was run.
        warning: what must not be overlooked (shown with the title); None if nothing.
        frame: the table itself, best row first.
        scores: columns that hold scores, of which the best are set in bold.
        notes: paragraphs that follow the table.
        context: constant columns that only the CSV gets, because it has no title and no notes.
        contest: a value a row: the highest score among the rows of one value is set in bold, and
            a row of None takes no part. Left out, all rows are compared.
        ties: rows whose cells of the column `ties_in` are underlined.
        ties_in: that column.
    """

    title: str
    warning: str | None
    frame: pd.DataFrame
    scores: tuple[str, ...]
    notes: tuple[str, ...]
    context: dict[str, str]
    contest: tuple[str | None, ...] | None = None
    ties: tuple[bool, ...] | None = None
    ties_in: str = "test"

    def columns(self) -> list[Column]:
        """The frame as text: scores to four decimals, other numbers as short as they are clear."""
        return [self._column(name) for name in self.frame.columns.astype(str)]

    def _column(self, name: str) -> Column:
        values = self.frame[name]
        is_score = name in self.scores
        return Column(
            header=name,
            cells=[_cell(value, is_score) for value in values.tolist()],
            bold=self._best(values) if is_score else [False] * len(values),
            underlined=list(self.ties)
            if self.ties and name == self.ties_in
            else [False] * len(values),
            numeric=pd.api.types.is_numeric_dtype(values.dtype),
        )

    def _best(self, values: pd.Series) -> list[bool]:
        if self.contest is None:
            return values.eq(values.max()).tolist()
        groups = pd.Series(self.contest, index=values.index, dtype="str")
        return values.eq(values.groupby(groups).transform("max")).tolist()


def _cell(value: Any, is_score: bool) -> str:
    if value is None or value is pd.NA or (isinstance(value, float) and isnan(value)):
        return MISSING
    if not isinstance(value, float):
        return plain(str(value))
    return f"{value:.4f}" if is_score else number(value)
