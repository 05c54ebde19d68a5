"""A synthetic Landslide4Sense in the hub layout.

Each patch is 1.28 km of made-up mountains: forest and grass under a low or high sun, valley floors
with fields, landslide scars on the steep slopes, clouds, sensor noise. Bare fields look like scars
in colour but lie on level ground, so that the slope band tells what red, green and blue cannot.
Reflectances lie between 0 and 1, slope is in degrees, elevation in metres.
"""

from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.special import expit

from datasets.samples.terrain import (
    Field,
    fractal,
    gradient,
    patch_coverage,
    slope_degrees,
    sunlight,
)

PATCHES = {"train": 64, "validation": 32, "test": 64}
WITHOUT_SCARS = 0.2  # share of the patches
SIZE = 128
PIXEL = 10.0  # metres
STEEP, LEVEL = 20.0, 8.0  # degrees: scars start above the one, fields lie below the other

# Surface reflectance in B1 … B12.
FOREST = np.array([2.5, 2.8, 4.8, 3.0, 7.5, 20, 25, 27, 28, 0.5, 14, 6.5]) / 100
GRASS = np.array([4.0, 4.8, 8.0, 6.5, 12, 24, 29, 31, 32, 0.5, 24, 13]) / 100
SOIL = np.array([8.0, 10.0, 13.5, 17.5, 21, 23, 25, 27, 28, 0.6, 36, 30]) / 100
CLOUD = np.array([48, 50, 50, 51, 52, 53, 54, 54, 50, 4.0, 40, 33]) / 100
HAZE = np.array([3.0, 2.2, 1.2, 0.7, 0.5, 0.3, 0.2, 0.2, 0.1, 0, 0, 0]) / 100


def write(root: Path, seed: int) -> None:
    """Write images/{split}/image_N.h5 and annotations/{split}/mask_N.h5 for all of `PATCHES`."""
    for split, count in PATCHES.items():
        for kind in ("images", "annotations"):
            (root / kind / split).mkdir(parents=True)
        for number in range(1, count + 1):
            write_patch(root, split, number, seed)


def write_patch(root: Path, split: str, number: int, seed: int) -> None:
    """Write patch `number` of a split, from 1, into the split's folders."""
    rng = np.random.default_rng([seed, list(PATCHES).index(split), number])
    scars = 0 if rng.random() < WITHOUT_SCARS else int(rng.integers(2, 5))
    image, mask = scene(rng, scars)
    _write_array(root / "images" / split / f"image_{number}.h5", "img", image)
    _write_array(root / "annotations" / split / f"mask_{number}.h5", "mask", mask)


def scene(rng: np.random.Generator, scars: int) -> tuple[Field, NDArray[np.uint8]]:
    """One patch: image float64 [128, 128, 14] and mask uint8 [128, 128] with `scars` landslides.

    Fewer where steep ground runs out; scars may touch.
    """
    elevation = _mountains(rng)
    slope = slope_degrees(elevation, PIXEL)
    scar = _scars(rng, elevation, slope, scars)
    field = _fields(rng, slope, int(rng.integers(0, 2)))
    ground = _vegetation(rng)
    ground = _lay(ground, SOIL * rng.uniform(0.85, 1.1), field)
    ground = _lay(ground, SOIL * rng.uniform(1, 1.2), scar * rng.uniform(0.9, 1))
    texture = 1 + 0.08 * fractal(rng, SIZE, 0.6)
    light = sunlight(elevation, PIXEL, rng.uniform(0, 2 * np.pi), np.radians(rng.uniform(45, 70)))
    ground *= (texture * (0.3 + 0.7 * light))[..., None]
    ground = _lay(ground + HAZE * rng.uniform(0, 1), CLOUD, _clouds(rng))
    ground += rng.normal(0, 0.004, ground.shape)
    # Steps of 2^-10, a quarter of the noise: the stored numbers then compress well.
    reflectance = np.clip(np.round(ground * 1024) / 1024, 0, 1)
    terrain = np.stack([np.round(slope * 8) / 8, np.round(elevation)], axis=-1)
    return np.concatenate([reflectance, terrain], axis=-1), (scar > 0.5).astype(np.uint8)


