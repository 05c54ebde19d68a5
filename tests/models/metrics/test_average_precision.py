"""Average precision is COCO's: by hand, and against pycocotools, resampled or not."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from models.metrics import average_precision as module
from models.metrics.average_precision import METRICS, average_precision, box_scores
from models.metrics.matching import box_matches, mask_overlaps
from runs.tallies import BoxTally
from tests.coco_reference import (
    Pair,
    by_pycocotools,
    random_pairs,
    random_truths,
    with_masks,
)


def tally_of(pairs: list[Pair], classes: int) -> BoxTally:
    return box_matches([str(number) for number in range(len(pairs))], pairs, classes)


seeds, images, classes = st.integers(0, 10**6), st.integers(1, 9), st.integers(1, 3)


@settings(max_examples=15, deadline=None)
@given(seed=seeds, images=images, classes=classes)
def test_agrees_with_pycocotools(seed: int, images: int, classes: int) -> None:
    pairs = random_pairs(random_truths(seed, images, classes), seed)
    assume(any(len(truth["labels"]) for _, truth in pairs))
    ours = average_precision(tally_of(pairs, classes))
    assert ours == pytest.approx(by_pycocotools(pairs, classes), abs=1e-9)


@settings(max_examples=10, deadline=None)
@given(seed=seeds, images=images, classes=classes)
def test_masks_agree_with_pycocotools(seed: int, images: int, classes: int) -> None:
    pairs = with_masks(random_pairs(random_truths(seed, images, classes), seed, error=1), seed)
    assume(any(len(truth["labels"]) for _, truth in pairs))
    iou = [mask_overlaps(found["masks"], truth["masks"]) for found, truth in pairs]
    tally = box_matches([str(number) for number in range(images)], pairs, classes, iou)
    expected = by_pycocotools(pairs, classes, "segm")
    ours = average_precision(tally)
    assert {name: ours[f"mask_{name}"] for name in ("AP", "AP50")} == pytest.approx(
        {name: expected[name] for name in ("AP", "AP50")}, abs=1e-9
    )
    of_boxes = by_pycocotools(pairs, classes)
    assert {name: ours[name] for name in METRICS} == pytest.approx(of_boxes, abs=1e-9)


@settings(max_examples=10, deadline=None)
@given(seed=seeds, images=images, classes=classes)
def test_weights_are_copies_of_images(seed: int, images: int, classes: int) -> None:
    pairs = random_pairs(random_truths(seed, images, classes), seed)
    weights = np.random.default_rng(seed).multinomial(images, [1 / images] * images, 2)
    tally = tally_of(pairs, classes)
    for resample, row in enumerate(weights):
        drawn = [pair for pair, times in zip(pairs, row, strict=True) for _ in range(times)]
        ours = {
            name: box_scores(tally, name, weights.astype(np.int32))[resample] for name in METRICS
        }
        ours = {name: np.nan_to_num(score, nan=-1) for name, score in ours.items()}
        assert ours == pytest.approx(by_pycocotools(drawn, classes), abs=1e-9)


def test_agrees_where_levels_of_recall_are_met_exactly() -> None:
    """20 truths: rounding would show."""
    pairs = random_pairs(random_truths(5, 6, 1), 5)
    assert sum(len(truth["labels"]) for _, truth in pairs) == 20
    ours = average_precision(tally_of(pairs, 1))
    assert ours == pytest.approx(by_pycocotools(pairs, 1), abs=1e-9)


def test_by_hand() -> None:
    """Two objects, the first prediction right, the second wrong: precision 1 up to recall 1/2."""
    truth = {
        "boxes": np.array([[0.0, 0, 10, 10], [50, 50, 60, 60]]),
        "labels": np.ones(2, int),
    }
    found = {
        "boxes": np.array([[0.0, 0, 10, 10], [80, 0, 90, 10]]),
        "labels": np.ones(2, int),
        "scores": np.array([0.9, 0.8]),
    }
    scores = average_precision(tally_of([(found, truth)], 1))
    assert scores["AP50"] == pytest.approx(51 / 101)  # 51 of COCO's 101 recall levels
    assert scores["AR100"] == pytest.approx(0.5)


def test_without_any_object_it_is_not_defined() -> None:
    empty = {"boxes": np.zeros((0, 4)), "labels": np.zeros(0, int), "scores": np.zeros(0)}
    with pytest.raises(ValueError, match="holds no object"):
        average_precision(tally_of([(empty, empty)], 1))


def test_level_of_recall_that_is_met_exactly_counts() -> None:
    """Of 20 truths 5 are found: the first 26 of 101 levels of recall are reached."""
    tally = BoxTally(
        names=np.array(["a"]),
        truths=np.array([[20]]),
        image=np.zeros(5, np.int64),
        label=np.ones(5, np.int64),
        score=np.linspace(1, 0.5, 5, dtype=np.float32),
        matched=np.ones((5, 10), bool),
    )
    scores = average_precision(tally)
    assert scores["AP"] == pytest.approx(26 / 101)
    assert scores["AR100"] == pytest.approx(5 / 20)


def test_scores_of_resamples_do_not_depend_on_the_size_of_chunks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tally = tally_of(random_pairs(random_truths(0, 9, 2), 0), 2)
    weights = np.random.default_rng(0).integers(0, 3, (11, 9)).astype(np.int32)
    whole = box_scores(tally, "AP", weights)
    monkeypatch.setattr(module, "_CELLS", 60)
    np.testing.assert_array_equal(box_scores(tally, "AP", weights), whole)


def test_resample_without_any_truth_is_not_scored() -> None:
    pairs = random_pairs(random_truths(3, 5, 1), 3)
    bare = np.array([[len(truth["labels"]) == 0 for _, truth in pairs]], np.int32)
    assert bare.any()
    assert np.isnan(box_scores(tally_of(pairs, 1), "AP50", bare)).all()
