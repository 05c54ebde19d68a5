import numpy as np
import pytest
import shapely
from numpy.typing import NDArray

from analysis.pictures.images import Truth
from analysis.pictures.masks import OUTCOMES, areas, image_scores, outcomes
from analysis.statistics.tallies import Tally
from datasets import IGNORE
from datasets.colours import class_colours
from runs.tallies import PixelTally

CLASSES = ("background", "house", "tree")
COLOURS = class_colours(CLASSES[1:], {})


def truth_of(mask: NDArray[np.uint8]) -> Truth:
    return Truth(mask, np.empty((0, 4), np.float32), np.empty(0, np.int64), CLASSES, COLOURS)


def test_each_pixel_has_one_outcome() -> None:
    truth = np.array([[0, 1, 1], [1, 0, IGNORE]], np.uint8)
    found = np.array([[0, 1, 2], [0, 2, 1]], np.uint8)
    named = np.array(OUTCOMES)[outcomes(truth, found)]
    assert named.tolist() == [
        ["nothing there", "right", "wrong class"],
        ["missed", "false", "not counted"],
    ]


def test_an_area_is_connected_and_of_one_pair_of_classes() -> None:
    truth, found = np.zeros((2, 8, 8), np.uint8)
    truth[0:2, 0:4] = 1
    found[0:2, 2:4] = 2  # beside the missed half: the same house, taken for a tree
    found[4, 4] = found[5, 5] = 1  # they meet at a corner
    truth[7, 7], found[7, 7] = IGNORE, 1
    found_areas = {
        (area.kind, area.truth, area.found, area.outline.normalize().wkt)
        for area in areas(truth_of(truth), {"mask": found})
    }
    assert found_areas == {
        ("missed", "house", "background", shapely.box(0, 0, 2, 2).normalize().wkt),
        ("wrong class", "house", "tree", shapely.box(2, 0, 4, 2).normalize().wkt),
        ("false", "background", "house", shapely.box(4, 4, 5, 5).normalize().wkt),
        ("false", "background", "house", shapely.box(5, 5, 6, 6).normalize().wkt),
    }


def test_a_hole_in_an_area_stays_open() -> None:
    found = np.zeros((8, 8), np.uint8)
    found[1:6, 1:6] = 1
    found[3, 3] = 0
    (area,) = areas(truth_of(np.zeros((8, 8), np.uint8)), {"mask": found})
    assert (area.outline.area, len(area.outline.interiors)) == (24, 1)


CONFUSION = np.array([[[6, 2], [2, 6]], [[0, 0], [0, 0]], [[16, 0], [0, 0]], [[12, 4], [0, 0]]])
NAMES = np.array(["half", "ignored", "empty", "false alarm"])


def test_images_are_in_the_order_of_the_metric_on_each_alone() -> None:
    tally = Tally(PixelTally(NAMES, CONFUSION, None), ("background", "house"))
    scores = image_scores(tally, "mIoU")
    # The second image has no pixel that counts; the third has background only, and all of it right.
    np.testing.assert_allclose(scores.values, [0.6, np.nan, 1.0, 12 / 16 / 2])
    assert NAMES[scores.order].tolist() == ["false alarm", "half", "empty"]
    of_class = image_scores(tally, "IoU/house")
    assert NAMES[of_class.order].tolist() == ["false alarm", "half"]


def test_footprints_have_scores_of_their_own() -> None:
    footprints = np.array([[1, 1, 0], [0, 0, 0], [3, 0, 0], [0, 0, 2]])
    tally = Tally(PixelTally(NAMES, CONFUSION, footprints), ("background", "house"))
    scores = image_scores(tally, "footprint_F1")
    assert scores.values == pytest.approx([2 / 3, np.nan, 1, 0], nan_ok=True)
    assert NAMES[scores.order].tolist() == ["false alarm", "half", "empty"]
