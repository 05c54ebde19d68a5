"""Quality against each kind of cost."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from analysis.figures.style import (
    DOUBLE,
    FAINT,
    GRID,
    SINGLE,
    Look,
    Sketch,
    add_legend,
    arm_text,
    arms_named,
    legend_height,
    listed,
    new_canvas,
)
from analysis.latency import latency_notes
from analysis.loading import AnalysisError, Run
from analysis.statistics.costs import packing_notes
from analysis.statistics.pareto import COSTS, Cost, Pareto, pareto
from analysis.wording import number

_UNITS: dict[Cost, tuple[float, str]] = {
    "seconds": (1.0, "seconds"),
    "latency_ms": (1.0, "milliseconds"),
    "parameters": (1e6, "million parameters"),
    "usd": (1.0, "USD"),
}
_SHORT: dict[Cost, str] = {
    "seconds": "to train",
    "latency_ms": "for an image",
    "parameters": "",
    "usd": "for the arm's trials",
}


def draw_pareto(run: Run, looks: dict[int, Look]) -> Sketch:
    """A panel a cost; a line joins the arms that no other beats in both."""
    found: dict[Cost, Pareto] = {}
    for cost in COSTS:
        try:
            found[cost] = pareto(run, cost)
        except AnalysisError:
            continue
    if not found or max(len(one.arms) for one in found.values()) < 2:
        raise AnalysisError("fewer than two arms have a score and a cost")
    rows, columns = -(-len(found) // 2), min(2, len(found))
    legend = 2 if columns == 2 else 1
    canvas = new_canvas(
        DOUBLE if columns == 2 else SINGLE,
        1.75 * rows + legend_height(len(looks), legend),
        run.record.sample,
    )
    panels = canvas.subplots(rows, columns, sharey=True, squeeze=False).ravel()
    split = next(iter(found.values())).split
    for axes, (cost, one) in zip(panels, found.items(), strict=False):
        _draw_cost(axes, one, cost, looks)
    for axes in panels[len(found) :]:
        axes.axis("off")
    for axes in panels[::columns]:
        axes.set_ylabel(f"{run.record.metric} ({split})")
    add_legend(canvas, _handles(run, looks), legend)
    return Sketch(
        canvas,
        "Quality against cost",
        _caption(run, found, split, looks),
        " ".join(_in_words(run, cost, one) for cost, one in found.items()),
        pd.concat(arms_named(run, one.arms).assign(of=cost) for cost, one in found.items()),
    )


def _draw_cost(axes: Axes, one: Pareto, cost: Cost, looks: dict[int, Look]) -> None:
    unit, name = _UNITS[cost]
    arms = one.arms.assign(cost=one.arms["cost"] / unit)
    front = arms[arms["front"]]
    axes.grid(color=GRID, linewidth=0.5)
    axes.step(front["cost"], front["score"], where="post", color=FAINT, linewidth=1, zorder=1)
    for arm in arms.to_dict("records"):
        look = looks.get(arm["arm"])
        colour, marker = (look.colour, look.marker) if look else (FAINT, ".")
        if np.isfinite(arm["deviation"]):
            axes.errorbar(
                arm["cost"], arm["score"], arm["deviation"], color=colour, linewidth=0.8, zorder=2
            )
        if np.isfinite(arm["low"]):
            axes.hlines(arm["score"], arm["low"], arm["high"], color=colour, linewidth=0.8)
        axes.plot(
            arm["cost"],
            arm["score"],
            marker,
            color=colour,
            markerfacecolor=colour if arm["front"] else "white",
            markersize=5.5,
            zorder=3,
        )
    positive = arms["cost"][arms["cost"] > 0]
    if len(positive) == len(arms) and arms["cost"].max() > 10 * arms["cost"].min():
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
        axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(f"{name} {_SHORT[cost]}".strip())


def _handles(run: Run, looks: dict[int, Look]) -> list[Line2D]:
    return [
        Line2D(
            [], [], color=look.colour, marker=look.marker, linestyle="", label=arm_text(run, arm)
        )
        for arm, look in looks.items()
    ]


def _caption(run: Run, found: dict[Cost, Pareto], split: str, looks: dict[int, Look]) -> str:
    costs = "; ".join(f"{_UNITS[cost][1]} {COSTS[cost]}" for cost in found)
    repeats = " Upright bars: one standard deviation over repeats." if len(run.repeats) else ""
    flat = " Flat bars: quartiles." if "latency_ms" in found and run.latencies else ""
    measured = "".join(
        f" {note}"
        for cost, notes in (("latency_ms", latency_notes), ("seconds", packing_notes))
        if cost in found
        for note in notes(run)
    )
    lacking = sorted({arm for one in found.values() for arm in one.missing})
    without = (
        " Not in every panel, without a score, a cost or a finished training: "
        + listed([arm_text(run, arm) for arm in lacking])
        + "."
        if lacking
        else ""
    )
    count = max(len(one.arms) for one in found.values())
    small = f" Small and grey: the {count - len(looks)} others." if count > len(looks) else ""
    return (
        f"{run.record.metric} on {split} against cost (n = {count} arms). Filled, and on the "
        f"line: arms that no other one beats in one without losing in the other. Costs: {costs}."
        f"{small}{repeats}{flat}{without}{measured}"
    )


def _in_words(run: Run, cost: Cost, one: Pareto) -> str:
    unit, name = _UNITS[cost]
    front = one.arms[one.arms["front"]]
    return (
        f"On the front of {name} {COSTS[cost]}: "
        + listed(
            [
                f"{arm_text(run, arm)} ({number(price / unit)}, {score:.3f})"
                for arm, price, score in zip(
                    front["arm"], front["cost"], front["score"], strict=True
                )
            ]
        )
        + "."
    )
