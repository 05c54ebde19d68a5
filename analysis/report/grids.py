"""Tables as the page sets them: cells of text, each with what it is sorted by."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any

import pandas as pd

from analysis.readable import INTERVAL, SPREAD
from analysis.references import REF
from analysis.tables import Table


@dataclass(frozen=True)
class Head:
    """The heading of a column; ``names`` says that its cells tell what their row is of."""

    text: str
    numeric: bool
    names: bool


@dataclass(frozen=True)
class Cell:
    """What stands in a cell. ``key`` is the number it is sorted by; "" where it has none."""

    text: str
    key: str
    best: bool = False
    tied: bool = False


@dataclass(frozen=True)
class Row:
    """The cells of a row; ``quiet`` sets it back, as what was published and not measured here."""

    cells: tuple[Cell, ...]
    quiet: bool = False


@dataclass(frozen=True)
class Grid:
    """A table of the page.

    Attributes:
        anchor: its id in the page.
        caption: what it shows.
        heads: a column each.
        rows: as they are shown until the reader sorts them.
        notes: paragraphs below it.
    """

    anchor: str
    caption: str
    heads: tuple[Head, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()


def grid(
    table: Table, anchor: str, caption: str, names: Sequence[str], notes: Sequence[str] = ()
) -> Grid:
    """A table of the analysis as the page sets it.

    Args:
        table: its columns, marks and order are kept.
        anchor, caption, notes: as of ``Grid``.
        names: columns that tell what a row is of.
    """
    columns = table.columns()
    heads = tuple(
        Head(one.header, one.numeric or one.header in {SPREAD, INTERVAL}, one.header in names)
        for one in columns
    )
    cells = [
        [
            Cell(text, _key(value), best, tied)
            for text, value, best, tied in zip(
                one.cells,
                table.frame[one.header].tolist(),
                one.bold,
                one.underlined,
                strict=True,
            )
        ]
        for one in columns
    ]
    rows = tuple(Row(row, quiet=row[0].text.startswith(REF)) for row in zip(*cells, strict=True))
    return Grid(anchor, caption, heads, rows, tuple(notes))


def grid_of(
    frame: pd.DataFrame, anchor: str, caption: str, names: Sequence[str], notes: Sequence[str] = ()
) -> Grid:
    """A plain frame, without marks; arguments as of ``grid``."""
    plain = Table(title=caption, warning=None, frame=frame, scores=(), notes=(), context={})
    return grid(plain, anchor, caption, names, notes)


def _key(value: Any) -> str:
    if value is None or value is pd.NA or isinstance(value, str | bool):
        return ""
    if isinstance(value, int | float) and not isnan(value):
        return repr(float(value))
    return ""
