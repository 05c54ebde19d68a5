"""Precision against recall of the best arm, for detection."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from analysis.figures.style import (
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
from analysis.statistics.tallies import Tally, best_tallies
from runs.tallies import BoxTally

OVERLAPS = {0.5: 0, 0.75: 5}
"""The IoU that makes a detection right, and its column in a tally."""

RECALLS = np.linspace(0, 1, 101)
"""Where COCO's average precision looks at a curve."""


def draw_precision_recall(run: Run, looks: dict[int, Look]) -> Sketch:  # noqa: ARG001 - one arm's
    """A panel an overlap, a line a class: the mean over seeds, whose area is the score on test."""
    arm, tallies = best_tallies(run)
    boxes = tallies[0].counts
    assert isinstance(boxes, BoxTally), "a detector's tally is of boxes"
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
            precision = mean_precision(tallies, at + 1, level)
            _draw_curve(axes, precision, look)
            curve = {"class": names[at], "IoU": overlap, "recall": RECALLS, "precision": precision}
            drawn.append(pd.DataFrame(curve))
            end = RECALLS[precision > 0].max(initial=0)
            ends.append(f"{names[at]} at IoU {overlap:.2f} up to recall {end:.2f}")
    panels[0].set_ylabel("precision")
    add_legend(canvas, _handles([names[at] for at in shown], truths[shown]), 4)
    means = {name: np.mean([one.scores(name)[0] for one in tallies]) for name in ("AP50", "AP75")}
    scores = ", ".join(f"{name} {mean:.3f}" for name, mean in means.items())
    seeds = f" (mean of {len(tallies)} seeds)" if len(tallies) > 1 else ""
    rest = (
        f" Of {len(truths)} classes, the {len(shown)} most frequent."
        if len(shown) < len(truths)
        else ""
    )
    return Sketch(
        canvas,
        "Precision and recall",
        f"Detections of {arm_text(run, arm)}, the best arm on validation{seeds}, on "
        f"{len(tallies[0].names)} test images, from the surest down; n: true boxes. Precision at a "
        "recall is the highest at that recall or beyond, so that AP is the area under a curve: "
        f"{scores} over all classes.{rest}",
        f"{arm_text(run, arm)}, {scores}. Its curves: {listed(ends)}.",
        pd.concat(drawn),
    )


def mean_precision(tallies: Sequence[Tally], label: int, level: int) -> NDArray[np.float64]:
    """Precision [101] at each of `RECALLS`, mean over `tallies`; its own mean is their mean AP.

    Args:
        tallies: of one arm's seeds.
        label, level: as of `precision_recall`.
    """
    curves = []
    for tally in tallies:
        assert isinstance(tally.counts, BoxTally), "all models of a run have one task"
        recall, precision = precision_recall(tally.counts, label, level)
        curves.append(np.append(precision, 0)[np.searchsorted(recall, RECALLS)])
    return np.mean(curves, axis=0)


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


def _draw_curve(axes: Axes, precision: NDArray[np.float64], look: Look) -> None:
    axes.step(RECALLS, precision, where="pre", color=look.colour, linestyle=look.line)


def _handles(names: list[str], truths: NDArray[np.int64]) -> list[Line2D]:
    return [
        Line2D([], [], color=look.colour, linestyle=look.line, label=f"{name} (n = {count})")
        for look, name, count in zip(LOOKS, names, truths, strict=False)
    ]
