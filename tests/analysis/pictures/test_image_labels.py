"""What became of each class of an image, and which images a classifier does well on."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from analysis.pictures import image_labels
from analysis.pictures.images import Scene, Truth
from analysis.statistics.tallies import Tally
from runs.predictions import Found
from runs.tallies import LabelTally

CLASSES = ("background", "forest", "water & ice", "town")


@pytest.fixture
def scene() -> Scene:
    """Forest and water are there."""
    there = np.array([True, True, False])
    nothing = np.zeros((0, 4), np.float32), np.zeros(0, np.int64)
    colours = [(0, 0, 0), (0, 158, 115), (0, 114, 178), (213, 94, 0)]
    truth = Truth(np.zeros((32, 32), np.uint8), *nothing, CLASSES, colours, there)
    return Scene(np.full((32, 32, 3), 90, np.uint8), truth, 1.0)


@pytest.fixture
def found() -> Found:
    """Forest and a town."""
    return {
        "classes": np.array([True, False, True]),
        "confidences": np.array([0.9, 0.2, 0.6], np.float32),
    }


def test_each_class_is_hit_missed_or_false(scene: Scene, found: Found) -> None:
    areas = list(image_labels.areas(scene.truth, found))
    assert [(area.kind, area.truth, area.found) for area in areas] == [
        ("hit", "forest", "forest"),
        ("missed", "water & ice", None),
        ("false", None, "town"),
    ]
    assert {area.outline.bounds for area in areas} == {(0, 0, 32, 32)}
    words = "forest hit (0.90), water & ice missed (0.20), town false (0.60)"
    assert image_labels.in_words(scene, found) == words
    legend = image_labels.legend(scene, [found])
    assert [mark.label for mark in legend["classes"]] == [*CLASSES[1:]]
    assert [mark.label for mark in legend["error"]] == ["hit", "missed", "false"]


def test_an_image_scores_by_the_class_that_is_most_wrong() -> None:
    truths = np.array([[1, 0], [1, 0], [1, 1]], np.bool_)
    confidences = np.array([[0.9, 0.1], [0.3, 0.7], [0.8, 0.6]], np.float32)
    tally = LabelTally(np.array(["a", "b", "c"]), truths, confidences >= 0.5, confidences)
    scores = image_labels.image_scores(Tally(tally, ("background", "x", "y")), "F1")
    assert scores.values.tolist() == pytest.approx([0.9, 0.3, 0.6])
    assert scores.order.tolist() == [1, 2, 0]


def test_panels_and_layers_name_the_classes(scene: Scene, found: Found) -> None:
    figure = Figure()
    axes = figure.subplots(1, 3)
    image_labels.draw_truth(axes[0], scene)
    image_labels.draw_found(axes[1], scene, found)
    image_labels.draw_errors(axes[2], scene, found)
    texts = [[text.get_text() for text in panel.texts] for panel in axes]
    assert texts == [
        ["forest", "water & ice"],
        ["0.90 forest", "0.60 town", "0.20 water & ice"],
        ["hit: forest", "missed: water & ice", "false: town"],
    ]
    for layer in (image_labels.truth_layer(scene), image_labels.error_layer(scene, found)):
        assert layer.startswith("data:image/svg+xml;base64,")
