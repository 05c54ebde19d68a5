"""Tiles of a scene are stitched as `predict` stitches them, and each pixel is counted once."""

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from datasets import open_split
from datasets.batches import batches
from datasets.cache import Split
from datasets.holes import packed_holes
from datasets.options import Dataset, prepare_dataset
from datasets.raster.tiles import padded_windows
from datasets.source import IGNORE, Tiling
from deploy.maps.classes import class_parts
from deploy.maps.images import open_array
from models.stitching import taper
from models.tasks.pixel_counts import confusion
from models.tasks.scenes import score_scenes
from models.tasks.segmentation import SEGMENTATION, score_segmenter
from runs.factory import run_record
from runs.tallies import PixelTally
from tests.own_rasters import NAMES, noise, squares, write

CPU = torch.device("cpu")
CLASSES = ("pond", "field")
VALUES = 4
Scene = tuple[NDArray[np.uint8], NDArray[np.uint8]]
"""Values 0 to 3 and ground truth [H, W]."""


class Undecided:
    """A model whose answer depends on where in the tile a pixel lies, so that tiles disagree."""

    def __init__(self, side: int) -> None:
        generator = torch.Generator().manual_seed(0)
        answers = torch.rand((VALUES, 3, side, side), generator=generator)
        self.answers = answers / answers.sum(dim=1, keepdim=True)

    def eval(self) -> None:
        pass

    def predict(self, images: Tensor) -> list[dict[str, Tensor]]:
        side = torch.arange(images.shape[-1])
        values = images[:, 0].round().long().clamp(0, VALUES - 1)
        found = self.answers[values, :, side[:, None], side].movedim(-1, 1)
        return [{"mask": p.argmax(dim=0), "probabilities": p} for p in found]


def scene(seed: int, height: int, width: int) -> Scene:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 3, (height, width), np.uint8)
    truth[rng.random(truth.shape) < 0.1] = IGNORE
    return rng.integers(0, VALUES, (height, width), np.uint8), truth


def everything(x: int, y: int) -> bool:
    return True


def cut(
    scenes: list[Scene], tiling: Tiling, kept: Callable[[int, int], bool] = everything
) -> Split:
    """The tiles of scenes in any order, padded beyond them, and neither stretched nor shifted.

    Args:
        kept: whether the tile at column x, row y is in the split.
    """
    tiles = []
    for number, one in enumerate(scenes):
        image, truth, valid = (
            np.pad(plane, (0, tiling.size), constant_values=fill)
            for plane, fill in ((one[0], 0), (one[1], IGNORE), (one[1] >= 0, False))
        )
        for window in padded_windows(*one[0].shape, tiling):
            x, y, width, height = window
            at = np.s_[y : y + height, x : x + width]
            if kept(x, y):
                tiles.append((number, window, image[at], truth[at], valid[at]))
    np.random.default_rng(0).shuffle(tiles)
    numbers, windows, images, truths, valid = zip(*tiles, strict=True)
    count = len(tiles)
    return Split(
        images=np.stack(images)[:, None],
        masks=np.stack(truths),
        boxes=np.empty((0, 4), np.float32),
        labels=np.empty(0, np.int64),
        offsets=np.zeros(count + 1, np.int64),
        sizes=np.full((count, 2), tiling.size),
        outlines=None,
        names=tuple(f"{number}_{at}" for at, number in enumerate(numbers)),
        scenes=tuple(map(str, numbers)),
        files=tuple(f"{number}.tif" for number in numbers),
        windows=np.array(windows),
        classes=CLASSES,
        stretch=None,
        mean=np.zeros(1, np.float32),
        std=np.ones(1, np.float32),
        holes=packed_holes(valid),
    )


def tally_of(split: Split) -> PixelTally:
    scored = score_scenes(Undecided(split.images.shape[-1]), split, 3, CPU)
    assert isinstance(scored.tally, PixelTally)
    return scored.tally


def expected(one: Scene, tiling: Tiling) -> NDArray[np.int64]:
    """The counts of a scene whose probabilities are held as a whole."""
    image, truth = one
    size, (height, width) = tiling.size, truth.shape
    padded = np.pad(image, ((0, size), (0, size)))
    sums = np.zeros((3, *padded.shape), np.float32)
    weights = torch.outer(taper(size), taper(size))
    for x, y, *_ in padded_windows(height, width, tiling):
        at = np.s_[y : y + size, x : x + size]
        shown = torch.from_numpy(padded[at].astype(np.float32))[None, None]
        sums[:, *at] += (Undecided(size).predict(shown)[0]["probabilities"] * weights).numpy()
    found = sums[:, :height, :width].argmax(axis=0)
    return confusion(torch.from_numpy(truth), torch.from_numpy(found), 3).numpy()


