"""Learning curves, the arms apart."""

import numpy as np
import pandas as pd
from matplotlib.collections import LineCollection
from matplotlib.ticker import MaxNLocator

from analysis.figures.style import (
    DENSE,
    GRID,
    SINGLE,
    Look,
    Sketch,
    add_legend,
    arm_text,
    arms_named,
    legend_height,
    line_handles,
    listed,
    new_canvas,
    shown_note,
)
from analysis.loading import AnalysisError, Run
from analysis.standings import ranked_arms

MOST_CURVES = 400
"""Curves in the background; more could not be distinguished."""


def draw_learning(run: Run, looks: dict[int, Look]) -> Sketch:
    """Each arm's best trial over the epochs, the other trials in the background."""
    metric = run.record.metric
    trials = run.trials[run.trials["arm"].isin(list(looks))]
    epochs = run.epochs[run.epochs["number"].isin(set(trials["number"]))]
    if epochs.groupby("number").size().max() < 2 or epochs.empty:
        raise AnalysisError("no trial has more than one epoch yet")
    best = {one.arm: one.trial.number for one in ranked_arms(run, metric) if one.arm in looks}
    others = trials["number"][~trials["number"].isin(list(best.values()))]
    behind = others.iloc[:: -(-len(others) // MOST_CURVES) or 1]
    canvas = new_canvas(SINGLE, 2.2 + legend_height(len(looks)), run.record.sample)
    axes = canvas.add_subplot(xlabel="epoch", ylabel=f"{metric} (validation)")
    axes.grid(axis="y", color=GRID, linewidth=0.5)
    curves = dict(iter(epochs.groupby("number")))
    colours = trials.set_index("number")["arm"].map({a: look.colour for a, look in looks.items()})
    axes.add_collection(
        LineCollection(
            [curves[number][["epoch", metric]].to_numpy() for number in behind if number in curves],
            colors=[colours[number] for number in behind if number in curves],
            linewidths=0.4,
            alpha=0.35,
            rasterized=len(behind) > DENSE // 20,
        )
    )
    for arm, number in best.items():
        curve, look = curves[number], looks[arm]
        every = max(1, len(curve) // 5)
        axes.plot(
            curve["epoch"],
            curve[metric],
            color=look.colour,
            linestyle=look.line,
            marker=look.marker,
            markevery=(list(looks).index(arm) % every, every),
            markeredgecolor="white",
            markeredgewidth=0.4,
        )
    axes.autoscale_view()
    axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
    add_legend(canvas, line_handles(run, looks))
    thinned = f"{len(behind)} of the " if len(behind) < len(others) else "the "
    thin = f"; thin: {thinned}{len(others)} other trials, which end where they were stopped"
    return Sketch(
        canvas,
        "Learning curves",
        f"{metric} on validation after each epoch. Thick: the first trial of each arm, trained the "
        f"furthest and of these with the best score{thin if len(others) else ''}."
        + shown_note(run, looks),
        f"{metric} over epochs for the best trial of each arm. "
        + listed([_in_words(run, curves[number], arm, metric) for arm, number in best.items()])
        + ".",
        _data(run, epochs[epochs["number"].isin([*best.values(), *behind])], metric),
    )


def _data(run: Run, epochs: pd.DataFrame, metric: str) -> pd.DataFrame:
    arms = run.trials[["number", "arm"]]
    return arms_named(run, arms.merge(epochs[["number", "epoch", metric]], on="number"))


def _in_words(run: Run, curve: pd.DataFrame, arm: int, metric: str) -> str:
    values = curve[metric].to_numpy("float64")
    first, top = values[np.isfinite(values)][0], int(np.nanargmax(values))
    return (
        f"{arm_text(run, arm)} goes from {first:.3f} to {values[top]:.3f} at epoch "
        f"{curve['epoch'].iloc[top]}"
    )
