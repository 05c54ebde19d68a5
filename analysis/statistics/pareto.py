"""Quality against cost: the arms that no other arm dominates."""

from dataclasses import dataclass
from math import nan
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.loading import AnalysisError, Run
from analysis.standings import comparable_arms, metric_of, models_of_arms
from analysis.statistics.costs import costs_of

Cost = Literal["seconds", "latency_ms", "parameters", "usd"]

COSTS: dict[Cost, str] = {
    "seconds": "to train the arm's best configuration once",
    "latency_ms": "for a batch of one image",
    "parameters": "in the model",
    "usd": "for all trials of the arm and its shares of initial weights",
}
"""What each cost is of."""


@dataclass(frozen=True, eq=False)
class Pareto:
    """Arms by score and cost.

    Attributes:
        arms: a row an arm that has both, cheapest first: `arm` (position in
            `run.record.arms`), `score`, `deviation` (standard deviation over its repeats,
            NaN without them), `cost`, `low` and `high` (its quartiles over the runs of a latency,
            NaN of other costs), `front` (no other arm scores as high for less, nor higher for as
            little).
        split: what the scores are on, `test` or `validation`.
        missing: positions of the arms with a trial that lack the score or the cost, or were not
            trained as far as the others.
    """

    arms: pd.DataFrame
    split: Literal["test", "validation"]
    missing: tuple[int, ...]


def pareto(run: Run, cost: Cost, metric: str | None = None) -> Pareto:
    """The arms by score and one cost.

    A score is that of the arm's best trial, on test once the run has been tested, on validation
    before; an arm with repeats has means over them, of score, `seconds` and `latency_ms`. An arm
    that was not trained as far as the first one (that dropped out) has no point: its score cannot
    be compared, and its training would look cheap.

    Args:
        run: what `load` gave.
        cost: a key of `COSTS`.
        metric: one of `run.record.metrics`; by default the one the sweep selects by.

    Raises:
        AnalysisError: no arm has such a cost.
    """
    metric = metric_of(run, metric)
    comparable = [one.arm for one in comparable_arms(run, metric)]
    models = models_of_arms(run, metric)
    models = models[models["arm"].isin(comparable)]
    split: Literal["test", "validation"] = "test" if models["test"].notna().any() else "validation"
    means = models.groupby("arm")
    found = pd.DataFrame(
        {
            "score": means[split].mean(),
            "deviation": means[split].std(),
            "cost": _costs(run, models, cost),
            "low": means["latency_low"].mean() if cost == "latency_ms" else nan,
            "high": means["latency_high"].mean() if cost == "latency_ms" else nan,
        }
    )
    if found["cost"].isna().all():
        raise AnalysisError(f"the run does not say what its arms take in {cost}")
    arms = found.dropna(subset=["score", "cost"]).rename_axis("arm").reset_index()
    arms["front"] = on_front(arms["score"].to_numpy("float64"), arms["cost"].to_numpy("float64"))
    arms = arms.sort_values(["cost", "score"], ascending=[True, False], ignore_index=True)
    missing = sorted(set(run.trials["arm"]) - set(arms["arm"]))
    return Pareto(arms, split, tuple(missing))


def on_front(score: NDArray[np.float64], cost: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which points no other one dominates: at least as good in both, and better in one.

    Points that are equal in both stand or fall together.

    Args:
        score: float64 [N], the higher the better.
        cost: float64 [N], the lower the better.

    Returns:
        bool [N].
    """
    as_good = (score >= score[:, None]) & (cost <= cost[:, None])  # [i, j]: j against i
    better = (score > score[:, None]) | (cost < cost[:, None])
    return np.logical_not(np.any(as_good & better, axis=1))


def _costs(run: Run, models: pd.DataFrame, cost: Cost) -> pd.Series:
    """The cost by arm; NaN where it is not known."""
    if cost == "usd":
        return costs_of(run).reindex(columns=["usd"])["usd"].astype("float64")
    return models[cost].astype("float64").groupby(models["arm"]).mean()
