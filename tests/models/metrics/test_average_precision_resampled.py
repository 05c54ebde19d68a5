"""Average precision of resampled test images is COCO's, of the images that are drawn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.metrics import average_precision
from models.metrics.average_precision import METRICS, box_scores
from models.metrics.matching import box_matches
from runs.tallies import BoxTally
from tests.coco_reference import Pair, by_pycocotools, random_pairs, random_truths


def tally_of(pairs: list[Pair], classes: int) -> BoxTally:
    return box_matches([str(number) for number in range(len(pairs))], pairs, classes)


def score_of_all(tally: BoxTally, metric: str) -> float:
    return float(box_scores(tally, metric, np.ones((1, len(tally.names)), np.int32))[0])


seeds, images, classes = st.integers(0, 10**6), st.integers(1, 9), st.integers(1, 3)


@settings(max_examples=15, deadline=None)
@given(seed=seeds, images=images, classes=classes)
def test_agrees_with_pycocotools(seed: int, images: int, classes: int) -> None:
    pairs = random_pairs(random_truths(seed, images, classes), seed)
    tally = tally_of(pairs, classes)
    ours = {name: np.nan_to_num(score_of_all(tally, name), nan=-1) for name in METRICS}
    assert ours == pytest.approx(by_pycocotools(pairs, classes), abs=1e-9)


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


def test_agrees_with_the_score_that_a_trial_reports() -> None:
    """20 truths: levels of recall are met exactly, and rounding would show."""
    pairs = random_pairs(random_truths(5, 6, 1), 5)
    assert sum(len(truth["labels"]) for _, truth in pairs) == 20
    tally = tally_of(pairs, 1)
    ours = {name: score_of_all(tally, name) for name in METRICS}
    assert ours == pytest.approx(average_precision.average_precision(tally), abs=1e-6)
    assert ours == pytest.approx(by_pycocotools(pairs, 1), abs=1e-6)


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
    assert score_of_all(tally, "AP") == pytest.approx(26 / 101)
    assert score_of_all(tally, "AR100") == pytest.approx(5 / 20)


def test_resamples_are_scored_alike_in_chunks_of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    tally = tally_of(random_pairs(random_truths(0, 9, 2), 0), 2)
    weights = np.random.default_rng(0).integers(0, 3, (11, 9)).astype(np.int32)
    whole = box_scores(tally, "AP", weights)
    monkeypatch.setattr(average_precision, "_CELLS", 60)
    np.testing.assert_array_equal(box_scores(tally, "AP", weights), whole)


def test_resample_without_any_truth_is_not_scored() -> None:
    pairs = random_pairs(random_truths(3, 5, 1), 3)
    bare = np.array([[len(truth["labels"]) == 0 for _, truth in pairs]], np.int32)
    assert bare.any()
    assert np.isnan(box_scores(tally_of(pairs, 1), "AP50", bare)).all()
