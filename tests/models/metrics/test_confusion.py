"""Confusion counts and metrics, against counting pixel by pixel and against torchmetrics."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from torch import Tensor
from torchmetrics.functional import classification

from datasets.source import IGNORE
from models.metrics.confusion import pixel_scores, scores
from models.tasks.pixel_counts import confusion

NAMES = ("building", "wood", "water")
SIZE = len(NAMES) + 1

truths = arrays(np.uint8, (2, 4, 5), elements=st.sampled_from([0, 1, 2, 3, IGNORE]))
predictions = arrays(np.uint8, (2, 4, 5), elements=st.integers(0, 3))


def counted(truth: Tensor, found: Tensor, classes: int) -> NDArray[np.int64]:
    return confusion(truth, found, classes).numpy()


def by_pixels(truth: np.ndarray, found: np.ndarray) -> dict[str, float]:
    """Every metric by counting pixels; classes that do not occur have none."""
    pairs = [(t, f) for t, f in zip(truth.flat, found.flat, strict=True) if t != IGNORE]
    result: dict[str, float] = {}
    for label, name in enumerate(("background", *NAMES)):
        both = sum(t == label and f == label for t, f in pairs)
        true, said = sum(t == label for t, _ in pairs), sum(f == label for _, f in pairs)
        if true + said:
            precision, recall = both / said if said else 0, both / true if true else 0
            total = precision + recall
            result[f"IoU/{name}"] = both / sum(label in pair for pair in pairs)
            result[f"precision/{name}"] = precision
            result[f"recall/{name}"] = recall
            result[f"F1/{name}"] = 2 * precision * recall / total if total else 0
    for kind, mean in {
        "IoU": "mIoU",
        "precision": "precision",
        "recall": "recall",
        "F1": "F1",
    }.items():
        of_classes = [value for key, value in result.items() if key.startswith(f"{kind}/")]
        result[mean] = sum(of_classes) / len(of_classes)
    result["accuracy"] = sum(t == f for t, f in pairs) / len(pairs)
    return result


@given(truths.filter(lambda truth: bool((truth != IGNORE).any())), predictions)
def test_agrees_with_counting_pixel_by_pixel(truth: np.ndarray, found: np.ndarray) -> None:
    counts = counted(torch.from_numpy(truth), torch.from_numpy(found), SIZE)
    assert scores(counts, NAMES) == pytest.approx(by_pixels(truth, found))


def random_masks(seed: int) -> tuple[Tensor, Tensor]:
    rng = np.random.default_rng(seed)
    truth = rng.choice([0, 1, 3, IGNORE], (2, 16, 16), p=[0.6, 0.2, 0.1, 0.1])  # no class 2
    found = np.where(rng.random(truth.shape) < 0.7, truth % IGNORE, 0)
    return torch.from_numpy(truth), torch.from_numpy(found)


def test_agrees_with_torchmetrics() -> None:
    truth, found = random_masks(0)
    ours = scores(counted(truth, found, SIZE), NAMES)
    for name, theirs in {
        "mIoU": classification.multiclass_jaccard_index,
        "precision": classification.multiclass_precision,
        "recall": classification.multiclass_recall,
        "F1": classification.multiclass_f1_score,
    }.items():
        expected = theirs(found, truth, SIZE, average="macro", ignore_index=IGNORE)
        assert ours[name] == pytest.approx(expected.item(), abs=1e-6), name
    accuracy = classification.multiclass_accuracy(
        found, truth, SIZE, average="micro", ignore_index=IGNORE
    )
    assert ours["accuracy"] == pytest.approx(accuracy.item(), abs=1e-6)


def test_a_class_that_does_not_occur_is_in_no_mean() -> None:
    truth, found = random_masks(2)
    four = scores(counted(truth, found, SIZE), NAMES)
    assert not {key for key in four if key.endswith("/wood")}
    truth[truth == 3], found[found == 3] = 2, 2
    three = scores(counted(truth, found, SIZE - 1), NAMES[:2])
    assert {key: four[key] for key in ("mIoU", "F1")} == {key: three[key] for key in ("mIoU", "F1")}


def test_a_class_that_is_only_predicted_counts_as_0() -> None:
    result = scores(counted(torch.tensor([0, 0]), torch.tensor([0, 1]), 2), ("building",))
    assert result["IoU/building"] == result["recall/building"] == 0
    assert result["mIoU"] == pytest.approx(0.25)


def test_without_a_labelled_pixel_nothing_is_defined() -> None:
    with pytest.raises(ValueError, match="no labelled pixel"):
        scores(counted(torch.tensor([IGNORE]), torch.tensor([0]), 2), ("building",))


def test_every_resample_is_scored_as_if_alone() -> None:
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 9, (2, 4, 3, 3))
    counts[0, 1, 2] = counts[0, 1, :, 2] = 0  # without water
    classes = ("background", "building", "water")
    together = pixel_scores(counts, classes)
    for at in np.ndindex(2, 4):
        for name, alone in pixel_scores(counts[at], classes).items():
            np.testing.assert_array_equal(together[name][at], alone)


def test_what_is_not_defined_is_nan_and_in_no_mean() -> None:
    counts = np.array([[[6, 2, 0], [1, 3, 0], [0, 0, 0]], np.zeros((3, 3))])
    result = pixel_scores(counts, ("background", "building", "water"))
    assert result["IoU/building"][0] == pytest.approx(3 / 6)
    assert result["mIoU"][0] == pytest.approx((6 / 9 + 3 / 6) / 2)
    assert result["accuracy"][0] == pytest.approx(9 / 12)
    assert np.isnan(result["IoU/water"]).all()
    assert all(np.isnan(values[1]) for values in result.values())
