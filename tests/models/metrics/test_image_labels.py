"""F1, accuracy and average precision of whole images against torchmetrics, and their weights."""

import numpy as np
import pytest
import torch
from torchmetrics.functional.classification import (
    multiclass_accuracy,
    multiclass_average_precision,
    multiclass_f1_score,
    multilabel_average_precision,
    multilabel_exact_match,
    multilabel_f1_score,
)

from models.metrics.image_labels import METRICS, label_scores, scores
from runs.tallies import LabelTally

K = 4
NAMES = ("forest", "water", "crop", "town")


def names(count: int) -> np.ndarray:
    return np.array([f"image {number}" for number in range(count)])


def single(seed: int, count: int = 40) -> LabelTally:
    """One label an image; confidences of few values, so that many are equal."""
    rng = np.random.default_rng(seed)
    truths = np.eye(K, dtype=np.bool_)[rng.integers(K, size=count)]
    confidences = (rng.integers(1, 6, (count, K)) + 2 * truths).astype(np.float32)
    confidences /= confidences.sum(axis=1, keepdims=True)
    found = np.eye(K, dtype=np.bool_)[confidences.argmax(axis=1)]
    return LabelTally(names(count), truths, found, confidences)


def multi(seed: int, count: int = 40) -> LabelTally:
    rng = np.random.default_rng(seed)
    truths = rng.random((count, K)) < (0.5, 0.3, 0.2, 0.1)
    confidences = np.round(0.7 * rng.random((count, K)) + 0.3 * truths, 1).astype(np.float32)
    return LabelTally(names(count), truths, confidences >= 0.5, confidences)


@pytest.mark.parametrize("seed", range(3))
def test_of_single_labels_they_are_those_of_torchmetrics(seed: int) -> None:
    tally = single(seed)
    found, truths = torch.from_numpy(tally.confidences), torch.from_numpy(tally.truths).int()
    classes, chosen = truths.argmax(dim=1), torch.from_numpy(tally.found).int().argmax(dim=1)
    ours = scores(tally, NAMES)
    assert ours["accuracy"] == pytest.approx(
        float(multiclass_accuracy(chosen, classes, K, average="micro"))
    )
    assert ours["F1"] == pytest.approx(float(multiclass_f1_score(chosen, classes, K)))
    assert ours["mAP"] == pytest.approx(float(multiclass_average_precision(found, classes, K)))
    each = multiclass_average_precision(found, classes, K, average="none").tolist()
    assert [ours[f"AP/{name}"] for name in NAMES] == pytest.approx(each)


@pytest.mark.parametrize("seed", range(3))
def test_of_several_labels_they_are_those_of_torchmetrics(seed: int) -> None:
    tally = multi(seed)
    found, truths = torch.from_numpy(tally.confidences), torch.from_numpy(tally.truths).int()
    given = torch.from_numpy(tally.found).int()
    ours = scores(tally, NAMES)
    assert ours["accuracy"] == pytest.approx(float(multilabel_exact_match(given, truths, K)))
    each = multilabel_f1_score(given, truths, K, average="none").tolist()
    assert [ours[f"F1/{name}"] for name in NAMES] == pytest.approx(each)
    assert ours["F1"] == pytest.approx(np.mean(each))
    assert ours["mAP"] == pytest.approx(float(multilabel_average_precision(found, truths, K)))


@pytest.mark.parametrize("metric", [*METRICS, "F1/water", "AP/crop"])
def test_an_image_that_weighs_twice_is_one_that_is_there_twice(metric: str) -> None:
    tally, rng = multi(7), np.random.default_rng(0)
    weights = rng.integers(0, 3, (5, len(tally.names))).astype(np.int32)
    rows = [np.repeat(np.arange(len(tally.names)), weight) for weight in weights]
    repeated = [
        LabelTally(
            names(len(chosen)),
            *(tally.truths[chosen], tally.found[chosen], tally.confidences[chosen]),
        )
        for chosen in rows
    ]
    expected = [
        label_scores(one, metric, NAMES, np.ones((1, len(one.names)), np.int32))[0]
        for one in repeated
    ]
    assert label_scores(tally, metric, NAMES, weights) == pytest.approx(expected)


def test_a_class_that_is_neither_there_nor_found_has_no_metrics_and_is_in_no_mean() -> None:
    one = single(1)
    truths, found, confidences = one.truths.copy(), one.found.copy(), one.confidences
    for labels in (truths, found):
        labels[labels[:, 3]] = (True, False, False, False)
    ours = scores(LabelTally(one.names, truths, found, confidences), NAMES)
    assert "F1/town" not in ours
    assert "AP/town" not in ours
    assert ours["F1"] == pytest.approx(np.mean([ours[f"F1/{name}"] for name in NAMES[:3]]))
