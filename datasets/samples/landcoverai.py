"""A synthetic LandCover.ai: orthophotos of countryside, and lists that split them by tile."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.transform import from_origin

from datasets.samples.town import TEMPERATE, make_town

# name, rows and columns of pixels, metres a pixel; each has 16 whole tiles and partial ones
ORTHOPHOTOS = (
    ("M-33-20-D-c-4-2", (2100, 2080), 0.25),
    ("M-34-6-A-d-2-2", (2080, 2100), 0.25),
    ("M-34-51-C-d-4-1", (2060, 2090), 0.25),
    ("N-33-60-D-c-4-2", (2096, 2064), 0.5),
    ("N-34-97-C-b-1-2", (2070, 2110), 0.5),
)
TILE = 512
SHARES = {"train": 0.6, "val": 0.15, "test": 0.25}  # 20 tiles to test on: fewer have no interval
COUNTRYSIDE = replace(
    TEMPERATE,
    streets=replace(TEMPERATE.streets, block=340, avenue=6, street=3.5, gap=(10, 50)),
    built=0.35,
    woods=0.42,
    waters=0.08,
    trees=6,
    noise=0.008,
)


def write(root: Path, seed: int) -> None:
    """Write images/*.tif, masks/*.tif and {train,val,test}.txt."""
    (root / "images").mkdir(parents=True)
    (root / "masks").mkdir()
    for index, (stem, (height, width), pixel) in enumerate(ORTHOPHOTOS):
        rng = np.random.default_rng([seed, index])
        town = make_town(rng, max(height, width), COUNTRYSIDE, pixel)
        image = np.round(town.image[:, :height, :width] * 255).astype(np.uint8)
        mask = town.classes[None, :height, :width]
        west, north = 300_000.0 + 40_000 * index, 500_000.0 - 30_000 * index
        place = from_origin(west, north, pixel, pixel)
        _write_raster(root / "images" / f"{stem}.tif", image, place)
        _write_raster(root / "masks" / f"{stem}.tif", mask, place)
    for split, names in split_names(np.random.default_rng(seed), tile_names()).items():
        (root / f"{split}.txt").write_text("".join(f"{name}\n" for name in names))


def tile_names() -> list[str]:
    """Official names of the whole tiles of all `ORTHOPHOTOS`."""
    return [
        f"{stem}_{row * -(-width // TILE) + column}"
        for stem, (height, width), _ in ORTHOPHOTOS
        for row in range(height // TILE)
        for column in range(width // TILE)
    ]


def split_names(rng: np.random.Generator, names: list[str]) -> dict[str, list[str]]:
    """The official lists divide shuffled tiles, whatever orthophoto they are of."""
    shuffled = rng.permutation(names).tolist()
    edges = np.round(np.cumsum([0, *SHARES.values()]) * len(names)).astype(int)
    return {
        split: shuffled[start:end]
        for split, start, end in zip(SHARES, edges[:-1], edges[1:], strict=True)
    }


def _write_raster(file: Path, pixels: NDArray[np.uint8], place: Affine) -> None:
    with rasterio.open(
        file,
        "w",
        driver="GTiff",
        count=len(pixels),
        height=pixels.shape[1],
        width=pixels.shape[2],
        dtype="uint8",
        crs="EPSG:2180",
        transform=place,
        tiled=True,
        blockxsize=256,
        blockysize=256,
        compress="deflate",
        zlevel=1,
        interleave="pixel",
    ) as raster:
        raster.write(pixels)
