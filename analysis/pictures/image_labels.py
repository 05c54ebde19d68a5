"""Labels of whole images against the truth: which are right, which images score high, and how it is
drawn.

What a model says of an image is a list of classes, which is written on it: with its confidence in
each in the prediction, and as hits, missed and false classes in the error panel.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import shapely
from matplotlib.axes import Axes
from numpy.typing import NDArray

from analysis.pictures.images import Area, ImageScores, Mark, Scene, Truth
from analysis.pictures.layers import Line, lines_layer
from analysis.statistics.tallies import Tally
from runs.predictions import Found
from runs.tallies import LabelTally

COLOURS = {"hit": "#0072B2", "missed": "#D55E00", "false": "#000000"}
"""Of the error panel; hits and misses differ in lightness."""

MOST = 8
"""Classes that a panel names, the surest first."""


def image_scores(tally: Tally, metric: str) -> ImageScores:  # noqa: ARG001 - F1 is of many images
    """Each image by how sure the model was of the right answer, for the class it is worst at.

    Of images with one label, that is the probability of the true class.
    """
    counts = tally.counts
    assert isinstance(counts, LabelTally), "a classifier's tally is of labels"
    right = np.where(counts.truths, counts.confidences, 1 - counts.confidences)
    values = right.min(axis=1).astype(np.float64)
    measure = "the lowest probability that it gives to the right answer of any class"
    return ImageScores("p", measure, values, np.argsort(values, kind="stable"))


def areas(truth: Truth, found: Found) -> Iterator[Area]:
    """The whole image, once for each class that is there or was found."""
    side = len(truth.mask)
    for kind, number in _outcomes(truth, found):
        name = truth.classes[number]
        yield Area(
            shapely.box(0, 0, side, side),
            kind,
            None if kind == "false" else name,
            None if kind == "missed" else name,
            round(float(found["confidences"][number - 1]), 4),
        )


def draw_truth(axes: Axes, scene: Scene) -> None:
    """The true classes on the darkened picture, each in its colour."""
    scene.show(axes, scene.picture // 3)
    _write(axes, scene, _true_lines(scene.truth))


def draw_found(axes: Axes, scene: Scene, found: Found) -> None:
    """The classes that the model is surest of; those that it gives to the image are bold."""
    scene.show(axes, scene.picture // 3)
    _write(axes, scene, _found_lines(scene.truth, found))


def draw_errors(axes: Axes, scene: Scene, found: Found) -> None:
    """Hits, missed and false classes on a pale grey picture."""
    grey = scene.picture.mean(axis=2, keepdims=True).repeat(3, axis=2)
    scene.show(axes, (200 + grey * 55 / 255).astype(np.uint8))
    _write(axes, scene, _error_lines(scene.truth, found))


def truth_layer(scene: Scene) -> str:
    """The true classes."""
    return lines_layer(_true_lines(scene.truth), len(scene.picture), scene.size)


def found_layer(scene: Scene, found: Found) -> str:
    """The classes that the model is surest of."""
    return lines_layer(_found_lines(scene.truth, found), len(scene.picture), scene.size)


def error_layer(scene: Scene, found: Found) -> str:
    """Hits, missed and false classes."""
    return lines_layer(_error_lines(scene.truth, found), len(scene.picture), scene.size)


def legend(scene: Scene, founds: list[Found]) -> dict[str, list[Mark]]:
    """The classes that are there or were found, and the outcomes that occur."""
    truth = scene.truth
    outcomes = [one for found in founds for one in _outcomes(truth, found)]
    kinds = {kind for kind, _ in outcomes}
    return {
        "classes": [
            Mark(truth.classes[number], _colour(truth, number))
            for number in sorted({number for _, number in outcomes})
        ],
        "error": [Mark(kind, colour) for kind, colour in COLOURS.items() if kind in kinds],
    }


def in_words(scene: Scene, found: Found) -> str:
    """Each class with its outcome."""
    words = [
        f"{scene.truth.classes[number]} {kind} ({found['confidences'][number - 1]:.2f})"
        for kind, number in _outcomes(scene.truth, found)
    ]
    return ", ".join(words) or "no class is there, and none was found"


def _outcomes(truth: Truth, found: Found) -> Iterator[tuple[str, int]]:
    """What became of each class that is there or was found: the outcome and the class id."""
    there, given = _there(truth), found["classes"]
    for number in np.flatnonzero(there | given).tolist():
        kind = "false" if not there[number] else "hit" if given[number] else "missed"
        yield kind, number + 1


def _there(truth: Truth) -> NDArray[np.bool_]:
    assert truth.image_labels is not None, "the data have labels of whole images"
    return truth.image_labels


def _true_lines(truth: Truth) -> list[Line]:
    ids = (np.flatnonzero(_there(truth)) + 1).tolist()
    return [Line(truth.classes[number], _colour(truth, number), bold=True) for number in ids]


def _found_lines(truth: Truth, found: Found) -> list[Line]:
    confidences, given = found["confidences"], found["classes"]
    surest = np.lexsort((np.arange(len(given)), -confidences, ~given))[:MOST]
    return [
        Line(
            f"{confidences[at]:.2f} {truth.classes[at + 1]}",
            _colour(truth, at + 1),
            bold=bool(given[at]),
        )
        for at in surest.tolist()
    ]


def _error_lines(truth: Truth, found: Found) -> list[Line]:
    return [
        Line(f"{kind}: {truth.classes[number]}", COLOURS[kind], bold=True)
        for kind, number in _outcomes(truth, found)
    ]


def _write(axes: Axes, scene: Scene, lines: Sequence[Line]) -> None:
    """Write lines of text from the top, each behind a square of its colour."""
    side = len(scene.picture)
    step = side / (MOST + 1)
    for row, line in enumerate(lines[:MOST]):
        at = 0.04 * side, (row + 0.8) * step
        axes.plot(*at, "s", color=line.colour, markersize=5, markeredgecolor="white", clip_on=True)
        axes.text(
            *(at[0] + 0.05 * side, at[1], line.text),
            va="center",
            fontsize=5.8,
            fontweight="bold" if line.bold else "normal",
            color="black",
            parse_math=False,
            bbox={"facecolor": "white", "alpha": 0.85, "pad": 0.8, "linewidth": 0},
            clip_on=True,
        )
    axes.set(xlim=(-0.5, side - 0.5), ylim=(side - 0.5, -0.5))


def _colour(truth: Truth, number: int) -> str:
    return "#{:02x}{:02x}{:02x}".format(*truth.colours[number])
