"""The pictures of a run: its best arms on the same test images, good, middling and bad ones.

One PNG an image; in it a row an arm, so that the arms compare at a glance.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from analysis.outcomes import ImageScores
from analysis.pictures import boxes, masks
from analysis.pictures.choice import ChosenImage, ShownModel, best_models, choose
from analysis.pictures.picture import Picture, write_list
from analysis.pictures.scene import COLUMNS, Panels, Scene, scene_of
from analysis.predictions import Found, open_test, predictions
from analysis.runs import AnalysisError, Run
from analysis.tallies import read_tally

PANELS: dict[str, Panels] = {"segmentation": masks, "detection": boxes}

# Inches:
WIDTH = 7.2  # two columns of a paper
TOP = 0.16  # what the columns are
HEAD = 0.24  # an arm's name above its row
KEY = 0.19  # a line of the legend
GAP = 0.04  # between panels
DPI = 150
TO_A_LINE = 7
LEGEND: dict[str, Any] = {"fontsize": 7.5, "frameon": False, "columnspacing": 1.2, "borderpad": 0}


class Row(NamedTuple):
    """What one model makes of an image; ``score`` is of this image alone, NaN without one."""

    model: ShownModel
    measure: str
    score: float
    found: Found


def draw_pictures(run: Run, folder: Path, arms: int = 3, images: int = 3) -> list[Picture]:
    """Draw the ``arms`` best arms on ``images`` test images into ``folder``.

    An arm is shown by its best model. The images are chosen by how well the first of these models
    does on each alone: at equal steps from the best image to the worst, so best, median and worst
    of three. The same run gives the same pictures.

    Raises:
        AnalysisError: nothing was tested yet, or the decoded images or the weights are gone;
            pictures drawn earlier stay.
    """
    models = best_models(run, arms)
    if not models:
        raise AnalysisError(
            f"{run.path} has no test scores yet: its pictures are of the test images, which are "
            "looked at once, when the search is over."
        )
    panels = PANELS[run.info["task"]]
    split = open_test(run, models[0].name)
    scores = [
        panels.image_scores(read_tally(run, model.name), run.info["metric"]) for model in models
    ]
    chosen = choose(scores[0], images)
    if not chosen:
        raise AnalysisError(
            f"There is nothing to find in any test image of {run.path}, nor was anything found."
        )
    indices = [image.row for image in chosen]
    founds = [list(predictions(run, model.name, split, indices)) for model in models]
    folder.mkdir(parents=True, exist_ok=True)
    pictures = []
    for place, image in enumerate(chosen):
        scene = scene_of(split, image.row, run.info["data"].get("rgb"))
        rows = [
            Row(model, one.name, float(one.values[image.row]), found[place])
            for model, one, found in zip(models, scores, founds, strict=True)
        ]
        file = folder / f"{image.standing.replace(' ', '-')}.png"
        _figure(panels, scene, rows).savefig(file, dpi=DPI)
        words = _words(panels, scene, rows, image, split.names[image.row], scores[0])
        pictures.append(Picture(**words, file=file))
    write_list(folder, pictures)
    return pictures


def _figure(panels: Panels, scene: Scene, rows: Sequence[Row]) -> Figure:
    width = (WIDTH - GAP * (len(COLUMNS) + 1)) / len(COLUMNS)
    height = width * scene.stretch
    keys = _keys(panels, scene, rows)
    foot = KEY * len(keys) + GAP
    total = TOP + (HEAD + height) * len(rows) + foot
    figure = Figure(figsize=(WIDTH, total))
    lefts = [GAP + (width + GAP) * place for place in range(len(COLUMNS))]
    for left, column in zip(lefts, COLUMNS, strict=True):
        at = (left + width / 2) / WIDTH, 1 - 0.03 / total
        figure.text(*at, column, fontsize=8, ha="center", va="top")
    for place, row in enumerate(rows):
        bottom = total - TOP - (HEAD + height) * (place + 1)
        at = GAP / WIDTH, (bottom + height + 0.05) / total
        figure.text(*at, _named(row), fontsize=8, fontweight="bold", va="bottom")
        places = [(left / WIDTH, bottom / total, width / WIDTH, height / total) for left in lefts]
        shown, truth, found, errors = (figure.add_axes(place) for place in places)
        scene.show(shown, scene.picture)
        panels.draw_truth(truth, scene)
        panels.draw_found(found, scene, row.found)
        panels.draw_errors(errors, scene, row.found)
    for place, key in enumerate(keys):
        at = 0.5, (foot - GAP - KEY * (place + 0.5)) / total
        figure.legend(handles=key, loc="center", bbox_to_anchor=at, ncols=len(key), **LEGEND)
    return figure


def _keys(panels: Panels, scene: Scene, rows: Sequence[Row]) -> list[list[Artist]]:
    """The lines of the legend, each begun by what it is the key to."""
    keys = []
    for title, handles in panels.legend(scene, [row.found for row in rows]).items():
        for start in range(0, len(handles), TO_A_LINE):
            blank = Patch(alpha=0, label=f"{title}:" if not start else "")
            keys.append([blank, *handles[start : start + TO_A_LINE]])
    return keys


def _words(
    panels: Panels,
    scene: Scene,
    rows: Sequence[Row],
    image: ChosenImage,
    name: str,
    scores: ImageScores,
) -> dict[str, str]:
    """Title, caption and alternative text."""
    count, unscored = len(scores.order), len(scores.values) - len(scores.order)
    title = f"{image.standing.capitalize()} image: {name}"
    left_out = f" ({unscored} more hold nothing to score)" if unscored else ""
    caption = (
        f"{name}: the {image.standing} of {count} test images{left_out} by {scores.measure}, of "
        f"{rows[0].model.arm} on each image alone. A row an arm, with its own score on this image: "
        f"{', '.join(COLUMNS)}."
    )
    each = ". ".join(f"{_named(row)}; {panels.told(scene, row.found)}" for row in rows)
    alt = f"Test image {name}: {', '.join(COLUMNS)}, side by side, a row an arm. {each}."
    return {"title": title, "caption": caption, "alt": alt}


def _named(row: Row) -> str:
    score = "nothing to score" if np.isnan(row.score) else f"{row.measure} {row.score:.3f}"
    return f"{row.model.arm}: {score}"
