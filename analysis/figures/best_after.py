"""The expected best score as a function of the effort."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from analysis.figures.style import (
    DOUBLE,
    FAINT,
    GRID,
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
    time_unit,
)
from analysis.loading import AnalysisError, Run
from analysis.statistics.best_after import best_after


def draw_best_after(run: Run, looks: dict[int, Look]) -> Sketch:
    """The expected best score after n trials, and after as many seconds."""
    curves = best_after(run)
    curves = curves[curves["arm"].isin(list(looks))]
    last = curves.groupby("arm")["n"].max()
    if curves.empty or last.max() < 2:
        raise AnalysisError("no arm has two trials with a score, one of them trained to its end")
    common = int(last.min())
    unit, name = time_unit(curves["seconds"].max())
    curves = curves.assign(time=curves["seconds"] / unit)
    columns = 2 if len(looks) > 4 else 1
    canvas = new_canvas(DOUBLE, 2.2 + legend_height(len(looks), columns), run.record.sample)
    left, right = canvas.subplots(1, 2, sharey=True)
    metric = run.record.metric
    left.set(xlabel="trials of an arm", ylabel=f"expected best {metric} (validation)")
    right.set(xlabel=f"{name} on one slot")
    drawn = {arm: look for arm, look in looks.items() if arm in last.index}
    for axes, column in ((left, "n"), (right, "time")):
        axes.grid(axis="y", color=GRID, linewidth=0.5)
        if last.max() > 50:
            axes.set_xscale("log")
        for arm, look in drawn.items():
            _draw_line(axes, curves[curves["arm"] == arm], column, look)
    if last.max() <= 50:
        left.xaxis.set_major_locator(MaxNLocator(integer=True))
    if common < last.max():
        left.axvline(common, color=FAINT, linewidth=0.8, linestyle="--", zorder=0)
    add_legend(canvas, line_handles(run, drawn), columns)
    unscored = int(run.trials.loc[run.trials["arm"].isin(list(looks)), "score"].isna().sum())
    without = (
        f" {unscored} trial{'s' * (unscored != 1)} without a score are not draws, but "
        "their time counts."
        if unscored
        else ""
    )
    at_common = (
        curves[curves["n"] == common].sort_values("expected", ascending=False).to_dict("records")
    )
    return Sketch(
        canvas,
        "Best after n trials",
        f"The expected best {metric} on validation of n trials of an arm (left), and of the time "
        f"that they take one after another (right), each line up to the trials that its arm had "
        f"(n = {common} to {last.max()}). Up to n = {common} (dashed) all lines can be compared."
        f"{_stopped_words(run, looks)}{without} Trials are taken as independent draws (the "
        "unbiased estimator; Dodge et al. 2019, Tang et al. 2020), which an adaptive search only "
        "approximates." + shown_note(run, looks),
        f"Expected best {metric} after {common} trial{'s' * (common != 1)}: "
        + listed([f"{arm_text(run, row['arm'])} {row['expected']:.3f}" for row in at_common])
        + ". At each arm's last trial: "
        + listed(
            [
                f"{arm_text(run, row['arm'])} {row['expected']:.3f} (n = {row['n']})"
                for row in curves.drop_duplicates("arm", keep="last").to_dict("records")
            ]
        )
        + ".",
        arms_named(run, curves.drop(columns="time")),
    )


def _stopped_words(run: Run, looks: dict[int, Look]) -> str:
    """What trials that were not trained to their end count as."""
    trials = run.trials[run.trials["arm"].isin(list(looks))].dropna(subset="score")
    stopped = trials[trials["reached"] < 1]
    without = sorted(set(looks) - set(trials.loc[trials["reached"] == 1, "arm"]))
    words = ""
    if len(stopped):
        words = (
            f" {len(stopped)} of {len(trials)} trials were not trained to their end. They count "
            "with the score that they had reached, at most their arm's best finished one, so that "
            "the lines are too low for few trials."
        )
    if without:
        arms = listed([arm_text(run, arm) for arm in without])
        words += f" No line, without a finished trial: {arms}."
    return words


def _draw_line(axes: Axes, curve: pd.DataFrame, column: str, look: Look) -> None:
    axes.plot(
        curve[column],
        curve["expected"],
        color=look.colour,
        linestyle=look.line,
        marker=look.marker,
        markevery=[len(curve) - 1],
        markeredgecolor="white",
        markeredgewidth=0.4,
    )
