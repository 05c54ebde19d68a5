"""Boxes from overlapping tiles: each object once, whole, and where it is."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.ops import batched_nms

from deploy.maps import objects
from deploy.maps.images import open_image
from deploy.maps.objects import Objects, merged, object_rows
from deploy.trained import Trained
from tests.deploy.maps.conftest import DARK

SCATTERED = [
    (3, 5, 10, 12),
    (14, 12, 20, 20),  # across the border of the first tile, at 16
    (28, 60, 40, 70),
    (0, 80, 6, 90),
    (90, 0, 100, 7),
    (60, 40, 61, 41),
    (95, 95, 110, 99),
    (47, 44, 49, 59),
]


def found_in(file: Path, trained: Trained) -> np.ndarray:
    with open_image(file, trained.data) as image:
        rows = list(object_rows(image, trained.data, trained.find, batch=5))
    covered = [(window.y, window.height) for window, _ in rows]
    assert sum(height for _, height in covered) == 99
    boxes = np.concatenate([row.objects.boxes for row in rows])
    return boxes[np.lexsort(boxes.T)]


@pytest.mark.parametrize("held", [2**26, 1])
def test_each_object_is_found_once_and_whole(
    knowing: Callable[..., Trained],
    write_image: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    held: int,
) -> None:
    monkeypatch.setattr(objects, "HELD_BYTES", held)
    truth = np.array(SCATTERED, dtype=np.float64)
    found = found_in(write_image(99, 110, SCATTERED), knowing("detection"))
    assert np.array_equal(found, truth[np.lexsort(truth.T)])


def test_boxes_are_in_pixels_of_the_file(
    knowing: Callable[..., Trained], write_image: Callable[..., Path]
) -> None:
    """A window of 64 × 96 px is shown at 32 × 32 px."""
    file = write_image(99, 110, [(30, 20, 60, 40)])
    found = found_in(file, knowing("detection", window=[64, 96]))
    assert np.allclose(found, [[30, 20, 60, 40]], atol=3)


def test_of_whole_boxes_those_are_kept_that_nms_keeps() -> None:
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 60, (300, 2))
    boxes = np.hstack([corners, corners + rng.uniform(5, 25, (300, 2))])
    scores, labels = rng.uniform(size=300), rng.integers(1, 3, 300)
    kept = merged(Objects(boxes, scores, labels, np.zeros(300, bool)))
    expected = batched_nms(*map(torch.from_numpy, (boxes, scores, labels)), iou_threshold=0.5)
    assert kept.tolist() == expected.tolist()
    assert len(kept) < 250


def test_a_cut_box_gives_way_to_the_whole_one_however_sure_it_is() -> None:
    boxes = np.array([[0, 0, 4, 10], [0, 0, 20, 10], [30, 0, 34, 10.0]])
    found = Objects(
        boxes, np.array([0.9, 0.4, 0.5]), np.ones(3, int), np.array([True, False, True])
    )
    assert merged(found).tolist() == [1, 2]
    assert merged(found._replace(labels=np.array([1, 2, 1]))).tolist() == [1, 0, 2]


@pytest.mark.parametrize(("threshold", "boxes"), [(None, 1), (0.89, 1), (0.91, 0)])
def test_boxes_below_the_threshold_do_not_count(
    knowing: Callable[..., Trained],
    write_image: Callable[..., Path],
    threshold: float | None,
    boxes: int,
) -> None:
    """The model of these tests gives every box the score 0.9."""
    trained = knowing("detection")
    with open_image(write_image(40, 40, [(3, 5, 10, 12)]), trained.data) as image:
        rows = object_rows(image, trained.data, trained.find, 4, threshold)
        found = sum(len(row.objects.scores) for row in rows)
    assert found == boxes


def test_what_is_found_where_there_is_no_data_is_left_out(
    knowing: Callable[..., Trained], write_image: Callable[..., Path]
) -> None:
    """Dark is declared to be nodata; a model that sees an object in each corner of a tile."""
    corners = torch.tensor([[0.0, 0, 8, 8], [24, 24, 32, 32]])
    one = {"boxes": corners, "scores": torch.ones(2), "labels": torch.ones(2, dtype=torch.int64)}
    trained = knowing("detection")
    file = write_image(32, 32, [(16, 16, 32, 32)], nodata=DARK)
    with open_image(file, trained.data) as image:
        rows = list(object_rows(image, trained.data, lambda images: [one] * len(images), batch=5))
    assert np.concatenate([row.objects.boxes for row in rows]).tolist() == [[24, 24, 32, 32]]
