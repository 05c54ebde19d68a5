"""A small Landslide4Sense tree that many tests read, and the means to write odd ones."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import h5py
import numpy as np
import pytest
import shapely

from datasets import DATASETS, Division, Item, Labelled, Listing, Prepared, Tiling, prepare
from datasets.samples import landslide4sense as synthetic
from datasets.source import Label
from datasets.tiling import clip_boxes, clip_footprints, windows


class StoredSource:
    """A data set of NumPy files, one an item, that can hold whatever a source may give."""

    name = "stored"
    title = "Stored"
    bands: tuple[str, ...] = ("red", "green", "blue")
    rgb = (0, 1, 2)
    tiled = True

    def __init__(self, *labels: Label) -> None:
        self.labels: frozenset[Label] = frozenset(labels)

    def find(self, root: Path, tiling: Tiling | None) -> Listing:
        """Files {split}_{number}.npz of 64 × 64 pixels and three classes."""
        splits: dict[str, tuple[Item, ...]] = {}
        for split in ("train", "val", "test"):
            files = sorted(root.glob(f"{split}_*.npz"))
            whole = [Item(file.stem, file, file, file.stem) for file in files]
            tiles = windows(64, 64, tiling) if tiling else []
            splits[split] = tuple(
                replace(item, name=f"{item.name}_{tile.x}_{tile.y}", window=tile)
                for item in whole
                for tile in tiles
            ) or tuple(whole)
        return Listing("stored", ("house", "tree", "car"), splits, ("a note",))

    def read(self, item: Item, classes: tuple[str, ...]) -> Labelled:
        """What `write` was given, within the item's window."""
        assert len(classes) == 3
        x, y, width, height = item.window or (0, 0, 64, 64)
        part = np.s_[..., y : y + height, x : x + width]
        with np.load(item.image) as stored:
            boxes, labels, outlines = None, None, None
            if "boxes" in stored:
                boxes, labels = stored["boxes"], stored["labels"]
                if item.window:
                    boxes, labels = clip_boxes(boxes, labels, item.window)
            if "footprints" in stored:
                outlines = tuple(shapely.from_wkt(stored["footprints"]))
                if item.window:
                    outlines = clip_footprints(outlines, item.window)
            mask = stored["mask"][part] if "mask" in stored else None
            return Labelled(stored["image"][part], mask, boxes, labels, outlines)

    def write_sample(self, root: Path, seed: int) -> None:
        """Three items a split at random, with all labels that this source has."""
        rng = np.random.default_rng(seed)
        for split in ("train", "val", "test"):
            for number in range(3):
                self.write(root, f"{split}_{number}", rng.integers(1, 200, (3, 64, 64), np.uint8))

    def write(self, root: Path, stem: str, image: np.ndarray, **other: object) -> None:
        """Write an item; of what is not given, a mask, boxes and footprints of two houses."""
        mask = np.zeros((64, 64), dtype=np.uint8)
        mask[10:20, 30:50] = 1
        mask[40:60, 4:10] = 1
        labels = {
            "masks": {"mask": mask},
            "boxes": {
                "boxes": np.array([[30, 10, 50, 20], [4, 40, 10, 60]], dtype=np.float32),
                "labels": np.array([1, 3]),
            },
            "footprints": {
                "footprints": [shapely.box(30, 10, 50, 20).wkt, shapely.box(4, 40, 10, 60).wkt]
            },
        }
        content = {key: value for kind in self.labels for key, value in labels[kind].items()}
        np.savez(root / f"{stem}.npz", image=image, **{**content, **other})


WritePatch = Callable[..., None]


@pytest.fixture(scope="session")
def hub_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sample of 12 + 4 + 4 patches. Shared: copy it before changing anything."""
    root = tmp_path_factory.mktemp("hub")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(synthetic, "PATCHES", {"train": 12, "validation": 4, "test": 4})
        synthetic.write(root, seed=1)
    return root


@pytest.fixture
def write_patch() -> WritePatch:
    """Write one image and its mask into a hub tree; None leaves either out."""

    def write(
        root: Path, split: str, number: int, image: np.ndarray | None, mask: np.ndarray | None
    ) -> None:
        for folder, stem, key, array in (
            ("images", "image", "img", image),
            ("annotations", "mask", "mask", mask),
        ):
            file = root / folder / split / f"{stem}_{number}.h5"
            file.parent.mkdir(parents=True, exist_ok=True)
            if array is not None:
                with h5py.File(file, "w") as stored:
                    stored[key] = array

    return write


@pytest.fixture
def prepare_stored(tmp_path: Path) -> Callable[..., Prepared]:
    """`prepare` at the stored size with a cache of the test's own: call it with source and root."""
    return partial(
        prepare,
        bands=(0, 1, 2),
        image_size=64,
        min_area=1,
        tiling=None,
        ignore_index=255,
        stretch=None,
        division=Division(0.25, 0.25),
        leaks="allow",
        skip_bad=False,
        cache=tmp_path / "cache",
    )


@pytest.fixture
def stored_source() -> type[StoredSource]:
    """A source of NumPy files: call it with the labels that it shall have."""
    return StoredSource


@pytest.fixture
def prepare_rgb(tmp_path: Path) -> Callable[..., Prepared]:
    """`prepare` with small defaults and a cache of the test's own: call it with a root."""
    return partial(
        prepare,
        DATASETS["landslide4sense"],
        bands=(3, 2, 1),
        image_size=64,
        min_area=4,
        tiling=None,
        ignore_index=255,
        stretch=None,
        division=Division(0.25, 0.25),
        leaks="allow",
        skip_bad=False,
        cache=tmp_path / "cache",
    )
