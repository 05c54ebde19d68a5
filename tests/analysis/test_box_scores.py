"""Average precision from tallies is COCO's, of the test set and of what a bootstrap draws of it."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis import box_scores
from analysis.tallies import BoxTally
from models.metrics.average_precision import average_precision
from models.metrics.box_matches import box_matches
from tests.coco_reference import Pair, by_pycocotools, random_pairs, random_truths

METRICS = tuple(box_scores.METRICS)


def tally_of(pairs: list[Pair], classes: int) -> BoxTally:
    names = np.array([str(number) for number in range(len(pairs))])
    return BoxTally(names, **box_matches(pairs, classes))


seeds, images, classes = st.integers(0, 10**6), st.integers(1, 9), st.integers(1, 3)


@settings(max_examples=15, deadline=None)
@given(seed=seeds, images=images, classes=classes)
def test_agrees_with_pycocotools(seed: int, images: int, classes: int) -> None:
    pairs = random_pairs(random_truths(seed, images, classes), seed)
    tally = tally_of(pairs, classes)
    ours = {name: np.nan_to_num(tally.scores(name)[0], nan=-1) for name in METRICS}
    assert ours == pytest.approx(by_pycocotools(pairs, classes), abs=1e-9)


@settings(max_examples=10, deadline=None)
@given(seed=seeds, images=images, classes=classes)
def test_weights_are_copies_of_images(seed: int, images: int, classes: int) -> None:
    pairs = random_pairs(random_truths(seed, images, classes), seed)
    weights = np.random.default_rng(seed).multinomial(images, [1 / images] * images, 2)
    tally = tally_of(pairs, classes)
    for resample, row in enumerate(weights):
        drawn = [pair for pair, times in zip(pairs, row, strict=True) for _ in range(times)]
        ours = {name: tally.scores(name, weights.astype(np.int32))[resample] for name in METRICS}
        ours = {name: np.nan_to_num(score, nan=-1) for name, score in ours.items()}
        assert ours == pytest.approx(by_pycocotools(drawn, classes), abs=1e-9)


def test_agrees_with_the_score_that_a_trial_reports() -> None:
    """20 truths: levels of recall are met exactly, and rounding would show."""
    pairs = random_pairs(random_truths(5, 6, 1), 5)
    assert sum(len(truth["labels"]) for _, truth in pairs) == 20
    found, true = (
        [{key: torch.as_tensor(value) for key, value in pair[side].items()} for pair in pairs]
        for side in (0, 1)
    )
    tally = tally_of(pairs, 1)
    ours = {name: tally.scores(name)[0] for name in METRICS}
    assert ours == pytest.approx(average_precision(found, true), abs=1e-6)


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
    assert tally.scores("AP") == pytest.approx([26 / 101])
    assert tally.scores("AR100") == pytest.approx([5 / 20])


def test_resamples_are_scored_alike_in_chunks_of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    tally = tally_of(random_pairs(random_truths(0, 9, 2), 0), 2)
    weights = np.random.default_rng(0).integers(0, 3, (11, 9)).astype(np.int32)
    whole = tally.scores("AP", weights)
    monkeypatch.setattr(box_scores, "_CELLS", 60)
    np.testing.assert_array_equal(tally.scores("AP", weights), whole)


def test_resample_without_any_truth_is_not_scored() -> None:
    pairs = random_pairs(random_truths(3, 5, 1), 3)
    bare = np.array([[len(truth["labels"]) == 0 for _, truth in pairs]], np.int32)
    assert bare.any()
    assert np.isnan(tally_of(pairs, 1).scores("AP50", bare)).all()
