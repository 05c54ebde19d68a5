"""Precision against recall of the best arm, for detection."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from analysis.figures.style import (
    DENSE,
    DOUBLE,
    GRID,
    LOOKS,
    Look,
    Sketch,
    add_legend,
    arm_text,
    legend_height,
    listed,
    new_canvas,
)
from analysis.loading import AnalysisError, Run
from analysis.statistics.tallies import best_tallies
from runs.tallies import BoxTally

OVERLAPS = {0.5: 0, 0.75: 5}
"""The IoU that makes a detection right, and its column in a tally."""


def draw_precision_recall(run: Run, looks: dict[int, Look]) -> Sketch:  # noqa: ARG001 - one arm's
    """A panel an overlap, a line a class: of the seed in the middle, if there are several."""
    arm, tallies = best_tallies(run)
    if not isinstance(tallies[0].counts, BoxTally):
        raise AnalysisError("the run counts pixels, not boxes")
    order = np.argsort([tally.scores("AP50")[0] for tally in tallies], kind="stable")
    tally = tallies[order[(len(tallies) - 1) // 2]]
    boxes = tally.counts
    assert isinstance(boxes, BoxTally), "all models of a run have one task"
    truths = boxes.truths.sum(axis=0)
    if not truths.any():
        raise AnalysisError("there is no true box in the test images")
    names = run.record.data.classes
    shown = [int(at) for at in np.argsort(-truths, kind="stable")[: len(LOOKS)] if truths[at]]
    canvas = new_canvas(DOUBLE, 2.2 + legend_height(len(shown), 4), run.record.sample)
    panels = canvas.subplots(1, 2, sharey=True)
    ends, drawn = [], []
    for axes, (overlap, level) in zip(panels, OVERLAPS.items(), strict=True):
        axes.grid(color=GRID, linewidth=0.5)
        axes.set(xlabel=f"recall (IoU {overlap:.2f})", xlim=(0, 1), ylim=(0, 1.02))
        for look, at in zip(LOOKS, shown, strict=False):
            recall, precision = precision_recall(boxes, at + 1, level)
            _draw_curve(axes, recall, precision, look)
            drawn.append(
                pd.DataFrame(
                    {
                        "class": names[at],
                        "IoU": overlap,
                        "recall": recall,
                        "precision": precision,
                    }
                )
            )
            ends.append(
                f"{names[at]} at IoU {overlap:.2f} up to recall {recall.max(initial=0):.2f}"
            )
    panels[0].set_ylabel("precision")
    add_legend(canvas, _handles([names[at] for at in shown], truths[shown]), 4)
    scores = ", ".join(f"{name} {tally.scores(name)[0]:.3f}" for name in ("AP50", "AP75"))
    seeds = f" (of {len(tallies)} seeds the middle one by AP50)" if len(tallies) > 1 else ""
    rest = (
        f" Of {len(truths)} classes, the {len(shown)} most frequent."
        if len(shown) < len(truths)
        else ""
    )
    return Sketch(
        canvas,
        "Precision and recall",
        f"Detections of {arm_text(run, arm)}, the best arm on validation{seeds}, on "
        f"{len(tally.names)} test images, from the surest down; n: true boxes. Precision at a "
        f"recall is the highest at that recall or beyond, as AP has it: {scores} over all "
        f"classes.{rest}",
        f"{arm_text(run, arm)}, {scores}. Its curves: {listed(ends)}.",
        pd.concat(drawn),
    )


def precision_recall(
    tally: BoxTally, label: int, level: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Recall and precision after each detection of a class, the surest first.

    Args:
        tally: what was found on the test images.
        label: the class, from 1.
        level: column of the overlap in `tally.matched`.

    Returns:
        float64 [D] each, D detections of the class, both empty without a true box; precision is
        the highest at that recall or beyond it (Everingham et al. 2010, "The PASCAL VOC
        Challenge").
    """
    own = tally.label == label
    order = np.argsort(-tally.score[own], kind="stable")
    right = np.cumsum(tally.matched[own, level][order], dtype="float64")
    there = float(tally.truths[:, label - 1].sum())
    if not there:
        return np.empty(0), np.empty(0)
    precision = right / np.arange(1, len(right) + 1)
    return right / there, np.maximum.accumulate(precision[::-1])[::-1]


def _draw_curve(
    axes: Axes, recall: NDArray[np.float64], precision: NDArray[np.float64], look: Look
) -> None:
    # From recall 0, and down to the axis where no detection reaches further.
    edge = recall.max(initial=0)
    axes.step(
        [0, *recall, edge],
        [*precision[:1], *precision, 0] if len(recall) else [0, 0],
        where="pre",
        color=look.colour,
        linestyle=look.line,
        rasterized=len(recall) > DENSE * 10,
    )


def _handles(names: list[str], truths: NDArray[np.int64]) -> list[Line2D]:
    return [
        Line2D([], [], color=look.colour, linestyle=look.line, label=f"{name} (n = {count})")
        for look, name, count in zip(LOOKS, names, truths, strict=False)
    ]
