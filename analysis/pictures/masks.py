"""Masks against the truth: which pixels are right, which images score high, and how it is drawn.

Each class has one colour. The colours of the error panel differ in lightness, so that they can be
distinguished in grey and with any colour vision.
"""

from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray
from rasterio.features import shapes
from shapely import Polygon

from analysis.pictures.images import Area, ImageScores, Mark, Scene, Truth
from analysis.pictures.layers import areas_layer
from analysis.statistics.tallies import Tally
from datasets import IGNORE
from datasets.colours import IGNORED_GREY
from runs.predictions import Found

OUTCOMES = ("nothing there", "right", "wrong class", "missed", "false", "not counted")
"""What a pixel may be: its number in `outcomes` is its position here."""

NOTHING, RIGHT, WRONG_CLASS, MISSED, FALSE, NOT_COUNTED = range(len(OUTCOMES))

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
"""RGB of `OUTCOMES`, none of them a class's; what is not counted is striped with white."""

STRIPES = 32  # to a side


def outcomes(truth: NDArray[np.uint8], found: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Positions in `OUTCOMES` of the pixels of two masks [S, S] of class ids."""
    something, seen = truth > 0, found > 0
    return np.select(
        [truth == IGNORE, something & seen & (truth == found), something & seen, something, seen],
        [np.uint8(one) for one in (NOT_COUNTED, RIGHT, WRONG_CLASS, MISSED, FALSE)],
        np.uint8(NOTHING),
    )


def image_scores(tally: Tally, metric: str) -> ImageScores:
    """Each image by the run's own metric on it alone; equal ones in the order of the split."""
    values = tally.by_image(metric)
    order = np.argsort(values, kind="stable")  # NaN last
    return ImageScores(metric, metric, values, order[: int(np.isfinite(values).sum())])


def areas(truth: Truth, found: Found) -> Iterator[Area]:
    """Each connected area of wrong pixels that are of one class and were taken for one."""
    result = outcomes(truth.mask, found["mask"])
    wrong = np.isin(result, (WRONG_CLASS, MISSED, FALSE))
    pairs = truth.mask.astype(np.int32) * IGNORE + found["mask"]
    for outline, pair in shapes(pairs, mask=wrong, connectivity=4):
        true, ours = divmod(int(pair), IGNORE)
        kind = FALSE if not true else MISSED if not ours else WRONG_CLASS
        shell, *holes = outline["coordinates"]
        yield Area(Polygon(shell, holes), OUTCOMES[kind], truth.classes[true], truth.classes[ours])


def palette(truth: Truth) -> NDArray[np.uint8]:
    """RGB of every mask value [256, 3]."""
    colours = np.full((IGNORE + 1, 3), IGNORED_GREY, np.uint8)
    colours[: len(truth.classes)] = truth.colours
    return colours


def draw_truth(axes: Axes, scene: Scene) -> None:
    """The true classes; what is not counted is grey."""
    scene.show(axes, palette(scene.truth)[scene.truth.mask])


def draw_found(axes: Axes, scene: Scene, found: Found) -> None:
    """The predicted classes."""
    scene.show(axes, palette(scene.truth)[found["mask"]])


def draw_errors(axes: Axes, scene: Scene, found: Found) -> None:
    """The outcome of each pixel."""
    result = outcomes(scene.truth.mask, found["mask"])
    shown = OUTCOME_COLOURS[result]
    side = len(result)
    diagonal = np.add.outer(np.arange(side), np.arange(side)) * STRIPES // side % 2 == 1
    shown[(result == NOT_COUNTED) & diagonal] = 255
    scene.show(axes, shown)


def truth_layer(scene: Scene) -> str:
    """The true classes; background is transparent."""
    return areas_layer(scene.truth.mask, palette(scene.truth), scene.size)


def found_layer(scene: Scene, found: Found) -> str:
    """The predicted classes likewise."""
    return areas_layer(found["mask"], palette(scene.truth), scene.size)


def error_layer(scene: Scene, found: Found) -> str:
    """The outcome of each pixel; where nothing is and nothing was found, it is transparent."""
    return areas_layer(outcomes(scene.truth.mask, found["mask"]), OUTCOME_COLOURS, scene.size)


def legend(scene: Scene, founds: list[Found]) -> dict[str, list[Mark]]:
    """The classes that occur, and the outcomes that do."""
    truth = scene.truth
    ids = np.unique(np.stack([truth.mask, *(found["mask"] for found in founds)])).tolist()
    colours = palette(truth)
    seen = np.unique([outcomes(truth.mask, found["mask"]) for found in founds]).tolist()
    return {
        "classes": [
            Mark(truth.classes[one], _hex(colours[one]), clear=not one)
            for one in ids
            if one != IGNORE
        ],
        "error": [
            Mark(
                OUTCOMES[one],
                _hex(OUTCOME_COLOURS[one]),
                striped=one == NOT_COUNTED,
                clear=one == NOTHING,
            )
            for one in seen
        ],
    }


def in_words(scene: Scene, found: Found) -> str:
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


def _hex(colour: NDArray[np.uint8]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour.tolist())
