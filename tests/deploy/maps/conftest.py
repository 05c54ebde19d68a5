"""Models that know the answer, and images at a place on Earth."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import torch
from rasterio import Affine
from torch import Tensor, nn

from datasets.boxes import mask_to_boxes
from deploy.trained import Trained, open_trained

BRIGHT = 200
DARK = 20


class Threshold(nn.Module):
    """A segmenter that calls bright pixels class 1."""

    def predict(self, images: Tensor) -> list[dict[str, Tensor]]:
        sure = 0.5 + 0.4 * images[:, :1].sign()
        rest = torch.full_like(sure, 0.05)
        return [{"probabilities": torch.cat(p)} for p in zip(1 - sure, sure, rest, strict=True)]


class Blobs(nn.Module):
    """A detector that finds the bright areas of each image, as it sees them."""

    def predict(self, images: Tensor) -> list[dict[str, Tensor]]:
        found = []
        for image in images:
            boxes, labels = mask_to_boxes((image[0] > 0).numpy().astype(np.uint8), min_area=1)
            scores = np.full(len(boxes), 0.9, np.float32)
            arrays = {"boxes": boxes, "labels": labels, "scores": scores}
            found.append({name: torch.from_numpy(array) for name, array in arrays.items()})
        return found


class Bright(nn.Module):
    """A classifier that gives images class 1 where a pixel is bright, and else class 2."""

    def predict(self, images: Tensor) -> list[dict[str, Tensor]]:
        bright = (images[:, 0] > 0).flatten(1).any(dim=1)
        classes = torch.stack([bright, ~bright], dim=1)
        return [{"classes": one, "confidences": 0.1 + 0.6 * one} for one in classes]


@pytest.fixture
def knowing(make_run: Callable[..., Any]) -> Callable[..., Trained]:
    """A trained model that calls the bright areas of uint8 images class 1: call it with a task."""

    def make(task: str, **data: Any) -> Trained:
        run = make_run(task, **data)
        run.add("000-test_resnet", 0.5)
        model: Any = {
            "segmentation": Threshold,
            "detection": Blobs,
            "classification": Bright,
        }[task]()
        return replace(open_trained(run.folder), model=model)

    return make


@pytest.fixture
def write_image(tmp_path: Path) -> Callable[..., Path]:
    """Write bright rectangles (x0, y0, x1, y1) on a dark image; gives the file."""

    def write(
        height: int,
        width: int,
        bright: list[tuple[int, int, int, int]],
        transform: Affine | None = None,
        crs: str | None = None,
        name: str = "scene.tif",
        **profile: Any,
    ) -> Path:
        pixels = np.full((3, height, width), DARK, np.uint8)
        for x0, y0, x1, y1 in bright:
            pixels[:, y0:y1, x0:x1] = BRIGHT
        profile = {"driver": "GTiff", "dtype": "uint8", "count": 3, "crs": crs, **profile}
        if transform is not None:
            profile["transform"] = transform
        file = tmp_path / name
        with rasterio.open(file, "w", height=height, width=width, **profile) as raster:
            raster.write(pixels)
        return file

    return write
