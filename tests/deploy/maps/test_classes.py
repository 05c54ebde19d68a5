"""Tiles are blended to what the model says of each pixel: everywhere, once, and without seams."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import torch
from numpy.typing import NDArray

from datasets.source import IGNORE
from deploy.maps import classes
from deploy.maps.classes import class_parts
from deploy.maps.images import open_image
from deploy.maps.tiles import starts
from deploy.trained import Trained, open_trained

NOISE = np.random.default_rng(0).integers(0, 256, (3, 150, 130), np.uint8)


def write(file: Path, pixels: NDArray[Any], **profile: Any) -> Path:
    count, height, width = pixels.shape
    shape = {"count": count, "height": height, "width": width, "dtype": pixels.dtype}
    with rasterio.open(file, "w", "GTiff", **shape, **profile) as raster:
        raster.write(pixels)
    return file


def predicted(file: Path, trained: Trained) -> NDArray[np.uint8]:
    with open_image(file, trained.data) as image:
        found = np.full((image.height, image.width), 77, np.uint8)
        covered = np.zeros(found.shape, np.uint8)
        for (x, y, width, height), part in class_parts(image, trained.data, trained.find, batch=3):
            found[y : y + height, x : x + width] = part
            covered[y : y + height, x : x + width] += 1
    assert (covered == 1).all()
    return found


@pytest.mark.parametrize(
    ("height", "width"), [(150, 130), (32, 32), (33, 31), (7, 130), (150, 9), (1, 1)]
)
@pytest.mark.parametrize("held", [2**26, 1])
def test_every_pixel_has_the_class_that_the_model_gives_it(
    knowing: Callable[..., Trained],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    height: int,
    width: int,
    held: int,
) -> None:
    """Images larger and smaller than a tile, in one panel and in panels as narrow as can be."""
    monkeypatch.setattr(classes, "HELD_BYTES", held)
    pixels = NOISE[:, :height, :width]
    found = predicted(write(tmp_path / "noise.tif", pixels), knowing("segmentation"))
    assert (found == (pixels[0] > 100)).all()


def test_tiles_are_resized_as_in_training(knowing: Callable[..., Trained], tmp_path: Path) -> None:
    """A window of 64 × 96 px is shown at 32 × 32 px; a large object keeps its place and size."""
    pixels = np.zeros((3, 200, 300), np.uint8)
    pixels[:, 60:120, 90:240] = 255
    trained = knowing("segmentation", window=[64, 96])
    found = predicted(write(tmp_path / "large.tif", pixels), trained)
    edges = 3  # pixels of the file to one of the model
    assert (found[60 + edges : 120 - edges, 90 + edges : 240 - edges] == 1).all()
    assert (found == 1).sum() == pytest.approx(60 * 150, rel=0.05)


def test_no_data_in_gives_no_data_out_and_does_not_touch_its_neighbours(
    knowing: Callable[..., Trained], tmp_path: Path
) -> None:
    pixels = NOISE.astype(np.float32)
    pixels[:, 40:80, 50:] = -9999
    pixels[1, 100, 20] = np.nan
    file = write(tmp_path / "holes.tif", pixels, nodata=-9999)
    found = predicted(file, knowing("segmentation", dtype="float32"))
    without = np.zeros(found.shape, bool)
    without[40:80, 50:] = without[100, 20] = True
    assert (found[without] == IGNORE).all()
    assert (found == (NOISE[0] > 100))[~without].all()


@pytest.fixture
def smooth() -> NDArray[np.uint8]:
    """An image uint8 [3, 256, 256] whose details are larger than a pixel."""
    coarse = torch.from_numpy(NOISE[None, :, ::8, ::8].astype(np.float32))
    fine = torch.nn.functional.interpolate(coarse, (256, 256), mode="bicubic")
    return fine[0].clamp(0, 255).byte().numpy()


def changes_along(found: NDArray[np.uint8], borders: tuple[int, ...]) -> float:
    """How often the class changes across these columns, to how often it does elsewhere."""
    changes = (found[:, 1:] != found[:, :-1]).mean(axis=0)
    chosen = np.isin(np.arange(1, found.shape[1]), borders)
    return float(changes[chosen].mean() / changes[~chosen].mean())


def test_maps_of_a_network_show_no_seams_and_do_not_depend_on_where_tiles_lie(
    make_run: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    smooth: NDArray[np.uint8],
) -> None:
    """Tiles put side by side are to be seen: classes change along their borders as nowhere else.

    And with a part of the image, tiles lie elsewhere; a network, above all an untrained one, does
    not say the same of every pixel then, but of more than without blending.
    """
    run = make_run(image_size=64, window=[64, 64])
    run.add("000-test_resnet", 0.5)
    trained = open_trained(run.folder)
    whole = write(tmp_path / "whole.tif", smooth)
    part = write(tmp_path / "part.tif", smooth[:, 32:, 32:])

    def seams_and_differences() -> tuple[float, float]:
        found = predicted(whole, trained)
        moved = found[32:, 32:] != predicted(part, trained)
        borders = starts(256, 64, classes.OVERLAP)[1:]
        return changes_along(found, borders), float(moved[32:-32, 32:-32].mean())

    seams, differences = seams_and_differences()
    monkeypatch.setattr(classes, "OVERLAP", 0)
    seams_beside, differences_beside = seams_and_differences()
    assert seams < 0.2 * seams_beside
    assert differences < 0.5 * differences_beside
