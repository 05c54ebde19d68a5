"""How busy and how full the GPUs were, and how many trials they held."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from analysis.figures.style import (
    DOUBLE,
    GRID,
    LOOKS,
    Look,
    Sketch,
    add_legend,
    legend_height,
    new_canvas,
    time_unit,
)
from analysis.loading import Run
from analysis.statistics.gpus import GpuUse, gpu_use

GB = 1e9


def draw_gpus(run: Run, looks: dict[int, Look]) -> Sketch:  # noqa: ARG001 - no arms
    """Load, memory and trials at once over time, a line a GPU."""
    found = gpu_use(run)
    unit, name = time_unit(float(found.spans["end"].max()))
    count = len(found.totals)
    canvas = new_canvas(DOUBLE, 3.6 + legend_height(count if count > 1 else 0), run.record.sample)
    busy, memory, trials = canvas.subplots(3, sharex=True)
    handles = [
        _draw(gpu, look, found, unit, (busy, memory, trials))
        for gpu, look in zip(range(count), LOOKS, strict=False)
    ]
    memory.axhline(max(found.totals) / GB, color="black", linewidth=0.8, linestyle=":")
    for axes, label in ((busy, "busy (%)"), (memory, "memory (GB)"), (trials, "trials")):
        axes.set_ylabel(label)
        axes.set_ylim(bottom=0)
        axes.grid(axis="y", color=GRID, linewidth=0.5)
    busy.set_ylim(top=100)
    trials.yaxis.set_major_locator(MaxNLocator(integer=True))
    trials.set_xlabel(f"{name} since the first epoch began")
    if count > 1:
        add_legend(canvas, handles, 2)
    more = f" The first {len(handles)} of {count} GPUs." if len(handles) < count else ""
    share = "unknown" if np.isnan(found.busy) else f"{found.busy:.0%}"
    return Sketch(
        canvas,
        "What the GPUs did",
        "By NVML, a mean over each epoch: the share of the time in which a kernel ran, and the "
        "most memory in use, whoever used it; dotted: all there is. Below, how many trials had an "
        f"epoch at once. Busy while trials ran: {share}.{more}",
        f"{count} GPU{'s' * (count > 1)}, busy {share} of the time in which trials ran, with up to "
        f"{found.spans['trials'].max()} trials at once.",
        found.spans,
    )


def _draw(
    gpu: int, look: Look, found: GpuUse, unit: float, rows: tuple[Axes, Axes, Axes]
) -> Line2D:
    """The three lines of a GPU, with gaps where no epoch ran; its entry in a legend."""
    own = found.spans[found.spans["gpu"] == gpu]
    edges = own[["start", "end", "end"]].to_numpy("float64") / unit
    edges[:-1, 2][edges[1:, 0] > edges[:-1, 1]] = np.nan
    for axes, values in zip(
        rows, (100 * own["busy"], own["used"] / GB, own["trials"]), strict=True
    ):
        (line,) = axes.plot(
            edges.ravel(),
            np.repeat(values.to_numpy("float64"), 3),
            color=look.colour,
            linestyle=look.line,
            label=f"GPU {gpu}",
        )
    return line
