"""The effect of each factor, the others averaged out."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from analysis.figures.style import (
    FAINT,
    GRID,
    SINGLE,
    Look,
    Sketch,
    arm_text,
    folded,
    listed,
    new_canvas,
)
from analysis.loading import Run
from analysis.statistics.effects import Effects, effects

MOST_LEVELS = 30
"""Levels that a page has room for."""


def draw_effects(run: Run, looks: dict[int, Look]) -> Sketch:  # noqa: ARG001 - levels have no look
    """A panel a factor, a row a level: its mean, and the arms that have it."""
    found = effects(run)
    levels = found.levels.head(MOST_LEVELS)
    factors = levels["factor"].unique().tolist()
    texts = [folded(level, 22) for level in levels["level"]]
    heights = pd.Series([text.count("\n") + 1.7 for text in texts], index=levels.index)
    by_factor = heights.groupby(levels["factor"], sort=False).sum()
    canvas = new_canvas(
        SINGLE, 0.5 + 0.12 * len(factors) + 0.125 * heights.sum(), run.record.sample
    )
    panels = canvas.subplots(
        len(factors), 1, sharex=True, squeeze=False, height_ratios=by_factor.tolist()
    )[:, 0]
    for axes, factor in zip(panels, factors, strict=True):
        own = levels["factor"] == factor
        _draw_factor(
            axes,
            levels[own],
            [text for text, mine in zip(texts, own, strict=True) if mine],
            heights[own].to_numpy(),
            _scores_by_level(run, found, factor),
        )
    metric = run.record.metric
    what = "mean over repeats" if found.repeated else "best trial"
    panels[-1].set_xlabel(f"{metric} (validation)")
    rest = (
        ""
        if len(levels) == len(found.levels)
        else f" The first {len(levels)} of {len(found.levels)} levels."
    )
    dropped = (
        " Left out, because they were not trained as far as the others: "
        + listed([arm_text(run, arm) for arm in found.left_out])
        + "."
        if found.left_out
        else ""
    )
    return Sketch(
        canvas,
        "Effects of the factors",
        f"Mean {metric} on validation of each level (large dot; n: the arms that have it), the "
        f"other factors averaged out, and each arm's {what} (ticks; {len(found.scores)} arms). "
        f"Dashed: the mean over all. {_fit_words(found)}{rest}{dropped}",
        f"Mean {metric} by level: "
        + listed(
            [
                f"{row['factor']} {row['level']} {row['mean']:.3f} (n = {row['arms']})"
                for row in found.levels.to_dict("records")
            ],
            12,
        )
        + ".",
        found.levels,
    )


def _fit_words(found: Effects) -> str:
    kind = (
        "No combination is missing: these are plain means."
        if found.balanced
        else "Combinations are missing: the means are fitted by least squares and assume that "
        "effects add up."
    )
    if found.spare == 0:
        return f"{kind} There are as many unknowns as arms: whether effects add up cannot be seen."
    return (
        f"{kind} What a sum of effects leaves unexplained, interactions and chance, is "
        f"{found.residual:.3f} (root mean square)."
    )


def _scores_by_level(run: Run, found: Effects, factor: str) -> dict[str, list[float]]:
    scores: dict[str, list[float]] = {}
    for arm, score in zip(found.scores["arm"], found.scores["score"], strict=True):
        scores.setdefault(str(run.record.arms[arm][factor]), []).append(score)
    return scores


def _draw_factor(
    axes: Axes,
    levels: pd.DataFrame,
    texts: list[str],
    heights: np.ndarray,
    scores: dict[str, list[float]],
) -> None:
    middles = np.cumsum(heights) - heights / 2
    axes.axvline(levels["mean"].mean(), color=FAINT, linewidth=0.8, linestyle="--", zorder=0)
    axes.grid(axis="x", color=GRID, linewidth=0.5)
    for y, (_, level) in zip(middles, levels.iterrows(), strict=True):
        own = scores[level["level"]]
        axes.plot(own, [y] * len(own), "|", color="#444444", markersize=7, markeredgewidth=0.7)
        axes.plot(level["mean"], y, "o", color="#0072B2", markersize=6, markeredgecolor="white")
        axes.annotate(
            f"n = {level['arms']}",
            (1, y),
            xycoords=("axes fraction", "data"),
            xytext=(3, 0),
            textcoords="offset points",
            va="center",
            size=7,
        )
    axes.set_yticks(middles, texts)
    axes.set_ylim(heights.sum(), 0)
    axes.tick_params(axis="y", length=0)
    axes.set_title(levels["factor"].iloc[0], size=7.5, weight="bold", loc="left", pad=2)
