"""How all figures look: for a column of a paper, in colour, in grey and with any colour vision."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure as Canvas
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D

from analysis.loading import Run
from analysis.standings import ranked_arms

SINGLE, DOUBLE = 3.3, 7.0
"""Inches of one column of a two-column paper, and of both."""

RC: dict[str, Any] = {
    "figure.dpi": 200,
    "savefig.dpi": 300,
    "pdf.fonttype": 42,  # fonts as TrueType, whole letters that can be searched and edited
    "svg.fonttype": "path",
    "svg.hashsalt": "eosweep",
    "font.size": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.axisbelow": True,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.linewidth": 1.3,
    "lines.markersize": 4.5,
    "hatch.linewidth": 0.5,
    "legend.frameon": False,
    "legend.handlelength": 3.0,
    "image.cmap": "cividis",
}
"""Settings of matplotlib while a figure is drawn and written."""

FAINT, GRID = "#999999", "#E5E5E5"
"""Colours of marks that are there for comparison only, and of grid lines."""

SHADES = LinearSegmentedColormap.from_list("shades", ["#FFFFFF", "#0072B2", "#00283F"])
"""Shares from 0 to 1, distinguished by lightness alone."""

RANKS = LinearSegmentedColormap.from_list("ranks", ["#7F8D99", "#0072B2", "#00283F"])
"""Lines from the last to the first: the palest can still be seen on white."""

MOST_ARMS = 8
"""So many arms can be distinguished by their looks."""

DENSE = 2000
"""More marks than this are written as pixels, also into a PDF or SVG."""


@dataclass(frozen=True)
class Look:
    """What an arm is recognised by, in every figure of a run."""

    colour: str
    marker: str
    line: str | tuple[int, tuple[float, ...]]
    hatch: str


LOOKS = (
    Look("#0072B2", "o", "-", ""),
    Look("#D55E00", "s", (0, (4, 1.5)), "////"),
    Look("#009E73", "^", (0, (1, 1.2)), "...."),
    Look("#CC79A7", "D", (0, (5, 1.2, 1, 1.2)), "xxxx"),
    Look("#E69F00", "v", (0, (3, 1, 1, 1, 1, 1)), "----"),
    Look("#56B4E9", "P", (0, (7, 2)), "||||"),
    Look("#000000", "X", (0, (2, 1)), "\\\\\\\\"),
    Look("#999999", "*", (0, (8, 1.2, 2, 1.2)), "++++"),
)
"""Okabe & Ito 2008, "Color Universal Design"; grey for their yellow, which is too pale on white."""


@dataclass(frozen=True, eq=False)
class Sketch:
    """A figure that is drawn and not yet written.

    Attributes:
        canvas: matplotlib's.
        title: a few words for above it; not in the figure.
        caption: what it shows and says, and of how much.
        alt: its content in words, for readers who do not see it.
        data: the numbers that it shows, arms by their titles.
    """

    canvas: Canvas
    title: str
    caption: str
    alt: str
    data: pd.DataFrame


def looks_of(run: Run) -> dict[int, Look]:
    """The look of each arm, by its position in `run.record.arms`, in that order.

    Of more than `MOST_ARMS` arms only the first ones of the ranking have one.
    """
    first = ranked_arms(run, run.record.metric)[:MOST_ARMS]
    return dict(zip(sorted(one.arm for one in first), LOOKS, strict=False))


def shown_note(run: Run, looks: dict[int, Look]) -> str:
    """The end of a caption: which arms are not in the figure."""
    scored = run.trials.dropna(subset="score")["arm"].nunique()
    if scored <= len(looks):
        return ""
    return f" Of {scored} arms, the first {len(looks)} of the ranking are shown."


def arm_text(run: Run, arm: int) -> str:
    """An arm in a legend or a sentence."""
    return run.record.arms[arm].title


def arms_named(run: Run, frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with the titles of arms in its column `arm`, instead of their positions."""
    return frame.assign(arm=[arm_text(run, arm) for arm in frame["arm"]])


def folded(text: str, width: int) -> str:
    """Lines of `width` characters where they can be broken: after a separator of a name."""
    lines = [""]
    for part in _parts(text):
        if lines[-1] and len((lines[-1] + part).rstrip()) > width:
            lines.append("")
        lines[-1] += part
    return "\n".join(line.strip() for line in lines)


def _parts(text: str) -> list[str]:
    return re.findall(r"[^\s_./-]*[\s_./-]*", text)[:-1] or [text]


def folded_arm(run: Run, arm: int, width: int) -> str:
    """An arm beside an axis: a line or two a factor."""
    return "\n".join(folded(part, width) for part in arm_text(run, arm).split(" · "))


def new_canvas(width: float, height: float, sample: bool) -> Canvas:
    """An empty figure, in inches; marked where its scores are the embedded sample's."""
    strip = 0.15 if sample else 0.0
    canvas = Canvas(figsize=(width, height + strip))
    share = strip / (height + strip)
    canvas.set_layout_engine(ConstrainedLayoutEngine(rect=(0, 0, 1, 1 - share)))
    if sample:
        canvas.text(
            0.995,
            1 - 0.02 / (height + strip),
            "SAMPLE",
            size=7,
            weight="bold",
            ha="right",
            va="top",
        )
    return canvas


def add_legend(canvas: Canvas, handles: Iterable[Artist], columns: int = 1) -> None:
    """Below the axes, so that no curve is hidden."""
    canvas.legend(handles=list(handles), loc="outside lower center", ncols=columns)


def line_handles(run: Run, looks: dict[int, Look]) -> list[Line2D]:
    """The arms of a legend, as lines with their markers."""
    return [
        Line2D(
            [],
            [],
            color=look.colour,
            linestyle=look.line,
            marker=look.marker,
            label=arm_text(run, arm),
        )
        for arm, look in looks.items()
    ]


def legend_height(entries: int, columns: int = 1) -> float:
    """Inches that a legend of as many entries takes."""
    return 0.08 + 0.145 * -(-entries // columns)


def time_unit(seconds: float) -> tuple[float, str]:
    """The unit for times up to `seconds`: how long it is, and its name."""
    for length, name in ((3600.0, "hours"), (60.0, "minutes")):
        if seconds >= 3 * length:
            return length, name
    return 1.0, "seconds"


def listed(parts: list[str], most: int = 8) -> str:
    """The first of them in a sentence, and how many more there are."""
    more = f"; and {len(parts) - most} more" if len(parts) > most else ""
    return "; ".join(parts[:most]) + more


def ink_on(share: float) -> str:
    """Black or white, whichever is readable on `share` (0 to 1) of `SHADES`."""
    red, green, blue, _ = SHADES(share)
    return "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 else "white"
