"""Lines of scores on test, one for the arms that differ in one factor alone."""

from collections.abc import Iterable, Mapping, Sequence
from math import isnan

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullFormatter, NullLocator

from analysis.factors.pairs import Line
from analysis.factors.tested import Tested
from analysis.figures.style import LOOKS, MOST_ARMS, Look
from analysis.statistics.bootstrap import CONFIDENCE
from analysis.tables.factors.rows import line_title
from runs.arms import Arm

APART = 0.018
"""How far the points of two lines at one place are drawn apart, as a share of the axis."""


def line_looks(lines: Mapping[Arm, Line]) -> dict[Arm, Look]:
    """The looks of the first `MOST_ARMS` lines that have two points, as ranked."""
    able = [line for line, arms in lines.items() if len(arms) > 1]
    return dict(zip(able[:MOST_ARMS], LOOKS, strict=False))


def line_labels(looks: Mapping[Arm, Look]) -> list[Line2D]:
    """The lines of a legend."""
    return [
        Line2D(
            [], [], color=one.colour, linestyle=one.line, marker=one.marker, label=line_title(line)
        )
        for line, one in looks.items()
        if line
    ]


def draw_line(
    axes: Axes,
    places: Sequence[float],
    arms: Sequence[tuple[float, float, float]],
    look: Look,
    shift: float = 1.0,
) -> None:
    """Scores with their bounds, at `places` times `shift`."""
    moved = [place * shift for place in places]
    axes.plot(
        moved,
        [score for score, _, _ in arms],
        color=look.colour,
        linestyle=look.line,
        marker=look.marker,
        markeredgecolor="white",
        markeredgewidth=0.4,
        zorder=3,
    )
    for place, (_, low, high) in zip(moved, arms, strict=True):
        if not isnan(low):
            axes.plot([place, place], [low, high], color=look.colour, linewidth=0.9, zorder=2)


def shifts(count: int, span: float) -> list[float]:
    """By which factor each of `count` lines is moved on a log axis that goes over `span` times."""
    middle = (count - 1) / 2
    return [float(span ** (APART * (at - middle))) for at in range(count)]


def log_axis(axes: Axes, places: Iterable[float], labels: Iterable[str]) -> None:
    """A log axis with ticks at these places alone."""
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator(list(places)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xticks(list(places), list(labels))


def interval_words(tested: Tested) -> str:
    """What the bars of a figure are."""
    if tested.no_intervals or not tested.drawn:
        return f"No intervals: {tested.no_intervals}."
    seeds = " and seeds" if tested.noise.freedom else ""
    return f"Bars: {CONFIDENCE:.0%} intervals over the {tested.drawn.text}{seeds}."


def shown_words(lines: Mapping[Arm, Line], looks: Mapping[Arm, Look]) -> str:
    """The end of a caption: which lines are not in the figure."""
    single = sum(len(arms) < 2 for arms in lines.values())
    parts = []
    if len(lines) - single > len(looks):
        parts.append(f" Of {len(lines) - single} lines, the first {len(looks)} are shown.")
    if single:
        parts.append(f" Without a second point, and not shown: {single}.")
    return "".join(parts)
