"""Score against the size of the images, and against what that costs."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from analysis.factors.resolution import FACTOR, Resolution, resolution
from analysis.figures.lines import (
    draw_line,
    interval_words,
    line_labels,
    line_looks,
    log_axis,
    shifts,
    shown_words,
)
from analysis.figures.style import (
    DOUBLE,
    GRID,
    Look,
    Sketch,
    add_legend,
    legend_height,
    listed,
    new_canvas,
)
from analysis.loading import Run
from analysis.tables.factors.rows import line_title
from analysis.wording import number
from runs.arms import Arm


def draw_resolution(run: Run, looks: dict[int, Look]) -> Sketch:  # noqa: ARG001 - as of labels
    """Score on test against px (left) and operations (right), a line an arm."""
    found = resolution(run)
    drawn = line_looks(found.lines)
    handles = line_labels(drawn)
    columns = 2 if len(handles) > 1 else 1
    canvas = new_canvas(DOUBLE, 2.2 + legend_height(len(handles), columns), run.record.sample)
    left, right = canvas.subplots(1, 2, sharey=True)
    metric = run.record.metric
    left.set(xlabel=f"{FACTOR} (px)", ylabel=f"{metric} (test)")
    unit, name = (1000, "TFLOP") if max(found.operations.values()) >= 10_000 else (1, "GFLOP")
    right.set(xlabel=f"{name} an epoch")
    for axes in (left, right):
        axes.grid(axis="y", color=GRID, linewidth=0.5)
    _draw_lines(left, right, found, drawn, unit)
    log_axis(left, found.sizes, [f"{size:g}" for size in found.sizes])
    right.set_xscale("log")
    right.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    right.xaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
    right.xaxis.set_minor_formatter(NullFormatter())
    if handles:
        add_legend(canvas, handles, columns)
    rows = [
        {
            "arm": line_title(line),
            FACTOR: size,
            "score": arms[size].score,
            "low": arms[size].low,
            "high": arms[size].high,
            "seeds": arms[size].seeds,
            "gflop_an_epoch": found.operations[arms[size].arm],
        }
        for line, arms in found.lines.items()
        for size in found.sizes
        if size in arms
    ]
    return Sketch(
        canvas,
        "Score against resolution and cost",
        f"{metric} on test against the side at which a model sees its images (left), and against "
        "the floating-point operations of an epoch, counted before the first trial (right), both "
        f"on a log scale (n = {len(rows)} arms). {interval_words(found.tested)} All are scored at "
        f"{run.record.data.image_size} px. Points of different lines at one size are drawn beside "
        "each other." + shown_words(found.lines, drawn),
        f"{metric} on test by {FACTOR}: "
        + listed([f"{row['arm']} {row[FACTOR]:g} px: {row['score']:.3f}" for row in rows], 16)
        + ".",
        pd.DataFrame(rows),
    )


def _draw_lines(
    left: Axes, right: Axes, found: Resolution, drawn: dict[Arm, Look], unit: int
) -> None:
    moved = shifts(len(drawn), found.sizes[-1] / found.sizes[0])
    for (line, look), shift in zip(drawn.items(), moved, strict=True):
        own = {size: found.lines[line][size] for size in found.sizes if size in found.lines[line]}
        scores = [(one.score, one.low, one.high) for one in own.values()]
        draw_line(left, list(own), scores, look, shift)
        draw_line(right, [found.operations[one.arm] / unit for one in own.values()], scores, look)
