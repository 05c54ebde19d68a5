"""The label-efficiency curve."""

import pandas as pd

from analysis.factors.labels import FACTOR, labels
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
    GRID,
    SINGLE,
    Look,
    Sketch,
    add_legend,
    legend_height,
    listed,
    new_canvas,
)
from analysis.loading import Run
from analysis.tables.factors.labels import enough_sentence
from analysis.tables.factors.rows import line_title


def draw_labels(run: Run, looks: dict[int, Look]) -> Sketch:  # noqa: ARG001 - lines have their own
    """Score on test against the number of training images, a line an arm."""
    found = labels(run)
    images = dict(zip(found.fractions, found.images, strict=True))
    drawn = line_looks(found.lines)
    handles = line_labels(drawn)
    canvas = new_canvas(SINGLE, 2.4 + legend_height(len(handles)), run.record.sample)
    metric = run.record.metric
    axes = canvas.add_subplot(
        xlabel=f"training images (below: {FACTOR})", ylabel=f"{metric} (test)"
    )
    axes.grid(axis="y", color=GRID, linewidth=0.5)
    moved = shifts(len(drawn), found.images[-1] / found.images[0])
    for (line, look), shift in zip(drawn.items(), moved, strict=True):
        own = {
            fraction: found.lines[line][fraction]
            for fraction in images
            if fraction in found.lines[line]
        }
        draw_line(
            axes,
            [images[fraction] for fraction in own],
            [(one.score, one.low, one.high) for one in own.values()],
            look,
            shift,
        )
    log_axis(
        axes, found.images, [f"{number:,}\n{fraction:.3g}" for fraction, number in images.items()]
    )
    if handles:
        add_legend(canvas, handles)
    rows = [
        {
            "arm": line_title(line),
            FACTOR: fraction,
            "images": number,
            "score": arms[fraction].score,
            "low": arms[fraction].low,
            "high": arms[fraction].high,
            "seeds": arms[fraction].seeds,
        }
        for line, arms in found.lines.items()
        for fraction, number in images.items()
        if fraction in arms
    ]
    return Sketch(
        canvas,
        "Score against labels",
        f"{metric} on test against the number of training images, on a log scale, and the {FACTOR} "
        f"below it (n = {len(rows)} arms). {interval_words(found.tested)} Points of different "
        f"lines at one number are drawn beside each other. {enough_sentence(found)}"
        + shown_words(found.lines, drawn),
        f"{metric} on test by {FACTOR}: "
        + listed([f"{row['arm']} {row[FACTOR]:g}: {row['score']:.3f}" for row in rows], 16)
        + ".",
        pd.DataFrame(rows),
    )