def _mountains(rng: np.random.Generator) -> Field:
    """Elevation in metres: hills that run out into level valley floors."""
    hills = fractal(rng, SIZE, 2.4) + rng.uniform(-0.1, 0.5)
    return rng.uniform(200, 1500) + rng.uniform(80, 120) * np.logaddexp(0, 6 * hills) / 6


def _vegetation(rng: np.random.Generator) -> Field:
    """Reflectance [S, S, 12] of forest and grass, mixed in patches."""
    grass = expit(3 * (fractal(rng, SIZE, 1.3) - rng.uniform(-0.5, 1)))
    return _lay(np.broadcast_to(FOREST, (SIZE, SIZE, 12)), GRASS, grass)


def _scars(rng: np.random.Generator, elevation: Field, slope: Field, count: int) -> Field:
    """Coverage [S, S] of landslides: on steep ground, longer than wide, running downhill."""
    dx, dy = gradient(ndimage.gaussian_filter(elevation, 3), PIXEL)
    chance = np.clip(slope - STEEP, 0, None)
    warp = 1.5 * np.stack([fractal(rng, SIZE, 1.2) for _ in range(2)])
    coverage = np.zeros((SIZE, SIZE))
    for _ in range(count):
        spot = _draw_spot(rng, chance)
        if spot is None:
            break
        x, y = spot
        length = float(np.clip(rng.lognormal(np.log(42), 0.25), 28, 64))
        outline = patch_coverage(
            warp,
            spot,
            np.arctan2(-dy[y, x], -dx[y, x]),
            length,
            length * rng.uniform(0.3, 0.55),
            roundness=2,
            flare=0.35,
            edge=0.6,
        )
        coverage = np.maximum(coverage, outline)
        chance = chance * (ndimage.maximum_filter(outline, 41) < 0.1)  # room for the next scar
    return coverage


def _fields(rng: np.random.Generator, slope: Field, count: int) -> Field:
    """Coverage [S, S] of bare fields: on level ground, any direction, rounded to rectangular."""
    smooth = ndimage.gaussian_filter(slope, 3)
    chance = (smooth < LEVEL).astype(float)
    warp = np.stack([fractal(rng, SIZE, 1.2) for _ in range(2)])
    coverage = np.zeros((SIZE, SIZE))
    for _ in range(count):
        spot = _draw_spot(rng, chance)
        if spot is None:
            break
        length = rng.uniform(12, 36)
        outline = patch_coverage(
            warp,
            spot,
            rng.uniform(0, np.pi),
            length,
            length * rng.uniform(0.35, 0.9),
            roundness=rng.uniform(2, 6),
            flare=0,
            edge=0.6,
        )
        coverage = np.maximum(coverage, outline)
    coverage *= np.clip((STEEP - smooth) / (STEEP - LEVEL), 0, 1)
    return coverage


def _clouds(rng: np.random.Generator) -> Field:
    """Opacity [S, S]: nothing in most patches, a few soft clouds in the others."""
    if rng.random() > 0.15:
        return np.zeros((SIZE, SIZE))
    opacity: Field = 0.9 * np.clip(2 * (fractal(rng, SIZE, 1.8) - rng.uniform(1.5, 2)), 0, 1)
    return opacity


def _draw_spot(rng: np.random.Generator, chance: Field) -> tuple[int, int] | None:
    """A pixel (x, y) drawn with probability proportional to `chance`, away from the border."""
    inner = np.zeros_like(chance)
    inner[8:-8, 8:-8] = chance[8:-8, 8:-8]
    total = inner.sum()
    if total == 0:
        return None
    y, x = divmod(int(rng.choice(inner.size, p=inner.ravel() / total)), SIZE)
    return x, y


def _lay(below: Field, spectrum: Field, coverage: Field) -> Field:
    """Mix `spectrum` [12] over `below` [S, S, 12] by coverage [S, S]."""
    return below + (spectrum - below) * coverage[..., None]


def _write_array(file: Path, key: str, values: NDArray[np.generic]) -> None:
    with h5py.File(file, "w") as stored:
        stored.create_dataset(
            key, data=values, compression="gzip", compression_opts=1, shuffle=True
        )
