"""How busy and how full each GPU was over time, and what each arm took of its memory."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.loading import AnalysisError, Run

GPU = "gpu/id"
"""The column of an epoch that tells GPUs apart; see `sweeps.gpu_load`."""


@dataclass(frozen=True, eq=False)
class GpuUse:
    """What the epochs of all trials and repeats tell of their GPUs.

    Attributes:
        spans: a row a GPU and time in which the same epochs ran on it: `gpu` (from 0), `start` and
            `end` (seconds since the first epoch began), `trials` (how many at once), `busy` (a
            share of the time) and `used` (bytes), means of what they tell; NaN if they do not.
        totals: bytes of each GPU.
    """

    spans: pd.DataFrame
    totals: tuple[float, ...]

    @property
    def busy(self) -> float:
        """The share of the time in which trials ran that the GPUs were busy; NaN if not told."""
        told = self.spans.dropna(subset=["busy"])
        seconds = told["end"] - told["start"]
        return float((told["busy"] * seconds).sum() / seconds.sum()) if seconds.sum() else np.nan


def gpu_use(run: Run) -> GpuUse:
    """By the epochs of a run.

    Raises:
        AnalysisError: none of them ran on a GPU.
    """
    epochs = pd.concat([run.epochs, run.repeat_epochs], ignore_index=True)
    if GPU not in epochs or epochs[GPU].isna().all():
        raise AnalysisError("no epoch has told of its GPU")
    told = epochs.dropna(subset=[GPU, "time", "seconds"])
    told = told.reindex(columns=[*told.columns, *({"gpu/busy", "gpu/used"} - set(told.columns))])
    told = told.assign(start=told["time"] - told["seconds"], end=told["time"])
    origin = told["start"].min()
    parts = [
        _spans_of(number, own.assign(start=own["start"] - origin, end=own["end"] - origin))
        for number, (_, own) in enumerate(told.groupby(GPU))
    ]
    totals = told.groupby(GPU)["gpu/total"].max()
    return GpuUse(pd.concat(parts, ignore_index=True), tuple(totals.tolist()))


def memory_of_arms(run: Run) -> pd.DataFrame:
    """By the arm's position: bytes that its trainings held at most of a GPU, `held`, and, if the
    plan predicted them, `predicted`; empty if none ran on one.
    """
    columns = ["number", "gpu/own"]
    if "gpu/own" not in run.epochs or run.epochs["gpu/own"].isna().all():
        return pd.DataFrame({"held": [], "predicted": []}, dtype="float64")
    own = run.epochs[columns].dropna().groupby("number")["gpu/own"].max()
    held = own.groupby(run.trials.set_index("number")["arm"]).max().rename("held").to_frame()
    held["predicted"] = pd.Series(dict(enumerate(run.record.predicted)), dtype="float64")
    return held


def _spans_of(number: int, epochs: pd.DataFrame) -> pd.DataFrame:
    """The time of one GPU cut wherever an epoch begins or ends; without what nobody used."""
    times = epochs[["start", "end"]].to_numpy("float64")
    cuts, at = np.unique(times, return_inverse=True)
    at = at.reshape(times.shape)

    def summed(values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Of the epochs that run from each cut to the next."""
        changes = np.zeros(len(cuts))
        np.add.at(changes, at[:, 0], values)
        np.add.at(changes, at[:, 1], -values)
        return np.cumsum(changes)[:-1]

    def mean(name: str) -> NDArray[np.float64]:
        values = epochs[name].to_numpy("float64")
        told = np.isfinite(values)
        count = np.round(summed(told.astype("float64")))
        total = summed(np.where(told, values, 0.0))
        return np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)

    trials = np.round(summed(np.ones(len(epochs)))).astype(int)
    columns = {"start": cuts[:-1], "end": cuts[1:], "trials": trials}
    spans = pd.DataFrame(columns | {"busy": mean("gpu/busy"), "used": mean("gpu/used")})
    spans.insert(0, "gpu", number)
    return spans[trials > 0]
