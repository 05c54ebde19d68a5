"""Tables laid out for a terminal: names are folded, numbers stay whole, nothing is cut off.

rich would shorten what does not fit, numbers as well as names. Here the widths are settled
beforehand: text gives way as long as it can be read, and what is still too wide continues in
another block below, which has the same first column.
"""

import io
import re
from dataclasses import replace

import rich.table
from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.style import Style
from rich.text import Text

from analysis.tables.table import Column, Table
from runs.plain import plain

_GAP = 2  # blanks between two columns
_READABLE = 16  # columns of text are not folded below this
_LONGEST_PART = 24  # a part of a name (between separators) that is longer is folded anywhere


def terminal(table: Table, width: int, styled: bool) -> str:
    """The table for a terminal of `width` columns, with ANSI colours if `styled`."""
    buffer = io.StringIO()
    console = Console(file=buffer, width=width, force_terminal=styled)
    console.print(Text(table.title, style="bold"))
    if table.warning:
        console.print(Text(table.warning, style="bold yellow"))
    console.print()
    columns = [replace(column, header=plain(column.header)) for column in table.columns()]
    for block in _blocks(columns, width):
        console.print(_grid(block, width))
        console.print()
    notes = rich.table.Table.grid(padding=(0, 1))
    notes.add_column()
    notes.add_column(overflow="fold")
    for note in table.notes:
        notes.add_row("-", Text(note))
    console.print(notes)
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines())


def _grid(columns: list[Column], width: int) -> rich.table.Table:
    grid = rich.table.Table(
        box=box.SIMPLE_HEAD, show_edge=False, padding=(0, _GAP - 1, 0, 0), pad_edge=False
    )
    widths = _widths(columns, width)
    for column, room in zip(columns, widths, strict=True):
        grid.add_column(
            Text(_fold(column.header, room)),
            justify="right" if column.numeric else "left",
            width=room,
            overflow="fold",
        )
    cells = [
        [
            Text(_fold(cell, room), style=Style(bold=bold or None, underline=underlined or None))
            for cell, bold, underlined in zip(
                column.cells, column.bold, column.underlined, strict=True
            )
        ]
        for column, room in zip(columns, widths, strict=True)
    ]
    for row in zip(*cells, strict=True):
        grid.add_row(*row)
    return grid


def _blocks(columns: list[Column], width: int) -> list[list[Column]]:
    """The columns that go side by side; the first one heads every block."""
    first, *rest = columns
    blocks = [[first]]
    for column in rest:
        taken = sum(_narrowest(other) + _GAP for other in blocks[-1])
        if taken + _narrowest(column) > width and len(blocks[-1]) > 1:
            blocks.append([first])
        blocks[-1].append(column)
    return blocks


def _widths(columns: list[Column], width: int) -> list[int]:
    """Widths that fit, taken one by one from whichever column is furthest above its narrowest."""
    narrowest = [_narrowest(column) for column in columns]
    widths = [_widest(column) for column in columns]
    room = width - _GAP * (len(columns) - 1)
    while sum(widths) > room:
        spare, at = max((widths[i] - narrowest[i], i) for i in range(len(widths)))
        if spare == 0:
            break
        widths[at] -= 1
    return widths


def _narrowest(column: Column) -> int:
    head = max(map(cell_len, _parts(column.header)))
    if column.numeric:
        return max([head, *map(cell_len, column.cells)])
    parts = [part.rstrip() for cell in column.cells for part in _parts(cell)]
    readable = min(_READABLE, max(map(cell_len, column.cells), default=0))
    return min(_LONGEST_PART, max([head, readable, *map(cell_len, parts)]))


def _widest(column: Column) -> int:
    # The long name of a number (loss_weights.roi_box) is always folded.
    head = "" if column.numeric else column.header
    return max(_narrowest(column), *map(cell_len, [head, *column.cells]))


def _parts(cell: str) -> list[str]:
    return re.split(r"(?<=[\s._/-])", cell)


def _fold(cell: str, width: int) -> str:
    """Line breaks after separators, each line as full as it goes."""
    lines = [""]
    for part in _parts(cell):
        if lines[-1] and cell_len((lines[-1] + part).rstrip()) > width:
            lines.append("")
        lines[-1] += part
    return "\n".join(line.rstrip() for line in lines)
