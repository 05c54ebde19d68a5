"""Run directories on georeferenced images, with tallies and predictions as a sweep leaves them."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from numpy.typing import NDArray

import analysis
from datasets import DATASETS, Division, Prepared, open_split, prepare
from runs.directory import RunDirectory
from runs.factory import trial_record, write_run
from runs.predictions import Found, write_predictions
from runs.records import TestRecord
from runs.tallies import BoxTally, PixelTally, write_tally

UTM = Affine(0.5, 0, 600_000, 0, -0.5, 5_800_000)  # EPSG:32633
DEGREES = Affine.translation(32.52, 15.61) @ Affine.rotation(30) @ Affine.scale(2.7e-6, -2e-6)
SIZE = 64  # px of the decoded images
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
        division=Division(0.2, 0.2),
        leaks="allow",
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


METRICS = {"segmentation": "mIoU", "detection": "AP50"}


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., analysis.Run]:
    """`make_run(data, counts)`: a run of two arms with a tested trial each, the first the better.

    Args:
        data: its images.
        counts: what the tallies of both trials hold, beside the names of the images.
        found: by both trials in each test image; by default `nothing`.
        names: of the images in the tallies, if they are not those of the data.
        tested: whether there are scores, tallies and predictions.
    """

    def make(
        data: Prepared,
        counts: dict[str, NDArray[Any]],
        found: Sequence[Found] | None = None,
        names: Sequence[str] | None = None,
        tested: bool = True,
    ) -> analysis.Run:
        directory = untested(tmp_path / "run", data)
        test, kind = open_split(data, "test"), PixelTally if "masks" in data.labels else BoxTally
        if kind is PixelTally:
            counts = {"footprints": None} | counts
        trials = directory.trials() if tested else []
        for trial in trials:
            tally = kind(names=np.array(names or test.names), **counts)
            write_tally(directory.tally_file(trial), tally)
            with write_predictions(directory.predictions_file(trial)) as predictions:
                predictions.add(test.names, found or [nothing(data)] * len(test))
        metric = directory.run().metric
        directory.write_test(TestRecord(scores={trial.name: {metric: 0.5} for trial in trials}))
        return analysis.load(directory.path)

    return make


def nothing(data: Prepared) -> Found:
    """What a model finds that finds nothing."""
    if "masks" in data.labels:
        return {"mask": np.zeros((data.image_size, data.image_size), np.uint8)}
    return {
        "boxes": np.zeros((0, 4), np.float32),
        "labels": np.zeros(0, np.int64),
        "scores": np.zeros(0, np.float32),
    }


def untested(folder: Path, data: Prepared) -> RunDirectory:
    """The run before its search has ended."""
    task = "segmentation" if "masks" in data.labels else "detection"
    metric = METRICS[task]
    trials = [
        trial_record(number, arm, 0.6 - 0.1 * number, metric=metric, name=f"{number:03d}-{name}")
        for number, (arm, name) in enumerate(zip(ARMS, ("plain", "dice"), strict=True))
    ]
    return write_run(
        folder,
        trials,
        name="small",
        task=task,
        metric=metric,
        metrics=[metric],
        sample=True,
        data={
            "name": "landcoverai",
            "cache": str(data.folder),
            "fingerprint": data.fingerprint,
            "counts": data.counts,
            "classes": data.classes,
            "labels": sorted(data.labels),
            "bands": data.bands,
            "rgb": data.rgb,
            "image_size": data.image_size,
        },
    )
