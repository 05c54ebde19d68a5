"""Confusion counts and metrics, against counting pixel by pixel and against torchmetrics."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import Tensor
from torchmetrics.functional import classification

from datasets.source import IGNORE
from models.metrics.confusion import confusion, scores

NAMES = ("building", "wood", "water")
SIZE = len(NAMES) + 1

truths = arrays(np.uint8, (2, 4, 5), elements=st.sampled_from([0, 1, 2, 3, IGNORE]))
predictions = arrays(np.uint8, (2, 4, 5), elements=st.integers(0, 3))


def by_pixels(truth: np.ndarray, found: np.ndarray) -> dict[str, float]:
    """Every metric by counting pixels; classes that do not occur have none."""
    pairs = [(t, f) for t, f in zip(truth.flat, found.flat, strict=True) if t != IGNORE]
    result: dict[str, float] = {}
    for place, name in enumerate(("background", *NAMES)):
        both = sum(t == place and f == place for t, f in pairs)
        true, said = sum(t == place for t, _ in pairs), sum(f == place for _, f in pairs)
        if true + said:
            precision, recall = both / said if said else 0, both / true if true else 0
            total = precision + recall
            result[f"IoU/{name}"] = both / sum(place in pair for pair in pairs)
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
    counts = confusion(torch.from_numpy(truth), torch.from_numpy(found), SIZE)
    assert scores(counts, NAMES) == pytest.approx(by_pixels(truth, found))


def random_masks(seed: int) -> tuple[Tensor, Tensor]:
    rng = np.random.default_rng(seed)
    truth = rng.choice([0, 1, 3, IGNORE], (2, 16, 16), p=[0.6, 0.2, 0.1, 0.1])  # no class 2
    found = np.where(rng.random(truth.shape) < 0.7, truth % IGNORE, 0)
    return torch.from_numpy(truth), torch.from_numpy(found)


def test_agrees_with_torchmetrics() -> None:
    truth, found = random_masks(0)
    ours = scores(confusion(truth, found, SIZE), NAMES)
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


def test_rows_are_truths_and_columns_what_was_found() -> None:
    counts = confusion(torch.tensor([0, 0, 1]), torch.tensor([1, 1, 0]), 2)
    assert counts.tolist() == [[0, 2], [1, 0]]


def test_counts_of_parts_add_up_to_those_of_the_whole() -> None:
    truth, found = random_masks(1)
    parts = sum(confusion(t, f, SIZE) for t, f in zip(truth, found, strict=True))
    assert torch.equal(confusion(truth, found, SIZE), torch.as_tensor(parts))


def test_a_class_that_is_nowhere_counts_neither_as_0_nor_as_1() -> None:
    truth, found = random_masks(2)
    four = scores(confusion(truth, found, SIZE), NAMES)
    assert not {key for key in four if key.endswith("/wood")}
    truth[truth == 3], found[found == 3] = 2, 2
    three = scores(confusion(truth, found, SIZE - 1), NAMES[:2])
    assert {key: four[key] for key in ("mIoU", "F1")} == {key: three[key] for key in ("mIoU", "F1")}


def test_a_class_that_is_only_predicted_counts_as_0() -> None:
    result = scores(confusion(torch.tensor([0, 0]), torch.tensor([0, 1]), 2), ("building",))
    assert result["IoU/building"] == result["recall/building"] == 0
    assert result["mIoU"] == pytest.approx(0.25)


def test_without_a_labelled_pixel_nothing_is_defined() -> None:
    with pytest.raises(ValueError, match="no labelled pixel"):
        scores(confusion(torch.tensor([IGNORE]), torch.tensor([0]), 2), ("building",))


def test_a_truth_that_is_no_class_is_refused() -> None:
    with pytest.raises(ValueError, match="class id 2, but there are only 0 to 1"):
        confusion(torch.tensor([0, 2]), torch.tensor([0, 0]), 2)
