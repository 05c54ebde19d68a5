"""The pictures of a run: its best arms on the same test images, good, middling and bad ones.

One PNG an image; in it a row an arm, so that the arms compare at a glance.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from matplotlib.typing import LineStyleType

from analysis.loading import AnalysisError, Run
from analysis.pictures.choice import ChosenImage, ShownModel, choose, shown_models
from analysis.pictures.images import ImageScores, Mark, Scene, open_test, predictions, scene_of
from analysis.pictures.layers import Layer, photograph
from analysis.pictures.picture import Picture, write_list
from analysis.pictures.tasks import Pictured, pictured
from analysis.statistics.tallies import read_tally
from runs.files import whole_file
from runs.predictions import Found

COLUMNS = ("input", "truth", "prediction", "error")
"""The panels of a row."""

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
    """What one model found in an image; `score` is of this image alone, NaN without one."""

    model: ShownModel
    measure: str
    score: float
    found: Found


def draw_pictures(run: Run, folder: Path, arms: int = 3, images: int = 3) -> list[Picture]:
    """Draw the `arms` best arms on `images` test images into `folder`.

    An arm is shown by its best model. The images are chosen by how well the first of these models
    does on each alone: at equal steps from the best image to the worst, so best, median and worst
    of three. The same run gives the same pictures. Earlier pictures
    stay if these cannot be drawn.

    Raises:
        AnalysisError: nothing was tested yet, the decoded images are gone, or `folder` cannot be
            written.
        PredictionsError: what was found in the test images is missing or damaged.
    """
    models = shown_models(run, arms)
    if not models:
        raise AnalysisError(
            "there are no test scores yet: the pictures are of the test images, which are used "
            "once, after the search"
        )
    task = pictured(run.record.task)
    split = open_test(run, models[0].name)
    scores = [task.image_scores(read_tally(run, model.name), run.record.metric) for model in models]
    chosen = choose(scores[0], images)
    if not chosen:
        raise AnalysisError("there is nothing to find in any test image, and nothing was found")
    indices = [image.row for image in chosen]
    founds = [list(predictions(run, model.name, split, indices)) for model in models]
    pictures = []
    for at, image in enumerate(chosen):
        scene = scene_of(split, image.row, run.record.data)
        rows = [
            Row(model, one.name, float(one.values[image.row]), found[at])
            for model, one, found in zip(models, scores, founds, strict=True)
        ]
        file = folder / f"{image.standing.replace(' ', '-')}.png"
        _write(_figure(task, scene, rows), file)
        words = _words(task, scene, rows, image, split.names[image.row], scores[0])
        marks = task.legend(scene, [row.found for row in rows])
        name = split.names[image.row]
        layers = _layers(task, scene, rows, name)
        pictures.append(Picture(*words, file, name, layers, marks, scene.size))
    write_list(folder, pictures)
    return pictures


def _write(figure: Figure, file: Path) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(file) as partial:
            figure.savefig(partial, dpi=DPI)
    except OSError as error:
        raise AnalysisError(f"{file} cannot be written: {error.strerror}") from error


def _figure(task: Pictured, scene: Scene, rows: Sequence[Row]) -> Figure:
    width = (WIDTH - GAP * (len(COLUMNS) + 1)) / len(COLUMNS)
    height = width * scene.stretch
    keys = _keys(task, scene, rows)
    foot = KEY * len(keys) + GAP
    total = TOP + (HEAD + height) * len(rows) + foot
    figure = Figure(figsize=(WIDTH, total))
    lefts = [GAP + (width + GAP) * column for column in range(len(COLUMNS))]
    for left, column in zip(lefts, COLUMNS, strict=True):
        middle = (left + width / 2) / WIDTH, 1 - 0.03 / total
        figure.text(*middle, column, fontsize=8, ha="center", va="top")
    for number, row in enumerate(rows, 1):
        bottom = total - TOP - (HEAD + height) * number
        above = GAP / WIDTH, (bottom + height + 0.05) / total
        figure.text(*above, _named(row), fontsize=8, fontweight="bold", va="bottom")
        panels = [(left / WIDTH, bottom / total, width / WIDTH, height / total) for left in lefts]
        shown, truth, found, errors = map(figure.add_axes, panels)
        scene.show(shown, scene.picture)
        task.draw_truth(truth, scene)
        task.draw_found(found, scene, row.found)
        task.draw_errors(errors, scene, row.found)
    for line, key in enumerate(keys):
        at = 0.5, (foot - GAP - KEY * (line + 0.5)) / total
        figure.legend(handles=key, loc="center", bbox_to_anchor=at, ncols=len(key), **LEGEND)
    return figure


def _keys(task: Pictured, scene: Scene, rows: Sequence[Row]) -> list[list[Artist]]:
    """The lines of the legend, each begun by what it is the key to."""
    keys = []
    for title, marks in task.legend(scene, [row.found for row in rows]).items():
        for start in range(0, len(marks), TO_A_LINE):
            blank = Patch(alpha=0, label=f"{title}:" if not start else "")
            keys.append([blank, *map(_handle, marks[start : start + TO_A_LINE])])
    return keys


def _handle(mark: Mark) -> Artist:
    if mark.dashes is not None:
        style: LineStyleType = (0, mark.dashes) if mark.dashes else "-"
        line = Line2D([], [], label=mark.label, color=mark.colour, linewidth=1.3, linestyle=style)
        line.set_path_effects([withStroke(linewidth=2.4, foreground="white")])
        return line
    area = Patch(facecolor=mark.colour, edgecolor="black", linewidth=0.4, label=mark.label)
    if mark.striped:
        area.set(edgecolor="white", hatch="/////")
    return area


def _layers(task: Pictured, scene: Scene, rows: Sequence[Row], name: str) -> tuple[Layer, ...]:
    """The image, what is on it, and what each arm finds and gets wrong."""
    layers = [
        Layer("image", "", f"Test image {name}", photograph(scene.picture, scene.size)),
        Layer("truth", "", f"The ground truth of {name}", task.truth_layer(scene)),
    ]
    for row in rows:
        arm, words = row.model.arm, f"{_named(row)}; {task.in_words(scene, row.found)}"
        layers.append(Layer("prediction", arm, words, task.found_layer(scene, row.found)))
        layers.append(Layer("error", arm, words, task.error_layer(scene, row.found)))
    return tuple(layers)


def _words(
    task: Pictured,
    scene: Scene,
    rows: Sequence[Row],
    image: ChosenImage,
    name: str,
    scores: ImageScores,
) -> tuple[str, str, str]:
    """Title, caption and alternative text."""
    count, unscored = len(scores.order), len(scores.values) - len(scores.order)
    title = f"{image.standing.capitalize()} image: {name}"
    left_out = f" ({unscored} more hold nothing to score)" if unscored else ""
    caption = (
        f"{name}: the {image.standing} of {count} test images{left_out} by {scores.measure}, of "
        f"{rows[0].model.arm} on each image alone. A row an arm, with its own score on this image: "
        f"{', '.join(COLUMNS)}."
    )
    each = ". ".join(f"{_named(row)}; {task.in_words(scene, row.found)}" for row in rows)
    alt = f"Test image {name}: {', '.join(COLUMNS)}, side by side, a row an arm. {each}."
    return title, caption, alt


def _named(row: Row) -> str:
    score = "nothing to score" if np.isnan(row.score) else f"{row.measure} {row.score:.3f}"
    return f"{row.model.arm}: {score}"
