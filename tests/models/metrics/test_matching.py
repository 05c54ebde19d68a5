"""Boxes are matched as by COCO; test_average_precision.py compares what follows with COCO's."""

import numpy as np
from numpy.typing import NDArray

from models.metrics.matching import MOST_DETECTIONS, Boxes, box_matches, overlaps
from runs.tallies import BoxTally


def boxes(*corners: tuple[float, float, float, float]) -> NDArray[np.float32]:
    return np.array(corners, np.float32).reshape(-1, 4)


def match(
    found: NDArray, scores: list[float], true: NDArray, labels: list[int] | None = None
) -> BoxTally:
    prediction = {
        "boxes": found,
        "labels": np.array(labels or [1] * len(found)),
        "scores": np.array(scores, np.float32),
    }
    truth = {"boxes": true, "labels": np.ones(len(true), np.int64)}
    return box_matches(["image"], [(prediction, truth)], classes=2)


def test_iou_is_shared_area_over_joint_area() -> None:
    iou = overlaps(boxes((0, 0, 10, 10)), boxes((0, 0, 10, 5), (5, 5, 15, 15), (10, 0, 20, 10)))
    assert iou.tolist() == [[0.5, 25 / 175, 0]]


def test_boxes_without_area_overlap_nothing() -> None:
    point = boxes((3, 3, 3, 3))
    assert overlaps(point, point).tolist() == [[0]]


def test_the_detection_of_higher_score_takes_the_truth_though_another_overlaps_more() -> None:
    """IoU .8 with score .9 against IoU 1 with score .3: the second is right at .85 and above."""
    found = match(boxes((0, 0, 10, 10), (0, 0, 10, 8)), [0.3, 0.9], boxes((0, 0, 10, 10)))
    assert found.score.tolist() == np.array([0.9, 0.3], np.float32).tolist()
    assert found.matched.tolist() == [[True] * 7 + [False] * 3, [False] * 7 + [True] * 3]


def test_detection_takes_the_best_truth_that_is_free() -> None:
    """Both overlap the first truth most; the one of lower score takes the second truth."""
    true = boxes((0, 0, 10, 10), (0, 2, 10, 12))
    found = match(boxes((0, 0, 10, 10), (0, 0.5, 10, 10.5)), [0.9, 0.8], true)
    assert found.matched.sum(axis=1).tolist() == [10, 5]  # IoU 1, and 8.5 / 11.5


def test_at_exactly_the_threshold_it_is_a_match() -> None:
    found = match(boxes((0, 0, 10, 5)), [1], boxes((0, 0, 10, 10)))
    assert found.matched.tolist() == [[True] + [False] * 9]


def test_boxes_of_another_class_do_not_match() -> None:
    found = match(boxes((0, 0, 9, 9), (0, 0, 9, 9)), [0.9, 0.1], boxes((0, 0, 9, 9)), [2, 1])
    assert found.truths.tolist() == [[1, 0]]
    assert found.label.tolist() == [1, 2]
    assert found.matched.all(axis=1).tolist() == [True, False]


def test_only_the_hundred_of_highest_score_of_a_class_count() -> None:
    scores = [0.1, *np.linspace(0.5, 0.9, MOST_DETECTIONS)]
    found = match(np.repeat(boxes((0, 0, 9, 9)), len(scores), axis=0), scores, boxes((0, 0, 9, 9)))
    assert len(found.score) == MOST_DETECTIONS
    assert found.score.min() == np.float32(0.5)


def test_images_without_boxes_are_counted() -> None:
    empty: Boxes = {"boxes": boxes(), "labels": np.zeros(0, int), "scores": np.zeros(0, np.float32)}
    found = box_matches(["a", "b"], [(empty, empty)] * 2, classes=3)
    assert (found.names.tolist(), found.truths.shape) == (["a", "b"], (2, 3))
    assert found.image.shape == found.label.shape == found.score.shape == (0,)
    assert found.matched.shape == (0, 10)


def test_detections_in_an_image_without_truths_are_all_wrong() -> None:
    found = match(boxes((0, 0, 9, 9)), [0.5], boxes())
    assert (found.truths.tolist(), found.matched.tolist()) == ([[0, 0]], [[False] * 10])
