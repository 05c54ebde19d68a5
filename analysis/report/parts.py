"""The parts that a page is made of: sections, tables of text, and images inside of the page."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any

import pandas as pd
from matplotlib import rc_context
from PIL import Image, UnidentifiedImageError

from analysis.figures.style import RC, Sketch
from analysis.loading import AnalysisError
from analysis.pictures import Picture
from analysis.report.map_drawing import DrawnMap
from analysis.tables.ranking import INTERVAL, SPREAD
from analysis.tables.references import REF
from analysis.tables.table import Table

INCH = 138
"""CSS pixels to an inch of a figure: its letters of 8 points are 15 pixels high on a screen."""

DPI = 200
"""Pixels to an inch of a figure: sharp on screens, and good enough on paper."""

NARROW = 480
"""CSS pixels up to which a figure can be read on a phone as a whole; wider ones are scrolled."""


@dataclass(frozen=True)
class Head:
    """The heading of a column; `names`: its cells say what their row is of."""

    text: str
    numeric: bool
    names: bool


@dataclass(frozen=True)
class Cell:
    """A cell. `key` is the number that it is sorted by; "" where it has none."""

    text: str
    key: str
    best: bool = False
    tied: bool = False


@dataclass(frozen=True)
class Row:
    """The cells of a row; a `quiet` one is grey: it was published and not measured here."""

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


@dataclass(frozen=True)
class Plate:
    """An image with what stands around it.

    Attributes:
        anchor: its id in the page.
        title: a few words.
        caption: what it shows, and how it was made.
        alt: its content in words, for readers who do not see it.
        source: the image itself, a `data:` address.
        width, height: in CSS pixels, where there is room for it.
    """

    anchor: str
    title: str
    caption: str
    alt: str
    source: str
    width: int
    height: int

    @property
    def wide(self) -> bool:
        """Whether it is scrolled on a phone: made smaller, it could not be read."""
        return self.width > NARROW


@dataclass(frozen=True)
class Listing:
    """A text that is shown as it is, folded until the reader opens it."""

    title: str
    lines: str


@dataclass(frozen=True)
class Section:
    """One section, its parts in the order in which the page shows them.

    Attributes:
        anchor: its id in the page.
        title: its heading.
        lead: the most important sentence.
        paragraphs: plain text.
        facts: terms, and a text for each.
        grids: tables.
        plates: figures and pictures.
        absent: what is not shown here, and why; a sentence each.
        listings: long texts.
        layered: pictures that the reader sees as layers; `plates` are the same as they are printed.
        map: where on Earth the test images lie.
    """

    anchor: str
    title: str
    lead: str = ""
    paragraphs: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    grids: tuple[Grid, ...] = ()
    plates: tuple[Plate, ...] = ()
    absent: tuple[str, ...] = ()
    listings: tuple[Listing, ...] = ()
    layered: tuple[Picture, ...] = ()
    map: DrawnMap | None = None


def grid(
    table: Table, anchor: str, caption: str, names: Sequence[str], notes: Sequence[str] = ()
) -> Grid:
    """A table of the analysis as the page sets it.

    Args:
        table: its columns, marks and order are kept.
        anchor, caption, notes: as of `Grid`.
        names: columns that say what a row is of.
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
    """A plain frame, without marks; arguments as of `grid`."""
    plain = Table(title=caption, warning=None, frame=frame, scores=(), notes=(), context={})
    return grid(plain, anchor, caption, names, notes)


def figure_plate(name: str, sketch: Sketch) -> Plate:
    """A figure as a plate.

    In 256 colours: lines and letters look the same, and the file is a fifth as large.
    """
    drawn, small = io.BytesIO(), io.BytesIO()
    with rc_context(RC):
        sketch.canvas.savefig(drawn, format="png", dpi=DPI)
    image = Image.open(drawn).convert("RGB")
    palette = image.quantize(method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    palette.save(small, format="PNG", optimize=True)
    size = (image.width / DPI, image.height / DPI)
    return _plate(
        f"figure-{name}", sketch.title, sketch.caption, sketch.alt, small.getvalue(), size
    )


def picture_plate(number: int, picture: Picture) -> Plate:
    """A picture of predictions as a plate, from its file.

    Raises:
        AnalysisError: the file cannot be read, or is not a PNG.
    """
    file = picture.file
    try:
        content = file.read_bytes()
        with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
            (across, down), (dots, _) = image.size, image.info.get("dpi", (DPI, DPI))
    except UnidentifiedImageError as error:
        raise AnalysisError(
            f"{file} is not a PNG image: delete it and draw the pictures again"
        ) from error
    except OSError as error:
        raise AnalysisError(f"{file} cannot be read: {error.strerror}") from error
    size = (across / dots, down / dots)
    return _plate(f"picture-{number}", picture.title, picture.caption, picture.alt, content, size)


def _key(value: Any) -> str:
    if value is None or value is pd.NA or isinstance(value, str | bool):
        return ""
    if isinstance(value, int | float) and not isnan(value):
        return repr(float(value))
    return ""


def _plate(
    anchor: str, title: str, caption: str, alt: str, png: bytes, inches: tuple[float, float]
) -> Plate:
    source = f"data:image/png;base64,{base64.b64encode(png).decode()}"
    width, height = (round(side * INCH) for side in inches)
    return Plate(anchor, title, caption, alt, source, width, height)
