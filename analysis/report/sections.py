"""What a section of the report holds, whichever it is."""

from dataclasses import dataclass

from analysis.report.grids import Grid
from analysis.report.plates import Plate


@dataclass(frozen=True)
class Listing:
    """A text that is shown as it is, folded up until it is asked for."""

    title: str
    lines: str


@dataclass(frozen=True)
class Section:
    """One section, its parts in the order in which the page shows them.

    Attributes:
        anchor: its id in the page.
        title: its heading.
        lead: what must be read if nothing else is.
        paragraphs: plain text.
        facts: terms and what is to be said of each.
        grids: tables.
        plates: figures and pictures.
        absent: what could stand here and does not, and why; a sentence each.
        listings: long texts.
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
