"""What the plan says of labels that no model can be trained on, and of more than AP counts."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from datasets.options import Dataset, prepare_dataset
from sweeps.faults import SweepError
from sweeps.labels import beyond_limit, check_labels
from sweeps.schema import Sweep

MakeSweep = Callable[..., Sweep]


@pytest.fixture
def coco(tmp_path: Path) -> Callable[..., Path]:
    """Write nine images of 256 × 256 with so many objects of 12 px each; gives the root."""

    def write(objects: int, iscrowd: int = 0) -> Path:
        content: dict[str, Any] = {"categories": [{"id": 1, "name": "ship"}]}
        content["images"] = [
            {"id": image, "file_name": f"{image}.png", "width": 256, "height": 256}
            for image in range(9)
        ]
        content["annotations"] = [
            {
                "id": image * 1000 + number,
                "image_id": image,
                "category_id": 1,
                "bbox": [number % 12 * 20, number // 12 * 20, 12, 12],
                "iscrowd": iscrowd,
            }
            for image in range(9)
            for number in range(objects)
        ]
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "all.json").write_text(json.dumps(content))
        for image in range(9):
            pixels = np.random.default_rng(image).integers(0, 256, (256, 256, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "data" / f"{image}.png")
        return tmp_path / "data"

    return write


def test_more_objects_than_detections_are_said(
    make_sweep: MakeSweep, coco: Callable[..., Path], tmp_path: Path
) -> None:
    options = {"name": "coco", "root": coco(101), "image_size": 256}
    data = prepare_dataset(Dataset(**options), tmp_path / "cache")
    (note,) = beyond_limit(make_sweep(dataset=options), data)
    assert note.startswith("images with more than 100 objects: 1 of val and 1 of test")


@pytest.mark.parametrize(
    ("iscrowd", "remedy"), [(0, "lower dataset.min_area"), (1, "write iscrowd: 0 if they are")]
)
def test_the_remedy_is_the_one_that_helps(
    make_sweep: MakeSweep, coco: Callable[..., Path], tmp_path: Path, iscrowd: int, remedy: str
) -> None:
    options = {"name": "coco", "root": coco(3, iscrowd), "image_size": 256, "min_area": 200}
    data = prepare_dataset(Dataset(**options), tmp_path / "cache")
    with pytest.raises(SweepError, match=remedy):
        check_labels(make_sweep(dataset=options), data)


def test_masks_that_are_all_ignored_are_said_to_be(
    make_sweep: MakeSweep, tmp_path: Path, cache: Path
) -> None:
    options = {"name": "landslide4sense", "image_size": 32, "ignore_index": 1}
    data = prepare_dataset(Dataset(**options), cache)
    with pytest.raises(SweepError, match=r"only background and what is ignored \(1 and 255\)"):
        check_labels(make_sweep(dataset=options), data)
