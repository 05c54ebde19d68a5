"""What is shown: the best arms, each by one model, and images from the best to the worst."""

from typing import NamedTuple

import numpy as np

from analysis.loading import Run
from analysis.pictures.images import ImageScores
from analysis.standings import best_models


class ShownModel(NamedTuple):
    """A trial or repeat that stands for its arm.

    Attributes:
        name: of the trial or repeat.
        arm: title of the arm.
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


def shown_models(run: Run, count: int) -> list[ShownModel]:
    """The models of the `count` best arms whose model was tested, in the order of the ranking."""
    models = best_models(run)
    best = models[models["name"].isin(list(run.test))].head(count)
    return [
        ShownModel(name, run.record.arms[arm].title)
        for name, arm in zip(best["name"], best["arm"], strict=True)
    ]


def choose(scores: ImageScores, count: int) -> list[ChosenImage]:
    """`count` images at equal steps from the best to the worst; one alone is the median."""
    if not len(scores.order):
        return []
    shares = np.linspace(1, 0, count) if count > 1 else np.array([0.5])
    steps = np.floor(shares * (len(scores.order) - 1)).astype(int)
    names = {0: "worst", 50: "median", 100: "best"}
    chosen: dict[int, str] = {}
    for share, row in zip(100 * shares, scores.order[steps].tolist(), strict=True):
        chosen.setdefault(row, names.get(round(share), f"percentile {share:.0f}"))
    return [ChosenImage(row, standing) for row, standing in chosen.items()]
