"""What ran when in which slot, and how much of the slots' time was idle."""

import heapq
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.loading import AnalysisError, Run

CLOCK_SKEW = 1.0
"""Clocks of several machines differ: a slot counts as free this many seconds early. Epochs of a
trial that are further apart than this are not of one stretch."""


@dataclass(frozen=True, eq=False)
class Packing:
    """The trials of a run laid into the slots they held.

    Seconds count from the start of the first epoch, and the time between a stop of the sweep and
    its resumption is cut out.

    Attributes:
        spans: a row a stretch in which a trial held a slot, by start: `number` (the trial's),
            `arm` (position in `run.record.arms`), `lane` (from 0), `start` and `end` in seconds.
        lanes: how many lanes the spans fill; as many as ran at once.
        slots: how many there were to fill: those of the plan, or `lanes` if more ran at once.
        seconds: from the start of the first span to the end of the last.
        idle: share of `slots` × `seconds` in which no epoch ran, from 0 to 1.
        resumed: when, in seconds, the sweep was resumed.
    """

    spans: pd.DataFrame
    lanes: int
    slots: int
    seconds: float
    idle: float
    resumed: tuple[float, ...]


def packing(run: Run) -> Packing:
    """Lay the epochs of a run's trials into lanes.

    An epoch held a slot from its `time` less its `seconds` to its `time`. Epochs of a trial that
    follow each other at once are one stretch. Between two stretches the trial waited at a rung, or
    was interrupted, and another one may have held the slot. A stretch takes the lane that has been
    free the longest. The machine of a slot is not on record, so that a lane is not a certain slot.

    Raises:
        AnalysisError: no epoch has a time.
    """
    if not {"time", "seconds"} <= set(run.epochs) or run.epochs["time"].isna().all():
        raise AnalysisError("the run does not say when its epochs ended")
    epochs = run.epochs.dropna(subset=["time", "seconds"])[["number", "time", "seconds"]]
    epochs = epochs.assign(start=epochs["time"] - epochs["seconds"], end=epochs["time"])
    stops = _stops(run, epochs)
    for column in ("start", "end"):
        epochs[column] = _running_time(epochs[column].to_numpy("float64"), stops)
    origin = epochs["start"].min()
    epochs[["start", "end"]] -= origin
    spans = _stretches(epochs).sort_values(["start", "number"], ignore_index=True)
    spans["lane"] = _lanes(spans["start"].to_numpy("float64"), spans["end"].to_numpy("float64"))
    spans["arm"] = spans["number"].map(run.trials.set_index("number")["arm"])
    lanes, seconds = int(spans["lane"].max()) + 1, float(spans["end"].max())
    slots = max(lanes, run.record.slots.count)
    busy = float((epochs["end"] - epochs["start"]).sum())
    resumed = _running_time(np.array([again for _, again in stops], dtype="float64"), stops)
    return Packing(
        spans=spans[["number", "arm", "lane", "start", "end"]],
        lanes=lanes,
        slots=slots,
        seconds=seconds,
        idle=max(0.0, 1 - busy / (slots * seconds)) if seconds else 0.0,
        resumed=tuple((resumed - origin).tolist()),
    )


def _stops(run: Run, epochs: pd.DataFrame) -> list[tuple[float, float]]:
    """When nothing could run, in unix seconds: from the last epoch before a resumption to it.

    Resumptions without an epoch between them are of one stop, which lasts until the last of them.
    """
    stops: dict[float, float] = {}
    for again in sorted(datetime.fromisoformat(text).timestamp() for text in run.record.resumed):
        ended = epochs.loc[epochs["end"] <= again, "end"]
        # What had begun by then and ended later ran across it: the clock of a run.json is coarse.
        if len(ended) and not ((epochs["start"] < ended.max()) & (epochs["end"] > again)).any():
            stops[float(ended.max())] = again
    return list(stops.items())


def _running_time(
    times: NDArray[np.float64], stops: list[tuple[float, float]]
) -> NDArray[np.float64]:
    """The times less all stops before them."""
    return times - sum(
        (np.clip(times, ended, again) - ended for ended, again in stops), np.zeros_like(times)
    )


def _stretches(epochs: pd.DataFrame) -> pd.DataFrame:
    """Columns number, start, end: the epochs of each trial, joined where it did not pause."""
    epochs = epochs.sort_values(["number", "end"])
    own = epochs.groupby("number")
    gap = epochs["start"] - own["end"].shift()
    # The shortest epoch, where it is below a second: another trial may have had one in the gap.
    pause = gap > own["seconds"].transform("min").clip(upper=CLOCK_SKEW)
    part = pause.groupby(epochs["number"]).cumsum().rename("part")
    joined = epochs.groupby(["number", part]).agg(start=("start", "min"), end=("end", "max"))
    return joined.reset_index().drop(columns="part")


def _lanes(start: NDArray[np.float64], end: NDArray[np.float64]) -> NDArray[np.int64]:
    """A lane for each span (by start), the one free the longest; as few lanes as there can be."""
    lanes = np.zeros(len(start), dtype="int64")
    free: list[tuple[float, int]] = []  # when each lane is free, and which it is
    for at, (begins, ends) in enumerate(zip(start, end, strict=True)):
        if free and free[0][0] <= begins + CLOCK_SKEW:
            lanes[at] = free[0][1]
            heapq.heapreplace(free, (ends, lanes[at]))
        else:
            lanes[at] = len(free)
            heapq.heappush(free, (ends, lanes[at]))
    return lanes
