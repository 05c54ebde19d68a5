"""Our average precision is COCO's: checked against pycocotools, and by hand."""

import pytest
import torch

from models.metrics.average_precision import average_precision
from tests.coco_reference import by_pycocotools, random_pairs, random_truths


def test_agrees_with_pycocotools() -> None:
    pairs = random_pairs(random_truths(0, images=8, classes=2), 0)
    assert any(not len(truth["labels"]) for _, truth in pairs)
    predictions, truths = (
        [{name: torch.from_numpy(values) for name, values in image.items()} for image in images]
        for images in zip(*pairs, strict=True)
    )
    ours = average_precision(predictions, truths)
    assert ours == pytest.approx(by_pycocotools(pairs, classes=2), abs=1e-5)


def test_by_hand() -> None:
    """Two objects, the surer prediction right, the other wrong: precision 1 up to recall 1/2."""
    truth = {
        "boxes": torch.tensor([[0.0, 0, 10, 10], [50, 50, 60, 60]]),
        "labels": torch.ones(2).long(),
    }
    found = {
        "boxes": torch.tensor([[0.0, 0, 10, 10], [80, 0, 90, 10]]),
        "labels": torch.ones(2).long(),
        "scores": torch.tensor([0.9, 0.8]),
    }
    scores = average_precision([found], [truth])
    assert scores["AP50"] == pytest.approx(51 / 101, abs=1e-6)  # 51 of COCO's 101 recall levels
    assert scores["AR100"] == pytest.approx(0.5)


def test_without_any_object_it_is_not_defined() -> None:
    empty = {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0).long()}
    with pytest.raises(ValueError, match="holds no object"):
        average_precision([empty | {"scores": torch.zeros(0)}], [empty])
