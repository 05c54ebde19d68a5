"""What is shown: the best arms, each by one model, and images from the best to the worst."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis.arms import label
from analysis.chosen import chosen_models
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
    models = chosen_models(run, run.info["metric"]).sort_values("arm", kind="stable")
    models = models[models["name"].isin(list(run.test))]
    keys = pd.DataFrame(
        {
            "repeated": models["of"].notna() if "of" in models else False,
            "mean": models.groupby("arm")["validation"].transform("mean"),
            "validation": models["validation"],
        },
        index=models.index,
    )
    order = keys.sort_values(["repeated", "mean", "validation"], ascending=False, kind="stable")
    models = models.loc[order.index]
    best = models.drop_duplicates("arm").head(count)
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
