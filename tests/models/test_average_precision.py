"""Our average precision is COCO's: checked against pycocotools, and by hand."""

import contextlib
import io

import numpy as np
import pytest
import torch
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from torch import Tensor

from models.average_precision import average_precision

Image = dict[str, Tensor]


def by_pycocotools(predictions: list[Image], truths: list[Image]) -> dict[str, float]:
    """AP, AP50, AP75 and AR100 from the reference implementation."""

    def xywh(box: Tensor) -> list[float]:
        x0, y0, x1, y1 = box.tolist()
        return [x0, y0, x1 - x0, y1 - y0]

    annotations = [
        {
            "image_id": image,
            "category_id": int(label),
            "bbox": xywh(box),
            "area": float((box[2] - box[0]) * (box[3] - box[1])),
            "iscrowd": 0,
        }
        for image, truth in enumerate(truths)
        for box, label in zip(truth["boxes"], truth["labels"], strict=True)
    ]
    results = [
        {"image_id": i, "category_id": int(label), "bbox": xywh(box), "score": float(score)}
        for i, p in enumerate(predictions)
        for box, label, score in zip(p["boxes"], p["labels"], p["scores"], strict=True)
    ]
    truth = COCO()
    truth.dataset = {
        "info": {},
        "images": [{"id": i} for i in range(len(truths))],
        "categories": [{"id": i} for i in (1, 2)],
        "annotations": [{"id": i, **a} for i, a in enumerate(annotations, start=1)],
    }
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(results), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    stats = evaluation.stats
    return {"AP": stats[0], "AP50": stats[1], "AP75": stats[2], "AR100": stats[8]}


def random_boxes(rng: np.random.Generator, count: int) -> Tensor:
    corner = rng.uniform(0, 80, (count, 2))
    return torch.tensor(np.hstack([corner, corner + rng.uniform(5, 40, (count, 2))])).float()


def test_agrees_with_pycocotools() -> None:
    rng = np.random.default_rng(0)
    truths, predictions = [], []
    for count in (3, 0, 5, 1, 2):  # an image without objects among them
        boxes = random_boxes(rng, count)
        labels = torch.tensor(rng.integers(1, 3, count))
        truths.append({"boxes": boxes, "labels": labels})
        moved = boxes + torch.tensor(rng.normal(0, 3, boxes.shape)).float()
        false = random_boxes(rng, 2)
        predictions.append(
            {
                "boxes": torch.cat([moved, false]),
                "labels": torch.cat([labels, torch.tensor([1, 2])]),
                "scores": torch.tensor(rng.uniform(0, 1, count + 2)).float(),
            }
        )
    ours = average_precision(predictions, truths)
    assert ours == pytest.approx(by_pycocotools(predictions, truths), abs=1e-5)


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
