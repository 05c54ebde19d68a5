"""A synthetic EuroSAT: patches of four of its classes, in folders of classes.

The ground is made as that of Landslide4Sense's sample is. Forest and herbaceous vegetation are two
ends of one mixture, so that some patches lie between them; annual crops are fields with straight
edges on the same vegetation, bare or green; a river runs through any of the three. Brightness, haze
and the tint of each band differ from patch to patch: means of bands tell the class of half of them.
"""

from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.transform import from_origin
from scipy import ndimage
from scipy.special import expit

from datasets.samples.landslide4sense import FOREST, GRASS, HAZE, SOIL
from datasets.samples.terrain import Field, fractal, patch_coverage

CLASSES = ("AnnualCrop", "Forest", "HerbaceousVegetation", "River")
PATCHES = 48  # of each class
SIZE = 64
PIXEL = 10.0  # metres
TINT = 0.1  # deviation of the factor of a band
APART = 3  # patches from one to the next, in their own width

# Surface reflectance in B1 … B12.
WATER = np.array([6.0, 5.5, 5.5, 4.0, 3.5, 3.0, 2.8, 2.5, 2.0, 0.3, 1.2, 0.8]) / 100
CROP = np.array([3.0, 3.5, 7.0, 4.5, 11, 30, 36, 38, 39, 0.5, 20, 10]) / 100


def write(root: Path, seed: int) -> None:
    """Write CLASS/CLASS_N.tif, `PATCHES` of each of `CLASSES`."""
    for index, name in enumerate(CLASSES):
        (root / name).mkdir()
        for number in range(1, PATCHES + 1):
            rng = np.random.default_rng([seed, index, number])
            west = 500_000 + APART * SIZE * PIXEL * number
            north = 5_000_000 - APART * SIZE * PIXEL * index
            _write(root / name / f"{name}_{number}.tif", patch(rng, name), west, north)


def patch(rng: np.random.Generator, name: str) -> NDArray[np.uint16]:
    """One patch [13, 64, 64] of a class, reflectance × 10,000, bands in EuroSAT's order."""
    kind = name if name != "River" else str(rng.choice([one for one in CLASSES if one != "River"]))
    ground = _vegetation(rng, rng.uniform(0.0, 1.2) if kind == "Forest" else rng.uniform(-1.2, 0.3))
    if kind == "AnnualCrop":
        ground = _with_fields(rng, ground)
    if name == "River":
        ground = _lay(ground, WATER * rng.uniform(0.8, 1.3), _river(rng))
    texture = 1 + 0.08 * fractal(rng, SIZE, 0.6)
    light = rng.uniform(0.7, 1.25) * rng.normal(1, TINT, ground.shape[-1])
    ground = ground * texture[..., None] * light + HAZE * rng.uniform(0, 2)
    ground += rng.normal(0, 0.004, ground.shape)
    # Between B8 and B9 in wavelength, and stored last.
    bands = np.concatenate([ground, ground[..., 7:9].mean(axis=-1, keepdims=True)], axis=-1)
    return np.clip(np.round(bands * 1e4), 1, 1e4).astype(np.uint16).transpose(2, 0, 1)


def _vegetation(rng: np.random.Generator, forest: float) -> Field:
    """Reflectance [S, S, 12] of grass and trees; the more `forest`, the more trees."""
    trees = expit(3 * (fractal(rng, SIZE, 1.1) + forest))
    return _lay(np.broadcast_to(GRASS * rng.uniform(0.9, 1.1), (SIZE, SIZE, 12)), FOREST, trees)


def _with_fields(rng: np.random.Generator, ground: Field) -> Field:
    """Some fields, bare or green, all along one direction."""
    angle = rng.uniform(0, np.pi)
    warp = np.zeros((2, SIZE, SIZE))
    for _ in range(int(rng.integers(1, 4))):
        length = rng.uniform(18, 40)
        x, y = rng.uniform(0, SIZE, 2)
        outline = patch_coverage(
            warp,
            (float(x), float(y)),
            angle + np.pi / 2 * int(rng.integers(2)),
            length,
            length * rng.uniform(0.4, 0.8),
            roundness=8,
            flare=0,
            edge=0.5,
        )
        bare = rng.uniform(0, 0.6)
        ground = _lay(ground, (bare * SOIL + (1 - bare) * CROP) * rng.uniform(0.85, 1.1), outline)
    return ground


def _river(rng: np.random.Generator) -> Field:
    """Coverage [S, S] of a winding river from one side to the other, 1 to 5 pixels wide."""
    along = np.arange(SIZE)
    bends = ndimage.gaussian_filter1d(rng.normal(0, 60, SIZE), 10, mode="nearest")
    middle = SIZE / 2 + rng.uniform(-14, 14) + rng.uniform(-0.4, 0.4) * (along - SIZE / 2) + bends
    away = np.abs(np.arange(SIZE)[:, None] - middle)
    coverage: Field = expit(2 * (rng.uniform(0.5, 2.5) - away))
    return coverage if rng.random() < 0.5 else coverage.T


def _lay(below: Field, spectrum: Field, coverage: Field) -> Field:
    """Mix `spectrum` [12] over `below` [S, S, 12] by coverage [S, S]."""
    return below + (spectrum - below) * coverage[..., None]


def _write(file: Path, image: NDArray[np.uint16], west: float, north: float) -> None:
    with rasterio.open(
        file,
        "w",
        driver="GTiff",
        count=len(image),
        height=SIZE,
        width=SIZE,
        dtype="uint16",
        crs="EPSG:32632",
        transform=from_origin(west, north, PIXEL, PIXEL),
        compress="deflate",
        zlevel=1,
        interleave="pixel",
    ) as raster:
        raster.write(image)
