"""A description as text."""

from collections.abc import Iterator

from datasets.describe import Description
from datasets.describe.facts import Table, remarks, tables, title


def description(found: Description) -> Iterator[str]:
    """All lines."""
    yield f"{found.options.root}: {title(found)}"
    yield ""
    for one in tables(found):
        yield from lines_of(one)
    for kind, text in remarks(found):
        yield f"{kind}: {text}"
    if not found.survey.problems:
        yield "every file can be used"


def lines_of(table: Table) -> Iterator[str]:
    """Names on the left, numbers flush right; an empty line at the end."""
    widths = [max(map(len, column)) for column in zip(table.header, *table.rows, strict=True)]
    for first, *others in (table.header, *table.rows):
        cells = (
            cell if table.words else cell.rjust(width)
            for cell, width in zip(others, widths[1:], strict=True)
        )
        yield "  ".join([first.ljust(widths[0]), *cells]).rstrip()
    yield ""
