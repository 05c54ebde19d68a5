"""The charts of one run or several, from the tables of the analysis."""

from collections.abc import Mapping, Sequence

import pandas as pd

from analysis.figures.style import FAINT, LOOKS, MOST_ARMS, Look
from analysis.loading import AnalysisError, Run
from analysis.ranking.arms import RankedArm, Ranking
from analysis.ranking.comparable import names_of
from analysis.report.charts.shown import (
    ArmShown,
    Charts,
    Curve,
    Point,
    Score,
    Timeline,
    Training,
    known,
)
from analysis.report.charts.trainings import axes_of, curves_of, timeline_of, trainings_of
from analysis.standings import models_of_arms
from analysis.statistics.pareto import COSTS, Cost, on_front, pareto

PLAIN = Look(FAINT, "o", "-", "")
"""The look of arms that have none of their own."""

UNITS: dict[Cost, str] = {
    "seconds": "seconds",
    "latency_ms": "milliseconds",
    "parameters": "parameters",
    "usd": "USD",
}


def charts_of(rankings: Mapping[str, Ranking]) -> Charts:
    """What the charts show of the runs that were ranked.

    Args:
        rankings: of the same runs by each metric that can be chosen, that of the page first.
    """
    ranking = next(iter(rankings.values()))
    runs = ranking.runs
    numbers = arm_numbers(ranking)
    trainings: list[Training] = []
    curves: list[Curve] = []
    timelines: list[Timeline] = []
    for at, run in enumerate(runs):
        own = trainings_of(run, numbers[at], tuple(rankings))
        curves += curves_of(run, own, len(trainings))
        timelines += timeline_of(run, at, len(trainings))
        trainings += own
    points, split = _points(rankings, numbers)
    costs = [cost for cost in COSTS if any(cost in by_cost for by_cost in points.values())]
    return Charts(
        runs=tuple(names_of(runs)),
        metrics=tuple(rankings),
        split=split,
        factors=(*(("sweep",) if len(runs) > 1 else ()), *_factors(runs)),
        arms=_arms(ranking),
        scores={metric: _scores(ranking, one) for metric, one in rankings.items()},
        costs={cost: f"{UNITS[cost]} {COSTS[cost]}" for cost in costs},
        points=points,
        axes=axes_of(runs),
        trainings=tuple(trainings),
        curves=tuple(curves),
        timelines=tuple(timelines),
    )


def arm_numbers(ranking: Ranking) -> list[dict[int, int]]:
    """For each run: the positions of its arms in the ranking, by those in its `record.arms`."""
    numbers: list[dict[int, int]] = [{} for _ in ranking.runs]
    for position, (run, arm) in enumerate(ranking.arms):
        numbers[run][arm] = position
    return numbers


def _factors(runs: Sequence[Run]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(factor for run in runs for factor in run.record.factors))


def _arms(ranking: Ranking) -> tuple[ArmShown, ...]:
    looks, names = _looks(ranking), names_of(ranking.runs)
    shown = []
    for (at, arm), title in zip(ranking.arms, ranking.titles, strict=True):
        look = looks.get(RankedArm(at, arm), PLAIN)
        levels = {key: str(value) for key, value in dict(ranking.runs[at].record.arms[arm]).items()}
        if len(names) > 1:
            levels = {"sweep": names[at], **levels}
        dashes = () if isinstance(look.line, str) else look.line[1]
        shown.append(ArmShown(at, title, levels, look.colour, look.marker, dashes))
    return tuple(shown)


def _looks(ranking: Ranking) -> dict[RankedArm, Look]:
    """Those of `figures.style.looks_of`, for arms of several runs as well."""
    scored = ranking.frame["best"].notna()
    first = [arm for arm, has in zip(ranking.arms, scored, strict=True) if has][:MOST_ARMS]
    return dict(zip(sorted(first), LOOKS, strict=False))


def _scores(page: Ranking, by_metric: Ranking) -> tuple[Score, ...]:
    """The arms of `page`, in its order, as the ranking by another metric has them."""
    rows = dict(zip(by_metric.arms, by_metric.frame.to_dict("records"), strict=True))
    models = [models_of_arms(run, by_metric.metric).dropna(subset="test") for run in by_metric.runs]
    return tuple(
        Score(
            best=known(rows[one].get("best")),
            mean=known(rows[one].get("mean")),
            test=known(rows[one].get("test")),
            std=known(rows[one].get("std")),
            seeds=known(rows[one].get("seeds")),
            low=known(rows[one].get("ci_low")),
            high=known(rows[one].get("ci_high")),
            tied=known(rows[one].get("tied")),
            each=tuple(models[one.run].loc[models[one.run]["arm"] == one.arm, "test"].tolist()),
        )
        for one in page.arms
    )


def _points(
    rankings: Mapping[str, Ranking], numbers: Sequence[Mapping[int, int]]
) -> tuple[dict[str, dict[Cost, tuple[Point, ...]]], str]:
    """By metric and cost, on test if any run was tested: what is not is left out then."""
    runs = next(iter(rankings.values())).runs
    split = "test" if any(run.test for run in runs) else "validation"
    points: dict[str, dict[Cost, tuple[Point, ...]]] = {}
    for metric in rankings:
        by_cost = {cost: _points_of(runs, numbers, metric, cost, split) for cost in COSTS}
        points[metric] = {cost: found for cost, found in by_cost.items() if found}
    return points, split


def _points_of(
    runs: Sequence[Run],
    numbers: Sequence[Mapping[int, int]],
    metric: str,
    cost: Cost,
    split: str,
) -> tuple[Point, ...]:
    """Cheapest first, and the front anew, because an arm of one run may dominate another's."""
    parts = []
    for run, own in zip(runs, numbers, strict=True):
        try:
            found = pareto(run, cost, metric)
        except AnalysisError:
            continue
        if found.split == split:
            parts.append(found.arms.assign(arm=found.arms["arm"].map(own)))
    if not parts:
        return ()
    arms = pd.concat(parts, ignore_index=True)
    arms["front"] = on_front(arms["score"].to_numpy("float64"), arms["cost"].to_numpy("float64"))
    arms = arms.sort_values(["cost", "score"], ascending=[True, False])
    return tuple(
        Point(
            arm=row["arm"],
            cost=row["cost"],
            score=row["score"],
            deviation=known(row["deviation"]),
            low=known(row["low"]),
            high=known(row["high"]),
            front=row["front"],
        )
        for row in arms.to_dict("records")
    )
