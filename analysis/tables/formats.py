"""The ways to write a table: for the terminal, for a README, for pandas, for a paper."""

import re
import shutil
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Literal, get_args

import pandas as pd

from analysis.tables.table import Column, Table
from analysis.tables.terminal import terminal
from runs.plain import in_spreadsheet, plain
from runs.plain import markdown as as_markdown

Format = Literal["text", "markdown", "csv", "latex"]
FORMATS: tuple[Format, ...] = get_args(Format)


def write(table: Table, format: Format, *, width: int | None = None, styled: bool = False) -> str:
    """The table in one of the formats, without a line break at its end.

    Args:
        table: what to write.
        format: `text`, `markdown`, `csv` (the frame and its context alone) or `latex`.
        width: columns that `text` may take; by default the terminal's, or 100 without one.
        styled: whether `text` carries ANSI colours, for a terminal.
    """
    title, notes = plain(table.title), tuple(map(plain, table.notes))
    table = replace(table, title=title, notes=notes)
    columns = width or shutil.get_terminal_size(fallback=(100, 24)).columns
    writers: dict[Format, Callable[[], str]] = {
        "text": lambda: terminal(table, columns, styled),
        "markdown": lambda: markdown(table),
        "csv": lambda: csv(table),
        "latex": lambda: latex(table),
    }
    return writers[format]().rstrip("\n")


def markdown(table: Table) -> str:
    """A pipe table with its title above and its notes below."""

    def line(cells: Iterable[str]) -> str:
        return f"| {' | '.join(cells)} |"

    columns = table.columns()
    head = line(as_markdown(column.header) for column in columns)
    rule = line("---:" if column.numeric else "---" for column in columns)
    rows = [line(row) for row in _rows(columns, as_markdown, "**{}**", "<u>{}</u>")]
    warning = [f"**{table.warning}**"] if table.warning else []
    notes = "\n".join(f"- {as_markdown(note)}" for note in table.notes)
    title, cells = f"**{as_markdown(table.title)}**", "\n".join([head, rule, *rows])
    return "\n\n".join([title, *warning, cells, notes])


def csv(table: Table) -> str:
    """Every digit, for `pandas.read_csv`; the files of several runs can be stacked."""
    return as_csv(table.frame.assign(**table.context))


def as_csv(frame: pd.DataFrame) -> str:
    """A frame as CSV in which no cell is a formula, see `runs.plain.in_spreadsheet`."""
    inert = frame.copy()
    for name in frame.select_dtypes(exclude=["number", "bool"]):
        inert[name] = frame[name].map(in_spreadsheet)
    return inert.rename(columns=in_spreadsheet).to_csv(index=False)


def latex(table: Table) -> str:
    """A `table` environment for the `booktabs` package."""

    def line(cells: Iterable[str]) -> str:
        return rf"{' & '.join(cells)} \\"

    columns = table.columns()
    caption = f"{table.title}. {table.warning}" if table.warning else table.title
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{_latex(caption)}}}",
            rf"\begin{{tabular}}{{{''.join('r' if c.numeric else 'l' for c in columns)}}}",
            r"\toprule",
            line(_latex(column.header) for column in columns),
            r"\midrule",
            *(line(row) for row in _rows(columns, _latex, r"\textbf{{{}}}", r"\underline{{{}}}")),
            r"\bottomrule",
            r"\end{tabular}",
            "",
            r"\smallskip\footnotesize",
            *(rf"{_latex(note)}\par" for note in table.notes),
            r"\end{table}",
        ]
    )


def _rows(
    columns: list[Column], escape: Callable[[str], str], bold: str, underlined: str
) -> Iterable[tuple[str, ...]]:
    def marked(cell: str, is_bold: bool, is_underlined: bool) -> str:
        cell = underlined.format(escape(cell)) if is_underlined else escape(cell)
        return bold.format(cell) if is_bold else cell

    cells = [map(marked, column.cells, column.bold, column.underlined) for column in columns]
    return zip(*cells, strict=True)


_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "`": r"\textasciigrave{}",
    "–": "--",
    "·": r"\textperiodcentered{}",
    "±": r"$\pm$",
    "≥": r"$\geq$",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}


def _latex(text: str) -> str:
    return re.sub(
        "|".join(map(re.escape, _LATEX)), lambda found: _LATEX[found.group()], plain(text)
    )
