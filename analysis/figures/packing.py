"""What ran when in which slot."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from analysis.figures.style import (
    DENSE,
    DOUBLE,
    Look,
    Sketch,
    add_legend,
    arm_text,
    arms_named,
    legend_height,
    listed,
    new_canvas,
    time_unit,
)
from analysis.loading import Run
from analysis.statistics.packing import Packing, packing

SPARSE = 150
"""More spans than this have no hatches and no numbers: there is no room for them."""


def draw_packing(run: Run, looks: dict[int, Look]) -> Sketch:
    """A lane a slot, a bar for each time that a trial held it: between two bars it waited."""
    found = packing(run)
    unit, name = time_unit(found.seconds)
    others = int((~found.spans["arm"].isin(list(looks))).sum())
    columns = 2 if len(looks) > 2 else 1
    entries = len(looks) + bool(others)
    lanes = min(2.6, max(0.7, 0.22 * found.slots))
    canvas = new_canvas(DOUBLE, 0.45 + lanes + legend_height(entries, columns), run.record.sample)
    axes = canvas.add_subplot(xlabel=f"{name} since the first epoch began", ylabel="slot")
    _draw_spans(axes, found, looks, unit)
    for again in found.resumed:
        axes.axvline(again / unit, color="black", linewidth=0.8, linestyle=":")
    axes.set_xlim(0, found.seconds / unit)
    axes.set_ylim(found.slots + 0.5, 0.5)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=10))
    add_legend(canvas, _handles(run, looks, others, dense=len(found.spans) > SPARSE), columns)
    trials = found.spans["number"].nunique()
    numbers = " Numbers: the trials'." if len(found.spans) <= SPARSE else ""
    paused = (
        f" {trials} trials have {len(found.spans)} bars: between its bars a trial was paused and "
        "held no slot."
        if len(found.spans) > trials
        else ""
    )
    stops = (
        f" Dotted: resumed after a stop; the {len(found.resumed)} stops are cut out."
        if len(found.resumed) > 1
        else " Dotted: resumed after a stop, which is cut out."
        if found.resumed
        else ""
    )
    more = (
        f" Bars in light grey: trials of arms that have no colour ({others} bars)."
        if others
        else ""
    )
    return Sketch(
        canvas,
        "What ran when",
        f"{trials} trials in {found.slots} slot{'s' * (found.slots != 1)} over "
        f"{found.seconds / unit:.1f} {name}: {found.idle:.0%} of the slots' time was idle, without "
        f"an epoch of a trial.{numbers}{paused}{stops}{more} Lanes are laid by time; which machine "
        "a trial was on is not shown. Stages of initial weights and repeats are not in it.",
        f"{trials} trials filled {found.slots} slots for {found.seconds / unit:.1f} {name}, "
        f"{found.idle:.0%} of it idle. Share of the busy time: {_shares(run, found)}.",
        arms_named(run, found.spans),
    )


def _draw_spans(axes: Axes, found: Packing, looks: dict[int, Look], unit: float) -> None:
    dense = len(found.spans) > SPARSE
    known = found.spans["arm"].isin(list(looks))
    shown = found.spans["arm"].where(known, -1)
    for arm in shown.unique().tolist():
        look, own = looks.get(arm), found.spans[shown == arm]
        corners = np.stack(
            [
                np.stack([own[x] / unit, own["lane"] + 1 + side], axis=-1)
                for x, side in (("start", -0.42), ("end", -0.42), ("end", 0.42), ("start", 0.42))
            ],
            axis=1,
        )
        bars = PolyCollection(
            list(corners),
            facecolor=look.colour if look else "#DDDDDD",
            edgecolor="white",
            linewidth=0 if dense else 0.5,
            rasterized=len(found.spans) > DENSE,
        )
        if look and look.hatch and not dense:
            bars.set_hatch(look.hatch)
        axes.add_collection(bars)
    if not dense:
        _write_numbers(axes, found, unit)


def _write_numbers(axes: Axes, found: Packing, unit: float) -> None:
    long = found.spans[found.spans["end"] - found.spans["start"] >= 0.03 * found.seconds]
    middles = (long["start"] + long["end"]) / 2 / unit
    for number, lane, middle in zip(long["number"], long["lane"], middles, strict=True):
        axes.text(
            middle,
            lane + 1,
            str(number),
            size=7,
            ha="center",
            va="center",
            bbox={"boxstyle": "square,pad=0.12", "facecolor": "white", "edgecolor": "none"},
        )


def _handles(run: Run, looks: dict[int, Look], others: int, dense: bool) -> list[Patch]:
    handles = [
        Patch(
            facecolor=look.colour,
            edgecolor="white",
            hatch=None if dense else look.hatch,
            label=arm_text(run, arm),
        )
        for arm, look in looks.items()
    ]
    return handles + [Patch(facecolor="#DDDDDD", label="other arms")] * bool(others)


def _shares(run: Run, found: Packing) -> str:
    spans = found.spans
    held = (spans["end"] - spans["start"]).groupby(spans["arm"]).sum()
    shares = (held / held.sum()).sort_values(ascending=False)
    by_arm = zip(shares.index.tolist(), shares, strict=True)
    return listed([f"{arm_text(run, arm)} {share:.0%}" for arm, share in by_arm])
