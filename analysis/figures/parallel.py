"""Parallel coordinates: every trial a line from its arm over its hyperparameters to its score."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.ticker import LogLocator, MaxNLocator
from numpy.typing import NDArray

from analysis.figures.style import (
    DENSE,
    DOUBLE,
    RANKS,
    Look,
    Sketch,
    folded,
    listed,
    new_canvas,
)
from analysis.loading import AnalysisError, Run
from analysis.wording import MISSING, number
from runs.records import Domain

MOST_LINES = 600
"""Trials that are drawn; of more, the first ones and every so many of the rest."""

TRAINED = "trained"
"""Name of the axis that says how far each trial was trained, if that is not the same for all."""


@dataclass(frozen=True, eq=False)
class _Axis:
    """One upright line: where each trial crosses it, from 0 (below) to 1, and what is written."""

    name: str
    heights: NDArray[np.float64]
    ticks: list[tuple[float, str]]


def draw_parallel(run: Run, looks: dict[int, Look]) -> Sketch:  # noqa: ARG001 - lines are trials
    """Trials with a score, the further up in the order of trials the darker and in front."""
    trials = run.trials.dropna(subset="score")
    trials = trials.sort_values(
        ["reached", "score", "number"], ascending=[True, True, False], ignore_index=True
    )
    if len(trials) < 2:
        raise AnalysisError("fewer than two trials have a score")
    total = len(trials)
    trials = _thinned(trials)
    domains = run.record.tune
    tuned = [key for key in run.tuned if trials[f"config/{key}"].nunique() > 1]
    factors = [
        name for name in run.record.factors if trials[f"arm/{name}"].astype(str).nunique() > 1
    ]
    if len(tuned) + len(factors) == 0:
        raise AnalysisError("all trials have one configuration")
    metric = run.record.metric
    stopped = trials["reached"].nunique() > 1
    length = [_range(TRAINED, trials["reached"], log=False)] if stopped else []
    axes_of = [
        *(_choices(name, trials[f"arm/{name}"]) for name in factors),
        *(_axis(key, trials[f"config/{key}"], domains.get(key)) for key in tuned),
        *length,
        _range(f"{metric}\n(validation)", trials["score"], log=False),
    ]
    canvas = new_canvas(DOUBLE, 2.6, run.record.sample)
    axes = canvas.add_subplot()
    _draw_lines(axes, np.column_stack([axis.heights for axis in axes_of]), _ranks(trials))
    for at, axis in enumerate(axes_of):
        _draw_axis(axes, at, axis)
    axes.set_xlim(-0.1, len(axes_of) - 0.55)
    axes.set_ylim(-0.06, 1.22)
    axes.axis("off")
    configured = [f"config/{key}" for key in tuned]
    best, tenth = trials.iloc[-1], trials.iloc[-max(1, len(trials) // 10) :]
    thinned = f"{len(trials)} of the " if len(trials) < total else ""
    return Sketch(
        canvas,
        "Trials in parallel coordinates",
        f"{thinned}{total} trials with a score, a line each, through what was compared and "
        f"searched to the best {metric} on validation: the darker, thicker and further in front, "
        f"the better{_order_words(stopped)}. A line is broken where a value was not searched.",
        f"The first of {total} trials, {metric} {best['score']:.3f}, has "
        + listed(
            [f"{name} {best[f'arm/{name}']}" for name in factors]
            + [f"{key} {_short(best[f'config/{key}'])}" for key in tuned]
        )
        + ". The first tenth lies in "
        + listed(
            [f"{key} {_span(tenth[f'config/{key}'])}" for key in tuned]
            or ["nothing that was searched"]
        )
        + ".",
        trials[["number", *(f"arm/{name}" for name in factors), *configured, "reached", "score"]],
    )


def _order_words(stopped: bool) -> str:
    if not stopped:
        return ""
    return (
        f" (trials that were trained further are above the others; {TRAINED}: the share of its "
        "epochs, without which scores cannot be compared)"
    )


def _ranks(trials: pd.DataFrame) -> NDArray[np.float64]:
    """Where each trial stands, from just above 0 to 1 of the first; equal ones share a rank."""
    order = trials.groupby(["reached", "score"]).ngroup()
    return np.asarray(order.rank(pct=True), dtype="float64")


def _thinned(trials: pd.DataFrame) -> pd.DataFrame:
    """In rising order: the best tenth of `MOST_LINES`, and the rest evenly."""
    if len(trials) <= MOST_LINES:
        return trials
    front = MOST_LINES // 10
    rest = np.linspace(0, len(trials) - front - 1, MOST_LINES - front).round().astype("int64")
    return trials.iloc[[*rest, *range(len(trials) - front, len(trials))]].reset_index(drop=True)


def _axis(name: str, values: pd.Series, domain: Domain | None) -> _Axis:
    if domain and domain.choice is not None:
        return _choices(name, values, [str(choice) for choice in domain.choice])
    if not pd.api.types.is_numeric_dtype(values):
        return _choices(name, values)
    return _range(name, values, log=domain is not None and domain.log_uniform is not None)


def _choices(name: str, values: pd.Series, choices: list[str] | None = None) -> _Axis:
    texts = values.map(lambda value: MISSING if value is None else str(value))
    texts = texts.where(values.notna()) if choices else texts
    levels = choices or list(dict.fromkeys(texts))
    spots = (np.arange(len(levels)) + 0.5) / len(levels)
    heights = texts.map(dict(zip(levels, spots, strict=True))).to_numpy("float64")
    # Trials of one choice are spread a little, so that more of them make a broader band.
    spread = np.random.default_rng(0).uniform(-0.3, 0.3, len(heights)) / len(levels)
    return _Axis(name, heights + spread, list(zip(spots.tolist(), levels, strict=True)))


def _range(name: str, values: pd.Series, log: bool) -> _Axis:
    numbers = values.to_numpy("float64")
    scaled = np.log10(numbers) if log else numbers
    low, high = np.nanmin(scaled), np.nanmax(scaled)
    width = high - low or 1.0
    marks = _marks(float(low), float(high), log)
    ticks = [((mark - low) / width, number(10**mark if log else mark)) for mark in marks]
    return _Axis(name, (scaled - low) / width, ticks)


def _marks(low: float, high: float, log: bool) -> list[float]:
    """A few round values between two (their logarithms, of a logarithmic axis)."""
    if log:
        found = np.log10(LogLocator(subs=(1, 3)).tick_values(10**low, 10**high))
    else:
        found = np.asarray(MaxNLocator(5).tick_values(low, high))
    inside = [float(value) for value in found if low <= value <= high]
    return inside if len(inside) > 1 else [low, high]


def _draw_lines(axes: Axes, heights: NDArray[np.float64], rank: NDArray[np.float64]) -> None:
    columns = np.arange(heights.shape[1], dtype="float64")
    lines = np.stack([np.broadcast_to(columns, heights.shape), heights], axis=-1)
    axes.add_collection(
        LineCollection(
            list(lines),
            array=rank,
            cmap=RANKS,
            linewidths=0.5 + 0.9 * rank**4,
            alpha=0.9 if len(heights) < 200 else 0.6,
            rasterized=len(heights) > DENSE // 10,
        )
    )


def _draw_axis(axes: Axes, at: int, axis: _Axis) -> None:
    axes.axvline(at, 0.05, 0.83, color="black", linewidth=0.7)
    axes.text(at, 1.2, folded(axis.name, 14), size=7.5, weight="bold", ha="center", va="top")
    for height, text in axis.ticks:
        axes.annotate(
            folded(text, 14),
            (at, height),
            xytext=(2.5, 0),
            textcoords="offset points",
            size=7,
            va="center",
            bbox={
                "boxstyle": "square,pad=0.1",
                "facecolor": "white",
                "edgecolor": "none",
                "alpha": 0.8,
            },
        )


def _short(value: object) -> str:
    return number(value) if isinstance(value, float) else str(value)


def _span(values: pd.Series) -> str:
    values = values.dropna()
    if pd.api.types.is_numeric_dtype(values) and len(values):
        return f"{number(float(values.min()))} to {number(float(values.max()))}"
    return " or ".join(sorted(set(values.astype(str)))) or MISSING
