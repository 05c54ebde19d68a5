"""What is shown: the best arms, each by one model, and images from the best to the worst."""

from typing import NamedTuple

import numpy as np

from analysis.arms import label
from analysis.chosen import best_first, chosen_models
from analysis.outcomes import ImageScores
from analysis.runs import Run


class ShownModel(NamedTuple):
    """A trial or repeat that stands for its arm.

    Attributes:
        name: of the trial or repeat.
        arm: its values, for a sentence.
    """

    name: str
    arm: str


class ChosenImage(NamedTuple):
    """An image of the test split.

    Attributes:
        row: its index in the split.
        standing: where it stands among all: "best", "median", "percentile 75", "worst".
    """

    row: int
    standing: str


def best_models(run: Run, count: int) -> list[ShownModel]:
    """One model of each of the ``count`` best arms that were tested, in the order of the ranking.

    An arm is shown by the best of the models that speak for it, on validation.
    """
    models = chosen_models(run, run.info["metric"])
    tested = models[models["name"].isin(list(run.test))]
    best = best_first(tested).drop_duplicates("arm").head(count)
    return [
        ShownModel(name, label(run, run.info["arms"][arm]))
        for name, arm in zip(best["name"], best["arm"], strict=True)
    ]


def choose(scores: ImageScores, count: int) -> list[ChosenImage]:
    """``count`` images at equal steps from the best to the worst; one alone is the median."""
    if not len(scores.order):
        return []
    shares = np.linspace(1, 0, count) if count > 1 else np.array([0.5])
    places = np.floor(shares * (len(scores.order) - 1)).astype(int)
    names = {0: "worst", 50: "median", 100: "best"}
    chosen: dict[int, str] = {}
    for share, place in zip(100 * shares, scores.order[places].tolist(), strict=True):
        chosen.setdefault(place, names.get(round(share), f"percentile {share:.0f}"))
    return [ChosenImage(row, standing) for row, standing in chosen.items()]