@given(
    sides=st.lists(st.tuples(st.integers(1, 50), st.integers(1, 50)), min_size=1, max_size=3),
    size=st.integers(8, 24),
    share=st.floats(0, 0.75),
)
@settings(max_examples=25, deadline=None)
def test_each_pixel_is_counted_once_by_the_mean_of_the_tiles_that_show_it(
    sides: list[tuple[int, int]], size: int, share: float
) -> None:
    tiling = Tiling(size, int(share * size))
    scenes = [scene(seed, *of) for seed, of in enumerate(sides)]
    scenes[0][1][0, 0] = 1  # one labelled pixel at least
    tally = tally_of(cut(scenes, tiling))
    for number, one in enumerate(scenes):
        own = [name.startswith(f"{number}_") for name in tally.names.tolist()]
        counts = tally.confusion[own].sum(axis=0)
        assert counts.sum() == (one[1] != IGNORE).sum()
        assert (counts == expected(one, tiling)).all()


def test_without_an_overlap_tiles_and_scenes_are_the_same() -> None:
    split = cut([scene(0, 50, 70), scene(1, 32, 16)], Tiling(16, 0))
    over_tiles = score_segmenter(Undecided(16), batches(split, 5), CPU, CLASSES)
    over_scenes = score_scenes(Undecided(16), split, 3, CPU)
    assert isinstance(over_tiles.tally, PixelTally)
    assert isinstance(over_scenes.tally, PixelTally)
    assert (over_scenes.tally.confusion == over_tiles.tally.confusion).all()
    assert (over_scenes.tally.names == over_tiles.tally.names).all()
    assert over_scenes.metrics == over_tiles.metrics


def test_a_part_of_a_scene_that_is_in_another_split_is_not_counted() -> None:
    """Two rows of tiles are left out, which leaves a gap, and one tile further down."""

    def kept(x: int, y: int) -> bool:
        return y not in (12, 24) and (x, y) != (12, 48)

    one, tiling = scene(0, 96, 48), Tiling(16, 4)
    shown = np.zeros((96 + 16, 48 + 16), np.bool_)
    for x, y, width, height in padded_windows(96, 48, tiling):
        shown[y : y + height, x : x + width] |= kept(x, y)
    labelled = one[1] != IGNORE
    tally = tally_of(cut([one], tiling, kept))
    assert tally.confusion.sum() == (shown[:96, :48] & labelled).sum() < labelled.sum()


def test_what_is_counted_is_the_map_that_predict_makes() -> None:
    """Tiles of 64 px that overlap by 16, as those of `predict`."""
    image, truth = scene(0, 160, 208)
    split = cut([(image, truth)], Tiling(64, 16))
    data = {"classes": list(CLASSES), "bands": ["grey"], "image_size": 64, "window": [64, 64]}
    values = {"dtype": "uint8", "mean": [1.5], "std": [1.1], "stretch": None}
    record = run_record([], task="segmentation", data={**data, **values}).data
    model, found = Undecided(64), np.zeros_like(truth)
    with open_array(image[None], record, bands=(1,)) as opened:
        for (x, y, width, height), part in class_parts(
            opened,
            record,
            lambda tiles: model.predict(torch.from_numpy(tiles.astype(np.float32))),
            batch=2,
        ):
            found[y : y + height, x : x + width] = part
    counts = confusion(torch.from_numpy(truth), torch.from_numpy(found), 3).numpy()
    assert (tally_of(split).confusion.sum(axis=0) == counts).all()


def test_tiles_that_were_resized_are_counted_in_pixels_of_the_file(tmp_path: Path) -> None:
    """Own rasters with a collar of 30 rows without data, shown at half their size."""
    root = tmp_path / "mine"
    for number in range(3):
        pixels, mask = noise(number, 150, 170), squares(number, 150, 170)
        pixels[:, :30] = 0
        corner = (400_000 + 10_000 * number, 5_600_000)
        write(root / f"images/scene_{number}.tif", pixels, NAMES, corner, nodata=0)
        write(root / f"masks/scene_{number}.tif", mask, (), corner)
    options = {"name": "raster", "root": root, "tile": 64, "overlap": 16, "image_size": 32}
    options["splits"] = {"val": 0.3, "test": 0.3}
    prepared = prepare_dataset(Dataset.model_validate(options), tmp_path / "cache")
    tally = tally_of(open_split(prepared, "test"))
    assert tally.confusion.sum() == 120 * 170


def test_memory_does_not_grow_with_the_height_of_a_scene() -> None:
    peaks = []
    for height in (128, 1024):
        split = cut([scene(0, height, 64)], Tiling(32, 8))
        tracemalloc.start()
        tally_of(split)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.3 * peaks[0]


def test_footprints_are_no_metric_of_scenes() -> None:
    tiles = SEGMENTATION.metrics_on(CLASSES, {"masks", "footprints"})
    scenes = SEGMENTATION.metrics_on(CLASSES, {"masks", "footprints"}, whole_scenes=True)
    assert set(tiles) - set(scenes) == set(SEGMENTATION.footprint_metrics)
