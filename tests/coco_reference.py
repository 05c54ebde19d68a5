"""Random detections, and how COCO's own implementation scores them."""

import contextlib
import io
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as rle
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

Image = dict[str, NDArray]
Pair = tuple[Image, Image]

SIDE = 128
"""Of the images, px; boxes lie in 120 of them."""


def random_truths(seed: int, images: int, classes: int, most: int = 6) -> list[Image]:
    """Up to `most` boxes an image, so that some may have none."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, most + 1, images)
    return [
        {"boxes": _boxes(rng, count), "labels": rng.integers(1, classes + 1, count)}
        for count in counts
    ]


def random_pairs(truths: list[Image], seed: int, error: float = 2) -> list[Pair]:
    """With predictions: 8 of 10 truths, `error` px off a side, and 1 to 3 false ones."""
    rng = np.random.default_rng(seed)
    pairs = []
    for truth in truths:
        hit = rng.random(len(truth["labels"])) < 0.8
        false = int(rng.integers(1, 4))
        near = truth["boxes"][hit] + rng.normal(0, error, (hit.sum(), 4))
        near[:, 2:] = np.maximum(near[:, 2:], near[:, :2] + 1)
        labels = np.unique(np.append(truth["labels"], 1))
        prediction = {
            "boxes": np.concatenate([near, _boxes(rng, false)]).astype(np.float32),
            "labels": np.concatenate([truth["labels"][hit], rng.choice(labels, false)]),
            "scores": rng.random(hit.sum() + false).astype(np.float32),
        }
        pairs.append((prediction, truth))
    return pairs


def with_masks(pairs: list[Pair], seed: int) -> list[Pair]:
    """The same, with `masks` bool [M, SIDE, SIDE]: nine of ten pixels of each box, at random."""
    rng = np.random.default_rng(seed)

    def masked(image: Image) -> Image:
        places = np.arange(SIDE) + 0.5
        x0, y0, x1, y1 = image["boxes"].T[..., None]
        across, down = (x0 < places) & (places < x1), (y0 < places) & (places < y1)
        masks = across[:, None, :] & down[:, :, None]
        return {**image, "masks": masks & (rng.random(masks.shape) < 0.9)}

    return [(masked(found), masked(truth)) for found, truth in pairs]


def by_pycocotools(
    pairs: list[Pair], classes: int, overlap: Literal["bbox", "segm"] = "bbox"
) -> dict[str, float]:
    """AP, AP50, AP75 and AR100 from the reference implementation; −1 without any truth.

    Args:
        overlap: of boxes, or of masks, see `with_masks`.
    """
    annotations = [
        {"image_id": at, "category_id": int(label), **shape, "area": 1.0, "iscrowd": 0}
        for at, (_, truth) in enumerate(pairs)
        for shape, label in zip(_shapes(truth, overlap), truth["labels"], strict=True)
    ]
    results = [
        {"image_id": at, "category_id": int(label), **shape, "score": float(score)}
        for at, (found, _) in enumerate(pairs)
        for shape, label, score in zip(
            _shapes(found, overlap), found["labels"], found["scores"], strict=True
        )
    ]
    truth = COCO()
    truth.dataset = {
        "info": {},
        "images": [{"id": at, "height": SIDE, "width": SIDE} for at in range(len(pairs))],
        "categories": [{"id": label} for label in range(1, classes + 1)],
        "annotations": [{"id": i, **a} for i, a in enumerate(annotations, start=1)],
    }
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(results), overlap)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    stats = evaluation.stats
    return {"AP": stats[0], "AP50": stats[1], "AP75": stats[2], "AR100": stats[8]}


def _shapes(image: Image, overlap: str) -> list[dict[str, Any]]:
    if overlap == "bbox":
        return [{"bbox": _xywh(box)} for box in image["boxes"]]
    return [{"segmentation": rle.encode(np.asfortranarray(mask))} for mask in image["masks"]]


def _xywh(box: NDArray) -> list[float]:
    x0, y0, x1, y1 = box
    return [float(x0), float(y0), float(x1 - x0), float(y1 - y0)]


def _boxes(rng: np.random.Generator, count: int) -> NDArray[np.float32]:
    corner = rng.uniform(0, 80, (count, 2))
    return np.hstack([corner, corner + rng.uniform(8, 40, (count, 2))]).astype(np.float32)
