"""Which hyperparameters mattered, across the arms and within each."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from analysis.figures.style import (
    DOUBLE,
    GRID,
    SHADES,
    SINGLE,
    Look,
    Sketch,
    arm_text,
    folded,
    folded_arm,
    ink_on,
    listed,
    new_canvas,
)
from analysis.loading import AnalysisError, Run
from analysis.statistics.importance import FEWEST, MOST, SHUFFLES, TOP, Importance, importances
from analysis.wording import MISSING


def draw_importance(run: Run, looks: dict[int, Look]) -> Sketch:
    """A table of shares, darker where more: a row for all arms, then one for each."""
    found = [part for part in importances(run) if part.arm is None or part.arm in looks]
    shown = [part for part in found if part.shares]
    if not shown:
        raise AnalysisError(
            f"there are too few trials to tell: {found[0].reason}, over all arms together"
        )
    names = list(dict.fromkeys(name for part in shown for name in part.shares))
    texts = ["all arms" if part.arm is None else folded_arm(run, part.arm, 24) for part in shown]
    heights = np.array([max(2.0, text.count("\n") + 1.5) for text in texts])
    heads = [folded(name, 16) for name in names]
    deepest = max(head.count("\n") + 1 for head in heads)
    width = SINGLE if len(names) <= 3 else DOUBLE
    height = 0.1 + 0.125 * (heights.sum() + deepest)
    canvas = new_canvas(width, height, run.record.sample)
    axes = canvas.add_subplot()
    edges = np.concatenate([[0], np.cumsum(heights)])
    shares = np.array([[part.shares.get(name, np.nan) for name in names] for part in shown])
    axes.pcolormesh(
        np.arange(len(names) + 1), edges, shares, vmin=0, vmax=1, cmap=SHADES, edgecolors=GRID
    )
    _write_cells(axes, shown, names, (edges[1:] + edges[:-1]) / 2)
    axes.set_yticks((edges[1:] + edges[:-1]) / 2, texts)
    axes.set_xticks(np.arange(len(names)) + 0.5, heads)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.invert_yaxis()
    return Sketch(
        canvas,
        "What mattered",
        f"Share of each hyperparameter in what distinguished the best {TOP:.0%} of the trials "
        "(trained the furthest, and of these the best scores) from "
        f"the others (PED-ANOVA), a row adding up to 1; {MISSING}: not searched. Bold: more "
        f"than under each of {SHUFFLES} shuffles of the scores (p = {1 / (SHUFFLES + 1):.2g}); the "
        f"rest may be chance. {_counts(found)}",
        listed([_in_words(run, part) for part in shown]) + ".",
        _data(run, shown),
    )


def _data(run: Run, shown: list[Importance]) -> pd.DataFrame:
    rows = [
        ("all arms" if part.arm is None else arm_text(run, part.arm), key, share, key in part.clear)
        for part in shown
        for key, share in part.shares.items()
    ]
    return pd.DataFrame(rows, columns=["arm", "parameter", "importance", "beyond chance"])


def _write_cells(axes: Axes, shown: list[Importance], names: list[str], rows: np.ndarray) -> None:
    for part, y in zip(shown, rows, strict=True):
        for x, name in enumerate(names):
            share = part.shares.get(name)
            axes.text(
                x + 0.5,
                y,
                MISSING if share is None else f"{share:.2f}",
                ha="center",
                va="center",
                size=7.5,
                weight="bold" if name in part.clear else "normal",
                color="black" if share is None else ink_on(share),
            )


def _counts(found: list[Importance]) -> str:
    counts = [part.trials for part in found if part.shares]
    few = [part for part in found if not part.shares]
    thinned = f" At most {MOST} trials a row were looked at." if max(counts) > MOST else ""
    n = (
        f"n = {min(counts)} to {max(counts)} trials a row."
        if len(counts) > 1
        else f"n = {counts[0]}."
    )
    if not few:
        return n + thinned
    arms = f"{len(few)} arm{'s' * (len(few) != 1)}"
    return (
        f"{n}{thinned} No row for {arms}, where nothing was searched or fewer than {FEWEST} trials "
        "have a score."
    )


def _in_words(run: Run, part: Importance) -> str:
    name = "Across all arms" if part.arm is None else f"Within {arm_text(run, part.arm)}"
    return f"{name}: " + ", ".join(
        f"{key} {share:.2f}{'' if key in part.clear else ' (not clear of chance)'}"
        for key, share in part.shares.items()
    )
