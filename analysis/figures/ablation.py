"""What each choice of a factor adds to the first one: differences with their intervals."""

from functools import partial
from math import isnan

import pandas as pd
from matplotlib.axes import Axes

from analysis.factors.ablation import Ablation, ablation
from analysis.factors.pairs import Gain
from analysis.figures.style import (
    FAINT,
    GRID,
    SINGLE,
    Look,
    Sketch,
    folded,
    listed,
    new_canvas,
)
from analysis.loading import Run
from analysis.statistics.bootstrap import CONFIDENCE
from analysis.tables.factors.ablation import means_of
from analysis.tables.factors.rows import line_title, value_text

MOST_ROWS = 40
"""Pairs that a page has room for."""


ROOM = 26
"""Letters beside the axis."""


def draw_ablation(factor: str, run: Run, looks: dict[int, Look]) -> Sketch:  # noqa: ARG001 - no arms
    """A row a choice, the mean over its pairs, and below it a row a pair."""
    found = ablation(run, factor)
    shown = found.gains[:MOST_ROWS]
    means = means_of(found.gains)
    texts = [_row_text(one, one in means) for one in shown]
    heights = [
        text.count("\n") + (1.9 if one in means else 1.5)
        for text, one in zip(texts, shown, strict=True)
    ]
    canvas = new_canvas(SINGLE, 0.5 + 0.125 * sum(heights), run.record.sample)
    base = value_text(found.base)
    axes = canvas.add_subplot(xlabel=f"{run.record.metric} on test, minus that of {base}")
    axes.grid(axis="x", color=GRID, linewidth=0.5)
    axes.axvline(0, color=FAINT, linewidth=0.8, linestyle="--", zorder=0)
    middles, y = [], 0.0
    for one, height in zip(shown, heights, strict=True):
        middles.append(y + height / 2)
        _draw_row(axes, one, middles[-1], one in means)
        y += height
    axes.set_yticks(middles, texts)
    axes.set_ylim(y, 0)
    axes.tick_params(axis="y", length=0)
    for label, one in zip(axes.get_yticklabels(), shown, strict=True):
        label.set_fontweight("bold" if one in means else "normal")
    return Sketch(
        canvas,
        f"What each choice of {factor} adds",
        _caption(run, found, len(shown)),
        f"{run.record.metric} on test against {factor} {base}: "
        + listed([_in_words(one) for one in found.gains], 12)
        + ".",
        pd.DataFrame([_data(one) for one in found.gains]),
    )


def _row_text(one: Gain, is_mean: bool) -> str:
    if not is_mean:
        return _folded_line(line_title(one.line)) if one.line else ""
    return folded(value_text(one.level), 22) + (f" (n = {one.pairs})" if one.pairs > 1 else "")


def _folded_line(title: str) -> str:
    """As many factors in a line as there is room for."""
    lines: list[str] = []
    for part in title.split(" · "):
        if lines and len(f"{lines[-1]} · {part}") <= ROOM:
            lines[-1] += f" · {part}"
        else:
            lines += folded(part, ROOM).split("\n")
    return "\n".join(lines)


def _draw_row(axes: Axes, one: Gain, y: float, is_mean: bool) -> None:
    colour, width, size = ("#0072B2", 2.0, 6) if is_mean else ("#444444", 1.0, 4.5)
    if not isnan(one.low):
        axes.plot([one.low, one.high], [y, y], color=colour, linewidth=width, solid_capstyle="butt")
    axes.plot(
        one.difference,
        y,
        "o",
        color=colour,
        markersize=size,
        markeredgecolor="white",
        markeredgewidth=0.5,
    )


def _caption(run: Run, found: Ablation, shown: int) -> str:
    base = value_text(found.base)
    drawn, seeds = found.tested.drawn, found.tested.noise.freedom > 0
    several = any(one.pairs > 1 for one in found.gains)
    parts = [
        f"{run.record.metric} on test of each choice of {found.factor}, minus that of {base}, all "
        "other factors being equal"
        + (": the mean over n pairs of arms (bold), and each pair below it." if several else ".")
    ]
    if found.tested.no_intervals or not drawn:
        parts.append(f"No intervals: {found.tested.no_intervals}.")
    else:
        parts.append(
            f"Lines: {CONFIDENCE:.0%} intervals over the {drawn.text}, the same for both arms"
            f"{', and over seeds' if seeds else ''}. An interval that holds 0 (dashed): no "
            "difference is shown."
        )
    if shown < len(found.gains):
        parts.append(f"The first {shown} of {len(found.gains)} rows.")
    return " ".join(parts)


def _in_words(one: Gain) -> str:
    who = f", {line_title(one.line)}" if one.line else f", mean of {one.pairs} pairs"
    within = "" if isnan(one.low) else f" ({one.low:+.3f} to {one.high:+.3f})"
    return f"{value_text(one.level)}{who} {one.difference:+.3f}{within}"


def _data(one: Gain) -> dict[str, object]:
    return {
        "level": value_text(one.level),
        "of": line_title(one.line) if one.line else "mean",
        "pairs": one.pairs,
        "difference": one.difference,
        "low": one.low,
        "high": one.high,
        "p": one.p,
    }


draw_bands = partial(draw_ablation, "bands")
draw_augment = partial(draw_ablation, "augment")
draw_stretch = partial(draw_ablation, "stretch")
