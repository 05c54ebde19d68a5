"""The arms side by side, with the uncertainty of each."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from analysis.figures.style import (
    DENSE,
    FAINT,
    GRID,
    SINGLE,
    Look,
    Sketch,
    arm_text,
    folded_arm,
    listed,
    new_canvas,
)
from analysis.loading import AnalysisError, Run
from analysis.ranking.arms import rank_runs
from analysis.ranking.uncertainty import TIED
from analysis.standings import models_of_arms, ranked_arms, trained_as_far
from analysis.statistics.bootstrap import CONFIDENCE, RESAMPLES
from analysis.unfinished import unfinished_arms

MOST_ROWS = 24
"""Arms that a page has room for."""


@dataclass(frozen=True, eq=False)
class _Row:
    """One arm.

    Attributes:
        arm: position in `run.record.arms`.
        score: what its mark stands at.
        behind: the scores that this one is the mean or the best of.
        bounds: how far it may be off; None where that is not known.
        over: the test images that the bounds are over, in words; "": they are over seeds.
        tied: whether it cannot be distinguished from the first arm.
        epoch: how far its one training went, if that was not finished; "" if it was.
    """

    arm: int
    score: float
    behind: NDArray[np.float64]
    bounds: tuple[float, float] | None = None
    over: str = ""
    tied: bool = False
    epoch: str = ""


def draw_arms(run: Run, looks: dict[int, Look]) -> Sketch:
    """A row an arm, as ranked: on test with intervals; where there are none, on validation."""
    metric = run.record.metric
    rows = _tested_rows(run, metric)
    tested = any(row.bounds for row in rows)
    rows = rows if tested else _searched_rows(run)
    if not rows:
        raise AnalysisError("no trial has a score yet")
    shown = rows[:MOST_ROWS]
    texts = [
        folded_arm(run, row.arm, 20) + (f"\n(epoch {row.epoch})" if row.epoch else "")
        for row in shown
    ]
    heights = np.array([text.count("\n") + 1.7 for text in texts])
    split = "test" if tested else "validation"
    canvas = new_canvas(SINGLE, 0.45 + 0.125 * heights.sum(), run.record.sample)
    axes = canvas.add_subplot(xlabel=f"{metric} ({split})")
    axes.grid(axis="x", color=GRID, linewidth=0.5)
    middles = np.cumsum(heights) - heights / 2
    for row, y in zip(shown, middles, strict=True):
        _draw_row(axes, row, y, looks.get(row.arm))
    axes.set_yticks(middles, texts)
    axes.set_ylim(heights.sum(), 0)
    axes.tick_params(axis="y", length=0)
    rest = " Grey: arms that have no colour of their own." if len(shown) > len(looks) else ""
    if any(row.epoch for row in shown):
        rest += (
            " With an epoch: arms without a finished training, whose scores cannot be compared with"
            " those of the others."
        )
    ranked = ranked_arms(run, metric)
    if len(rows) < len(ranked):
        there = {row.arm for row in rows}
        missing = [arm_text(run, one.arm) for one in ranked if one.arm not in there]
        rest += f" Not tested, and not shown: {listed(missing)}."
    if len(rows) > len(shown):
        rest += f" Of {len(rows)} arms, the first {len(shown)} are shown."
    return Sketch(
        canvas,
        f"Arms on {split}",
        (_tested_words(rows, metric) if tested else _searched_words(rows, metric)) + rest,
        f"{metric} on {split}, in the order of validation: "
        + listed([_in_words(run, row) for row in rows])
        + ".",
        _data(run, rows),
    )


def _data(run: Run, rows: list[_Row]) -> pd.DataFrame:
    bounds = [row.bounds or (np.nan, np.nan) for row in rows]
    return pd.DataFrame(
        {
            "arm": [arm_text(run, row.arm) for row in rows],
            "score": [row.score for row in rows],
            "low": [low for low, _ in bounds],
            "high": [high for _, high in bounds],
            "tied": [row.tied for row in rows],
            "epoch": [row.epoch for row in rows],
            "behind": [" ".join(map(str, row.behind)) for row in rows],
        }
    )


def _tested_rows(run: Run, metric: str) -> list[_Row]:
    """The arms of the ranking that were tested, with its intervals and ties."""
    ranking = rank_runs([run], metric)
    behind = models_of_arms(run, metric).dropna(subset="test").groupby("arm")["test"]
    early = unfinished_arms(run, metric)
    rows = []
    for (_, arm), found in zip(ranking.arms, ranking.frame.to_dict("records"), strict=True):
        if arm not in behind.groups:
            continue
        low, high = found.get("ci_low", np.nan), found.get("ci_high", np.nan)
        drawn = ranking.uncertainty.drawn
        over = drawn.text if drawn and not np.isnan(low) else ""
        if np.isnan(low):
            spread = found.get("std", np.nan)
            low, high = found["test"] - spread, found["test"] + spread
        rows.append(
            _Row(
                arm,
                found["test"],
                behind.get_group(arm).to_numpy("float64"),
                None if np.isnan(low) else (low, high),
                over,
                tied=found.get("tied") is True,
                epoch=early[arm].epoch if arm in early else "",
            )
        )
    return rows


def _searched_rows(run: Run) -> list[_Row]:
    metric = run.record.metric
    early = unfinished_arms(run, metric)
    rows = []
    for one in ranked_arms(run, metric):
        behind = run.trials.loc[trained_as_far(run, one), "score"].dropna().to_numpy("float64")
        epoch = early[one.arm].epoch if one.arm in early else ""
        rows.append(_Row(one.arm, one.trial.score, behind, epoch=epoch))
    return rows


def _draw_row(axes: Axes, row: _Row, y: float, look: Look | None) -> None:
    colour, marker = (look.colour, look.marker) if look else (FAINT, "o")
    if row.bounds:
        axes.plot(row.bounds, [y, y], color=colour, linewidth=2, solid_capstyle="butt")
    if len(row.behind) > 1:
        axes.plot(
            row.behind,
            np.full(len(row.behind), y),
            "|",
            color="#444444",
            markersize=6,
            markeredgewidth=0.6,
            rasterized=len(row.behind) > DENSE // 10,
        )
    axes.plot(
        row.score,
        y,
        marker,
        color=colour,
        markersize=6,
        markeredgecolor="white",
        markeredgewidth=0.5,
    )
    if row.tied:
        axes.annotate(
            TIED,
            (1, y),
            xycoords=("axes fraction", "data"),
            xytext=(3, 0),
            textcoords="offset points",
            va="center",
        )


def _tested_words(rows: list[_Row], metric: str) -> str:
    repeated = [row for row in rows if len(row.behind) > 1]
    parts = [f"{metric} on test, arms in the order of their validation scores."]
    if repeated:
        which = "Each" if len(repeated) == len(rows) else f"{len(repeated)} of {len(rows)} arms"
        seeds = max(len(row.behind) for row in repeated)
        parts.append(f"{which}: the mean over {seeds} seeds, and a tick a seed.")
    if len(repeated) < len(rows):
        parts.append(f"{'The others' if repeated else 'Each'}: the best trial on validation.")
    if over := max(row.over for row in rows):
        also_seeds = " and the seeds" if any(row.over for row in repeated) else ""
        parts.append(
            f"Lines: {CONFIDENCE:.0%} intervals over the {over}{also_seeds} "
            f"(bootstrap, {RESAMPLES} resamples)."
        )
    if any(row.bounds and not row.over for row in rows):
        also = " of arms without such" if over else ""
        parts.append(f"Lines{also}: one standard deviation over seeds to either side.")
    if any(row.tied for row in rows):
        parts.append(f"{TIED}: not distinguished from the first arm (see the ranking).")
    return " ".join(parts)


def _searched_words(rows: list[_Row], metric: str) -> str:
    counts = [len(row.behind) for row in rows]
    return (
        f"{metric} on validation of each arm's best trial, best first, and a tick for every trial "
        f"that was trained as far (n = {min(counts)} to {max(counts)} an arm). The ticks show what "
        "the search tried and are not an interval: there are no repeats and no tallies of the test "
        "images."
    )


def _in_words(run: Run, row: _Row) -> str:
    early = f" (epoch {row.epoch})" if row.epoch else ""
    text = f"{arm_text(run, row.arm)}{early} {row.score:.3f}"
    if row.bounds:
        text += f" ({row.bounds[0]:.3f} to {row.bounds[1]:.3f})"
    return f"{text}, tied with the first" if row.tied else text
