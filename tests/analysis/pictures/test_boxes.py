import numpy as np
import pytest
import shapely

from analysis.pictures.boxes import areas, image_scores, outcomes
from analysis.pictures.images import Truth
from analysis.statistics.tallies import Tally
from datasets.colours import class_colours
from models.metrics.matching import box_matches
from runs.predictions import Found
from runs.tallies import BoxTally
from tests.coco_reference import random_pairs, random_truths

CLASSES = ("background", "house", "tree")
COLOURS = class_colours(CLASSES[1:], {})


def truth_of(*boxes: tuple[int, ...]) -> Truth:
    """Boxes x0 y0 x1 y1 and their labels."""
    rows = np.array(boxes, np.float32).reshape(-1, 5)
    return Truth(
        np.zeros((64, 64), np.uint8), rows[:, :4], rows[:, 4].astype(np.int64), CLASSES, COLOURS
    )


def found_of(*boxes: tuple[float, ...]) -> Found:
    """Boxes x0 y0 x1 y1, their labels and scores."""
    rows = np.array(boxes, np.float32).reshape(-1, 6)
    return {"boxes": rows[:, :4], "labels": rows[:, 4].astype(np.int64), "scores": rows[:, 5]}


TRUTH = truth_of((0, 0, 10, 10, 1), (20, 20, 30, 30, 1), (40, 40, 50, 50, 2))
FOUND = found_of(
    (0, 0, 10, 9, 1, 0.5),  # the house, but a surer one takes it
    (0, 0, 10, 8, 1, 0.9),
    (20, 20, 30, 30, 2, 0.8),  # a tree where a house is
    (40, 40, 50, 50, 2, 0.2),  # right, but not sure enough to be shown
)


def test_each_truth_is_taken_once_by_the_surest_of_its_class() -> None:
    result = outcomes(TRUTH, FOUND)
    assert result.shown.tolist() == [1, 2, 0]
    assert result.takes.tolist() == [0, -1, -1]
    assert result.missed.tolist() == [1, 2]


def test_areas_are_boxes_with_their_classes() -> None:
    told = [(area.kind, area.truth, area.found, area.confidence) for area in areas(TRUTH, FOUND)]
    assert told == [
        ("hit", "house", "house", 0.9),
        ("false", None, "tree", 0.8),
        ("false", None, "house", 0.5),
        ("missed", "house", None, None),
        ("missed", "tree", None, None),
    ]
    assert [area.outline for area in areas(TRUTH, FOUND)][3].equals(shapely.box(20, 20, 30, 30))


@pytest.mark.parametrize("seed", range(20))
def test_hits_are_those_of_the_tally(seed: int) -> None:
    """What is drawn and what is scored agree, by COCO's matching."""
    pairs = random_pairs(random_truths(seed, 5, 2), seed)
    tally = box_matches([str(number) for number in range(5)], pairs, 2)
    for image, (found, truth) in enumerate(pairs):
        there = Truth(np.zeros((1, 1), np.uint8), truth["boxes"], truth["labels"], CLASSES, COLOURS)
        result = outcomes(there, found)
        ours = tally.image == image
        sure = ours & (tally.score >= 0.3)
        assert len(result.shown) == sure.sum()
        assert (result.takes >= 0).sum() == tally.matched[sure, 0].sum()
        assert len(result.missed) == len(truth["boxes"]) - (result.takes >= 0).sum()


def test_of_images_alike_the_one_with_more_to_see_is_further_out() -> None:
    #          one hit  two hits  nothing  one missed  two missed  one of two  unsure
    truths = [[1, 0], [2, 0], [0, 0], [0, 1], [1, 1], [2, 0], [1, 0]]
    image, hits = [0, 1, 1, 5, 6], [True, True, True, True, True]
    tally = BoxTally(
        names=np.array(["one", "two", "bare", "missed", "missed two", "half", "unsure"]),
        truths=np.array(truths),
        image=np.array(image),
        label=np.ones(5, np.int64),
        score=np.array([0.9, 0.9, 0.8, 0.7, 0.1], np.float32),
        matched=np.repeat(np.array(hits)[:, None], 10, axis=1),
    )
    scores = image_scores(Tally(tally, CLASSES), "AP50")
    assert scores.values == pytest.approx([1, 1, np.nan, 0, 0, 2 / 3, 0], nan_ok=True)
    ordered = tally.names[scores.order].tolist()
    assert (ordered[0], ordered[-3:]) == ("missed two", ["half", "one", "two"])
    assert "0.3" in scores.measure
