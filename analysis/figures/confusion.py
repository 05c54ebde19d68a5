"""The confusion matrix of the best arm: of pixels, or of images that have one class each."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from analysis.figures.style import (
    DOUBLE,
    GRID,
    SHADES,
    SINGLE,
    Look,
    Sketch,
    arm_text,
    folded,
    ink_on,
    listed,
    new_canvas,
)
from analysis.loading import AnalysisError, Run
from analysis.statistics.tallies import Tally, best_tallies
from runs.tallies import LabelTally, PixelTally

MOST_WRITTEN = 12
"""Classes up to which the cells are large enough for numbers."""


def draw_confusion(run: Run, looks: dict[int, Look]) -> Sketch:  # noqa: ARG001 - one arm's
    """Rows: true classes; columns: found ones; shares of a row, with counts of pixels or images."""
    arm, tallies = best_tallies(run)
    of_pixels = isinstance(tallies[0].counts, PixelTally)
    what = "pixels" if of_pixels else "images"
    classes = tallies[0].classes if of_pixels else tallies[0].classes[1:]
    counts = np.mean([_confusion(tally) for tally in tallies], axis=0)
    truths = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, truths, out=np.full(counts.shape, np.nan), where=truths > 0)
    size = len(classes)
    wide = size > 5
    side = DOUBLE if wide else SINGLE
    canvas = new_canvas(side, side * 0.78, run.record.sample)
    axes = canvas.add_subplot(xlabel="found", ylabel="true")
    axes.pcolormesh(shares, vmin=0, vmax=1, cmap=SHADES, edgecolors=GRID, linewidth=0.5)
    if size <= MOST_WRITTEN:
        _write_cells(axes, shares, counts.round().astype("int64"))
    names = [folded(name, 14) for name in classes]
    middles = np.arange(size) + 0.5
    narrow = max(map(len, names)) * 0.06 > 0.7 * side / size  # inches of a name, and of a cell
    axes.set_xticks(middles, names, rotation=90 if narrow else 0)
    axes.set_yticks(middles, names)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.invert_yaxis()
    images = len(tallies[0].names)
    shown = f"the pixels of {images} test images" if of_pixels else f"{images} test images"
    uncounted = " Pixels that are not counted are left out." if of_pixels else ""
    seeds = f", mean of {len(tallies)} seeds" if len(tallies) > 1 else ""
    plain = "" if size <= MOST_WRITTEN else " Darker is more, from 0 to 1."
    return Sketch(
        canvas,
        "Confusion matrix",
        f"What {arm_text(run, arm)}, the best arm on validation, finds in {shown}{seeds}: the "
        f"share of each true class (a row adds up to 1), and counts of {what} below."
        f"{plain}{uncounted}",
        f"Of the {what} of each class, {arm_text(run, arm)} recognises: "
        + listed(
            [f"{name} {share:.0%}" for name, share in zip(classes, np.diag(shares), strict=True)],
            12,
        )
        + ". "
        + _worst(classes, shares),
        pd.DataFrame(
            [
                (classes[row], classes[column], int(count), shares[row, column])
                for (row, column), count in np.ndenumerate(counts)
            ],
            columns=["true", "found", what, "share"],
        ),
    )


def _confusion(tally: Tally) -> NDArray[np.int64]:
    """Pixels or images by true and found class.

    Raises:
        AnalysisError: images have several classes, or none.
    """
    counts = tally.counts
    if isinstance(counts, PixelTally):
        return counts.confusion.sum(axis=0)
    assert isinstance(counts, LabelTally), "boxes have no confusion matrix"
    if any((labels.sum(axis=1) != 1).any() for labels in (counts.truths, counts.found)):
        raise AnalysisError("images have several classes or none, which no confusion matrix shows")
    return counts.truths.T.astype(np.int64) @ counts.found.astype(np.int64)


def _write_cells(axes: Axes, shares: NDArray[np.float64], counts: NDArray[np.int64]) -> None:
    for (row, column), share in np.ndenumerate(shares):
        text = f"{share:.2f}\n{_short(int(counts[row, column]))}" if np.isfinite(share) else "none"
        ink = ink_on(share) if np.isfinite(share) else "black"
        axes.text(column + 0.5, row + 0.5, text, ha="center", va="center", size=7, color=ink)


def _short(count: int) -> str:
    for unit, letter in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if count >= unit:
            return f"{count / unit:.3g} {letter}"
    return str(count)


def _worst(classes: tuple[str, ...], shares: NDArray[np.float64]) -> str:
    wrong = np.nan_to_num(shares.copy())
    np.fill_diagonal(wrong, 0)
    row, column = np.unravel_index(wrong.argmax(), wrong.shape)
    return (
        f"The most frequent mistake: {wrong[row, column]:.0%} of {classes[row]} is found to be "
        f"{classes[column]}."
    )
