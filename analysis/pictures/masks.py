"""Panels of masks: each class in one colour, and what is right, missed, false or another class.

The colours of the error panel differ in lightness, so that they can be told apart in grey and with
any colour vision.
"""

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from numpy.typing import NDArray

from analysis.mask_outcomes import NOT_COUNTED, NOTHING, OUTCOMES, image_scores, outcomes
from analysis.pictures.scene import Scene
from analysis.predictions import Found
from datasets import IGNORE

__all__ = ["draw_errors", "draw_found", "draw_truth", "image_scores", "legend", "told"]

OUTCOME_COLOURS = np.array(
    [
        (255, 255, 255),
        (213, 232, 212),
        (222, 155, 211),
        (232, 80, 60),
        (0, 48, 77),
        (153, 153, 153),
    ],
    dtype=np.uint8,
)
"""RGB of ``OUTCOMES``, none of them a class's; what is not counted is striped with white."""

STRIPES = 32  # to a side


def draw_truth(axes: Axes, scene: Scene) -> None:
    """The true classes; what is not counted is grey."""
    scene.show(axes, _class_colours()[scene.truth.mask])


def draw_found(axes: Axes, scene: Scene, found: Found) -> None:
    """The predicted classes."""
    scene.show(axes, _class_colours()[found["mask"]])


def draw_errors(axes: Axes, scene: Scene, found: Found) -> None:
    """What became of each pixel."""
    result = outcomes(scene.truth.mask, found["mask"])
    shown = OUTCOME_COLOURS[result]
    side = len(result)
    diagonal = np.add.outer(np.arange(side), np.arange(side)) * STRIPES // side % 2 == 1
    shown[(result == NOT_COUNTED) & diagonal] = 255
    scene.show(axes, shown)


def legend(scene: Scene, founds: list[Found]) -> dict[str, list[Artist]]:
    """The classes that occur, and the outcomes that do."""
    truth = scene.truth
    ids = np.unique(np.stack([truth.mask, *(found["mask"] for found in founds)])).tolist()
    colours = _class_colours() / 255
    seen = np.unique([outcomes(truth.mask, found["mask"]) for found in founds]).tolist()
    return {
        "classes": [
            Patch(facecolor=colours[i], label=truth.classes[i]) for i in ids if i != IGNORE
        ],
        "error": [_sample(outcome) for outcome in seen],
    }


def told(scene: Scene, found: Found) -> str:
    """Shares of the pixels that count."""
    counts = np.bincount(outcomes(scene.truth.mask, found["mask"]).ravel(), minlength=len(OUTCOMES))
    total = max(int(counts[:NOT_COUNTED].sum()), 1)
    shares = [
        f"{_percent(count / total)} {OUTCOMES[one]}"
        for one, count in enumerate(counts[:NOT_COUNTED].tolist())
        if count and one != NOTHING
    ]
    return f"of its pixels, {', '.join(shares)}" if shares else "nothing there and nothing found"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %" if share >= 0.001 else "less than 0.1 %"


def _sample(outcome: int) -> Patch:
    """A piece of an outcome's colour for the legend."""
    colour = OUTCOME_COLOURS[outcome] / 255
    sample = Patch(facecolor=colour, edgecolor="black", linewidth=0.4, label=OUTCOMES[outcome])
    if outcome == NOT_COUNTED:
        sample.set(edgecolor="white", hatch="/////")
    return sample


def _class_colours() -> NDArray[np.uint8]:
    """RGB of every mask value [256, 3]."""
    from models.tasks.segmentation import IGNORED_GREY, class_colour

    return np.array([*map(class_colour, range(IGNORE)), IGNORED_GREY], dtype=np.uint8)
