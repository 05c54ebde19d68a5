"""Run directories with real models on georeferenced images: small, untrained, but whole."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import torch
from affine import Affine
from numpy.typing import NDArray
from safetensors.torch import save_file

import analysis
from datasets import DATASETS, Prepared, open_split, prepare
from models.architecture import ARCHITECTURE, architecture
from models.build import build_model
from models.model import Classes

UTM = Affine(0.5, 0, 600_000, 0, -0.5, 5_800_000)  # EPSG:32633
DEGREES = Affine.translation(32.52, 15.61) @ Affine.rotation(30) @ Affine.scale(2.7e-6, -2e-6)
SIZE = 64  # px of the decoded images
CONFIG: dict[str, Any] = {
    "backbone": "test_resnet",
    "pretraining": "scratch",
    "loss": "cross_entropy",
    "class_weights": "none",
    "label_smoothing": 0.0,
    "lr": 1e-3,
    "batch_size": 4,
    "epochs": 1,
    "seed": 0,
}
ARMS = (
    {"backbone": "test_resnet", "recipe": "plain"},
    {"backbone": "test_resnet", "recipe": "dice"},
)


def write_raster(file: Path, pixels: NDArray[np.uint8], **place: Any) -> None:
    count, height, width = pixels.shape
    file.parent.mkdir(parents=True, exist_ok=True)
    size = {"count": count, "height": height, "width": width, "dtype": "uint8"}
    with rasterio.open(file, "w", driver="GTiff", **size, **place) as raster:
        raster.write(pixels)


def prepared(name: str, root: Path, cache: Path, size: int = SIZE) -> Prepared:
    return prepare(
        DATASETS[name],
        root,
        bands=(0, 1, 2),
        image_size=size,
        min_area=1,
        tiling=None,
        ignore_index=255,
        stretch=None,
        split_fractions=(0.2, 0.2),
        split_seed=0,
        skip_bad=False,
        cache=cache,
    )


@pytest.fixture
def masks(tmp_path: Path) -> Prepared:
    """LandCover.ai in UTM: an orthophoto of 3 × 2 tiles, of which the last four are the test."""
    root, rng = tmp_path / "masks", np.random.default_rng(0)
    pixels = rng.integers(0, 255, (3, 1024, 1536), dtype=np.uint8)
    labels = np.zeros((1, 1024, 1536), np.uint8)
    labels[0, 200:400, 100:1400] = 1
    labels[0, 600:, :800] = 3
    for folder, values in (("images", pixels), ("masks", labels)):
        write_raster(root / folder / "one.tif", values, crs="EPSG:32633", transform=UTM)
    for split, numbers in (("train", (0,)), ("val", (1,)), ("test", (2, 3, 4, 5))):
        (root / f"{split}.txt").write_text("".join(f"one_{number}\n" for number in numbers))
    return prepared("landcoverai", root, tmp_path / "cache")


@pytest.fixture
def boxes(tmp_path: Path) -> Prepared:
    """COCO in degrees, turned by 30°: three test images of 100 × 80 with two houses each."""
    root, rng = tmp_path / "boxes", np.random.default_rng(0)
    for split, count in (("train", 1), ("val", 1), ("test", 3)):
        names = [f"{split}_{number}.tif" for number in range(count)]
        for name in names:
            pixels = rng.integers(0, 255, (3, 80, 100), dtype=np.uint8)
            write_raster(root / name, pixels, crs="EPSG:4326", transform=DEGREES)
        content = {
            "images": [
                {"id": number, "file_name": name, "width": 100, "height": 80}
                for number, name in enumerate(names)
            ],
            "categories": [{"id": 1, "name": "house"}, {"id": 2, "name": "barn"}],
            "annotations": [
                {"id": 2 * number + at, "image_id": number, "category_id": 1 + at, "bbox": box}
                for number in range(count)
                for at, box in enumerate(([10, 8, 20, 16], [50, 40, 30, 24]))
            ],
        }
        (root / "annotations").mkdir(exist_ok=True)
        (root / f"annotations/{split}.json").write_text(json.dumps(content))
    return prepared("coco", root, tmp_path / "cache")


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., analysis.Run]:
    """`make_run(data, tally)`: a run of two arms with a tested trial each, the first the better."""

    def make(data: Prepared, tally: dict[str, NDArray], tested: bool = True) -> analysis.Run:
        run = tmp_path / "run"
        write_run(run, data)
        names = open_split(data, "test").names
        for number, arm in enumerate(ARMS):
            folder = run / f"trials/{number:03d}-{arm['recipe']}"
            write_trial(folder, data, number)
            if tested:
                np.savez(folder / "test.npz", names=np.array(names), **tally)
        if tested:
            scores = {folder.name: {METRICS[task_of(data)]: 0.5} for folder in run.glob("trials/*")}
            (run / "test.json").write_text(json.dumps(scores))
        return analysis.load(run)

    return make


METRICS = {"segmentation": "mIoU", "detection": "AP50"}
HEADS = {"segmentation": "fpn", "detection": "faster_rcnn"}


def task_of(data: Prepared) -> str:
    return "segmentation" if "masks" in data.labels else "detection"


def write_run(run: Path, data: Prepared) -> None:
    train, metric = open_split(data, "train"), METRICS[task_of(data)]
    of_classes = [
        f"IoU/{name}" for name in ("background", *data.classes) if data.class_areas["train"]
    ]
    content = {
        "name": "small",
        "task": task_of(data),
        "metric": metric,
        "metrics": [metric, *of_classes],
        "sample": True,
        "seed": 0,
        "factors": ["backbone", "recipe"],
        "arms": ARMS,
        "skipped": [],
        "weights": {"test_resnet-plain": None, "test_resnet-dice": None},
        "started": "2026-01-02T03:04:05+00:00",
        "command": "python tune_main.py small.yaml",
        "versions": {},
        "git": None,
        "data": {
            "name": "landcoverai",
            "fingerprint": data.fingerprint,
            "counts": data.counts,
            "classes": data.classes,
            "labels": sorted(data.labels),
            "bands": data.bands,
            "rgb": data.rgb,
            "image_size": data.image_size,
            "window": [80, 100],
            "dtype": str(train.images.dtype),
            "stretch": None,
            "mean": train.mean.tolist(),
            "std": train.std.tolist(),
            "class_pixels": data.class_pixels["train"],
            "class_areas": data.class_areas["train"],
            "skipped_files": [],
            "cache": str(data.folder),
            "root": None,
        },
    }
    run.mkdir()
    (run / "run.json").write_text(json.dumps(content))


def write_trial(folder: Path, data: Prepared, number: int) -> None:
    task, score = task_of(data), 0.6 - 0.1 * number
    config = CONFIG | {"head": HEADS[task], "seed": number, "number": number}
    torch.manual_seed(number)
    classes = Classes(data.classes, data.class_pixels["train"], data.class_areas["train"])
    model = build_model(task, config, len(data.bands), data.image_size, classes)
    record = {
        "number": number,
        "name": folder.name,
        "arm": ARMS[number],
        "config": config,
        "tuned": ["lr"],
        "status": "done",
        "reason": None,
        "epochs": [{"epoch": 1, METRICS[task]: score, "seconds": 1.0}],
        "score": score,
        "best_epoch": 1,
        "seconds": 1.0,
    }
    folder.mkdir(parents=True)
    (folder / "trial.json").write_text(json.dumps(record))
    metadata = {"epoch": "1", ARCHITECTURE: architecture(model)}
    save_file(model.state_dict(), folder / "weights.safetensors", metadata=metadata)
