"""The parts that a page is made of: sections, tables of text, and images inside of the page."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from math import isnan
from typing import Any

import pandas as pd
from matplotlib import rc_context
from PIL import Image, UnidentifiedImageError

from analysis.figures.files import METADATA
from analysis.figures.style import RC, Sketch
from analysis.loading import AnalysisError
from analysis.pictures import Picture
from analysis.report.map_drawing import DrawnMap
from analysis.tables.ranking import INTERVAL, QUARTILES, SPREAD
from analysis.tables.references import REF
from analysis.tables.table import Table

INCH = 138
"""CSS pixels to an inch of a figure: its letters of 8 points are 15 pixels high on a screen."""

DPI = 144
"""Pixels to an inch where a figure is dense, and of a picture that does not say how many it has."""

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
    """The cells of a row.

    Attributes:
        quiet: grey, because it was published and not measured here.
        arm: which arm of the page it is of; None if of none.
        training: likewise of the trainings.
    """

    cells: tuple[Cell, ...]
    quiet: bool = False
    arm: int | None = None
    training: int | None = None


@dataclass(frozen=True)
class Grid:
    """A table of the page.

    Attributes:
        anchor: its id in the page.
        caption: what it shows.
        heads: a column each.
        rows: as they are shown until the reader sorts them.
        notes: paragraphs below it.
        metric: what it ranks by, if it is one of several of which the reader chooses.
    """

    anchor: str
    caption: str
    heads: tuple[Head, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    metric: str = ""


@dataclass(frozen=True)
class Plate:
    """An image with what stands around it, or a chart that a script draws, or both.

    Attributes:
        anchor: its id in the page.
        title: a few words.
        caption: what it shows, and how it was made.
        alt: its content in words, for readers who do not see it.
        source: the image itself, a `data:` address; "" if there is only a chart.
        width, height: of the image, in CSS pixels, where there is room for it.
        chart: which of the page's scripts draws the chart; "" if there is only an image.
        file: what the image and its data are called when they are saved; "" if they cannot be.
    """

    anchor: str
    title: str
    caption: str
    alt: str
    source: str = ""
    width: int = 0
    height: int = 0
    chart: str = ""
    file: str = ""

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
    table: Table,
    anchor: str,
    caption: str,
    names: Sequence[str],
    notes: Sequence[str] = (),
    arms: Sequence[int | None] = (),
) -> Grid:
    """A table of the analysis as the page sets it.

    Args:
        table: its columns, marks and order are kept.
        anchor, caption, notes: as of `Grid`.
        names: columns that say what a row is of.
        arms: of its first rows, as of `Row`.
    """
    columns = table.columns()
    heads = tuple(
        Head(
            one.header,
            one.numeric or one.header in {SPREAD, INTERVAL, QUARTILES},
            one.header in names,
        )
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
    rows = tuple(
        Row(row, row[0].text.startswith(REF), arm)
        for row, arm in zip_longest(zip(*cells, strict=True), arms)
    )
    return Grid(anchor, caption, heads, rows, tuple(notes))


def grid_of(
    frame: pd.DataFrame,
    anchor: str,
    caption: str,
    names: Sequence[str],
    notes: Sequence[str] = (),
    arms: Sequence[int | None] = (),
) -> Grid:
    """A plain frame, without marks; arguments as of `grid`."""
    plain = Table(title=caption, warning=None, frame=frame, scores=(), notes=(), context={})
    return grid(plain, anchor, caption, names, notes, arms)


def figure_plate(name: str, sketch: Sketch, chart: str) -> Plate:
    """A figure as a plate: the SVG that `figures` writes, what is dense in it coarser.

    Args:
        name: its key in `FIGURES`.
        sketch: the figure.
        chart: as of `Plate`.
    """
    drawn = io.BytesIO()
    with rc_context(RC):
        sketch.canvas.savefig(drawn, format="svg", dpi=DPI, metadata=METADATA["svg"])
    width, height = (round(side * INCH) for side in sketch.canvas.get_size_inches())
    return Plate(
        anchor=f"figure-{name}",
        title=sketch.title,
        caption=sketch.caption,
        alt=sketch.alt,
        source=_address("image/svg+xml", drawn.getvalue()),
        width=width,
        height=height,
        chart=chart,
        file=name,
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
    return Plate(
        anchor=f"picture-{number}",
        title=picture.title,
        caption=picture.caption,
        alt=picture.alt,
        source=_address("image/png", content),
        width=round(across / dots * INCH),
        height=round(down / dots * INCH),
    )


def _key(value: Any) -> str:
    if value is None or value is pd.NA or isinstance(value, str | bool):
        return ""
    if isinstance(value, int | float) and not isnan(value):
        return repr(value)
    return ""


def _address(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
