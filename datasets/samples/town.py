"""Synthetic aerial scenes for the samples: streets, houses, woods, water, and the light on them.

A scene is first a plan (`datasets.samples.streets`: outlines in metres), then painted: every
outline and every patch of land is a material with a colour and a texture of its own; sun, shadow,
haze, blur and noise come on top. The classes are those of LandCover.ai. They tell what is there
and not how it looks: a lawn in the shadow of a house is background, and so is a tree that stands
alone.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray
from rasterio.features import rasterize
from scipy import ndimage
from scipy.special import expit
from shapely import Polygon

from datasets.samples.streets import Houses, Outlines, Plan, StreetStyle, plan_town, select_houses
from datasets.samples.terrain import Field, fractal

BACKGROUND, BUILDING, WOODLAND, WATER, ROAD = range(5)

SKYLIGHT = (0.38, 0.42, 0.50)
"""What is left of red, green and blue in the shadow."""
HAZE = (0.72, 0.75, 0.80)
"""What the sky adds where `Look.haze` is 1."""
WOOD_HEIGHT, TREE_HEIGHT = 8.0, 3.0  # metres, of a wood and of a tree that stands alone
ROOF_PITCH = 0.35  # rise per run

Colour = tuple[float, float, float]
Mask = NDArray[np.bool_]
Pixels = NDArray[np.float32]


@dataclass(frozen=True)
class Look:
    """How a region looks. Lengths in metres, colours as red, green, blue in 0..1.

    Attributes:
        ground: colours of open land; each block blends two of them, in a tone of its own.
        roofs: colours of roofs, one is drawn for each house.
        road, wood, water: their colours.
        spread: standard deviation of brightness between houses and between blocks, relative.
        streets: sizes of blocks, streets and houses.
        gables: share of the houses with a gabled roof, of which one half is lit more.
        storeys: height of the lowest and of the highest house.
        built: share of the blocks that have houses.
        woods, waters: share of the area that they cover on average.
        trees: standing alone, per hectare.
        sun: azimuth, clockwise from the top of the image, and height above the horizon, in degrees.
        haze: share of the light that is the sky's.
        noise: standard deviation of the sensor's noise.
    """

    ground: tuple[Colour, ...]
    roofs: tuple[Colour, ...]
    road: Colour
    wood: Colour
    water: Colour
    spread: float
    streets: StreetStyle
    gables: float
    storeys: tuple[float, float]
    built: float
    woods: float
    waters: float
    trees: float
    sun: tuple[float, float]
    haze: float
    noise: float


TEMPERATE = Look(
    ground=((0.33, 0.40, 0.23), (0.43, 0.46, 0.28), (0.50, 0.46, 0.35)),
    roofs=(
        (0.58, 0.31, 0.23),
        (0.50, 0.26, 0.20),
        (0.30, 0.30, 0.33),
        (0.44, 0.33, 0.27),
        (0.64, 0.62, 0.59),
    ),
    road=(0.47, 0.47, 0.48),
    wood=(0.17, 0.25, 0.14),
    water=(0.13, 0.20, 0.22),
    spread=0.10,
    streets=StreetStyle(
        block=75, crooked=0.25, avenue=10, street=6, house=(8, 16), gap=(4, 10), rows=1, wings=0.3
    ),
    gables=0.8,
    storeys=(4, 8),
    built=0.75,
    woods=0.14,
    waters=0.05,
    trees=18,
    sun=(155, 48),
    haze=0.05,
    noise=0.012,
)

ARID = Look(
    ground=((0.70, 0.58, 0.44), (0.63, 0.51, 0.38), (0.74, 0.64, 0.50)),
    roofs=(
        (0.80, 0.74, 0.64),
        (0.64, 0.58, 0.51),
        (0.86, 0.83, 0.78),
        (0.55, 0.45, 0.37),
        (0.46, 0.45, 0.46),
    ),
    road=(0.60, 0.53, 0.45),
    wood=(0.31, 0.35, 0.21),
    water=(0.42, 0.40, 0.32),
    spread=0.12,
    streets=StreetStyle(
        block=52, crooked=0.9, avenue=9, street=4, house=(6, 12), gap=(1.5, 5), rows=2, wings=0.45
    ),
    gables=0.0,
    storeys=(3, 5),
    built=0.9,
    woods=0.03,
    waters=0.02,
    trees=10,
    sun=(128, 38),
    haze=0.12,
    noise=0.018,
)


@dataclass(frozen=True, eq=False)
class Town:
    """One scene.

    Attributes:
        image: float64 [3, S, S], red, green, blue in 0..1.
        classes: uint8 [S, S]: 0 background, 1 building, 2 woodland, 3 water, 4 road.
        buildings: outlines in pixels (x to the right, y down, 0 at the image's corner), cut at the
            image's border. A pixel is building if, and only if, its centre lies in one of them.
    """

    image: Field
    classes: NDArray[np.uint8]
    buildings: tuple[Polygon, ...]


class _Sun(NamedTuple):
    """Unit vector from the ground towards the sun, in the image's x and y; shadow per height."""

    x: float
    y: float
    reach: float


class _Palette:
    """Materials by number: two colours that are blended, and how strong the texture is.

    Pixels are float32 from here on: large scenes are bound by memory.
    """

    def __init__(self) -> None:
        self._rows: list[NDArray[np.float64]] = []

    def add(self, one: ArrayLike, other: ArrayLike, texture: float) -> int:
        """Number of a new material."""
        self._rows.append(np.concatenate([one, other, [texture]]))
        return len(self._rows) - 1

    def paint(self, material: NDArray[np.int32], blend: Pixels, grain: Pixels) -> Pixels:
        """Image [3, S, S] of the numbered pixels."""
        *colours, texture = np.array(self._rows, dtype=np.float32).T
        relief = 1 + texture[material] * grain
        image = np.empty((3, *material.shape), dtype=np.float32)
        for band, (one, other) in enumerate(zip(colours[:3], colours[3:], strict=True)):
            image[band] = (one[material] + (other - one)[material] * blend) * relief
        return image


def make_town(rng: np.random.Generator, size: int, look: Look, pixel: float = 0.5) -> Town:
    """Make up a scene of `size` × `size` pixels, each of `pixel` metres."""
    plan = plan_town(rng, size * pixel, look.built, look.streets).scaled(1 / pixel)
    water = _water(rng, size, look.waters)
    dry = ~_touched(ndimage.maximum_filter(water, round(6 / pixel)), plan.houses)
    plan = plan._replace(houses=select_houses(plan.houses, dry))
    wood = _wood(rng, plan, size, look.woods, pixel)
    wood &= ~_burn(shapely.buffer(plan.houses.outlines, 5 / pixel), size)
    classes = np.zeros((size, size), dtype=np.uint8)
    classes[wood] = WOODLAND
    classes[_burn(plan.streets, size)] = ROAD
    classes[water] = WATER
    classes[_burn(plan.avenues, size)] = ROAD  # on bridges
    classes[_burn(plan.houses.outlines, size)] = BUILDING
    image = _paint(rng, plan, classes, look, pixel)
    visible = shapely.get_parts(
        shapely.intersection(plan.houses.outlines, shapely.box(0, 0, size, size))
    )
    return Town(image, classes, tuple(part for part in visible if part.area > 0))


def _burn(outlines: Outlines, size: int) -> Mask:
    """The pixels whose centres lie in one of the outlines."""
    return _number(outlines, np.ones(len(outlines), dtype=np.int32), size) > 0


def _number(outlines: Outlines, numbers: NDArray[np.int32], size: int) -> NDArray[np.int32]:
    """Each outline's number in its pixels, 0 elsewhere; later outlines cover earlier ones."""
    shapes = zip(outlines, numbers.tolist(), strict=True)
    if not len(outlines):
        return np.zeros((size, size), dtype=np.int32)
    numbered: NDArray[np.int32] = rasterize(shapes, out_shape=(size, size), dtype="int32")
    return numbered


def _touched(mask: Mask, houses: Houses) -> Mask:
    """Which houses [N] have a corner or the middle of a part in the mask."""
    points = np.concatenate([houses.parts, houses.parts.mean(axis=1, keepdims=True)], axis=1)
    x, y = np.clip(points.astype(int), 0, len(mask) - 1).transpose(2, 0, 1)
    touched = np.zeros(len(houses.outlines), dtype=bool)
    touched[houses.owner[mask[y, x].any(axis=1)]] = True
    return touched


def _water(rng: np.random.Generator, size: int, share: float) -> Mask:
    """A river across the scene, or a lake; in a third of the scenes neither."""
    if rng.random() < 1 / 3:
        return np.zeros((size, size), dtype=bool)
    wiggle = 0.05 * size * _patches(rng, size, 2.2)
    y, x = np.mgrid[:size, :size] - rng.uniform(0.2, 0.8, (2, 1, 1)) * size
    if rng.random() < 0.6:
        angle = rng.uniform(0, np.pi)
        distance = np.abs(x * np.cos(angle) + y * np.sin(angle) + 2 * wiggle)
    else:
        distance = np.hypot(x, y) + wiggle
    return _smallest(distance, share * rng.uniform(1, 2))


def _wood(rng: np.random.Generator, plan: Plan, size: int, share: float, pixel: float) -> Mask:
    """Woods with ragged edges, rather where nobody lives; nothing as small as a single tree."""
    settled = ndimage.uniform_filter(
        _burn(plan.blocks[plan.built], size).astype(np.float64), max(size // 32, 1)
    )
    wanted = min(share * rng.uniform(0.4, 1.6), 0.9)
    ragged = _smallest(settled - _patches(rng, size, 1.7), wanted)
    wood: Mask = ndimage.uniform_filter(ragged.astype(np.float32), round(4 / pixel)) > 0.5
    return wood


def _patches(rng: np.random.Generator, size: int, exponent: float) -> Field:
    """Fractal field [S, S], one value for 2 × 2 pixels, in a quarter of the time."""
    coarse = fractal(rng, -(-size // 2), exponent)
    return coarse.repeat(2, axis=0).repeat(2, axis=1)[:size, :size]


def _smallest(field: Field, share: float) -> Mask:
    """The `share` of the pixels that have the lowest values."""
    mask: Mask = field < np.quantile(field, share)
    return mask


def _paint(
    rng: np.random.Generator, plan: Plan, classes: NDArray[np.uint8], look: Look, pixel: float
) -> Field:
    """The image [3, S, S] of the plan as the sun shines on it."""
    size = len(classes)
    sun = _sun(rng, look.sun)
    building = classes == BUILDING
    wood = classes == WOODLAND
    lone = _burn(_lone_trees(rng, classes, look.trees, pixel), size) & ~building
    trees = wood | lone
    palette = _Palette()
    material = _ground_and_roofs(rng, plan, size, look, sun, palette)
    material[classes == ROAD] = palette.add(look.road, np.multiply(look.road, 0.9), 0.03)
    material[classes == WATER] = palette.add(look.water, np.multiply(look.water, 1.15), 0.02)
    material[trees] = palette.add(look.wood, np.multiply(look.wood, 1.25), 0.05)
    blend = expit(3 * _patches(rng, size, 1.2)).astype(np.float32)
    image = palette.paint(material, blend, _bumps(rng, size, 0.7))
    image *= np.where(trees, _canopy(rng, size, sun, pixel), np.float32(1))
    heights = rng.uniform(*look.storeys, len(plan.houses.outlines)) / pixel
    shadow = _burn(_house_shadows(plan.houses, heights, sun), size)
    shadow |= _sweep(wood, sun, WOOD_HEIGHT / pixel) | _sweep(lone, sun, TREE_HEIGHT / pixel)
    shadow &= ~trees & ~building
    return _photograph(rng, image, shadow, look)


def _ground_and_roofs(
    rng: np.random.Generator, plan: Plan, size: int, look: Look, sun: _Sun, palette: _Palette
) -> NDArray[np.int32]:
    """Materials [S, S] of the blocks and of what is built on them."""
    tones = rng.normal(1, look.spread, (len(plan.blocks), 1))
    pairs = [rng.choice(look.ground, 2, replace=False) for _ in tones]
    grounds = [
        palette.add(tone * one, tone * other, 0.07)
        for tone, (one, other) in zip(tones, pairs, strict=True)
    ]
    material = _number(plan.blocks, np.array(grounds, dtype=np.int32), size)
    count = len(plan.houses.outlines)
    roofs = rng.choice(look.roofs, count) * rng.normal(1, look.spread, (count, 1))
    gabled = rng.random(count) < look.gables
    halves, owner, light = _roof_halves(plan.houses, sun)
    light = np.where(gabled[owner], light, 1)
    numbers = [palette.add(c, c, 0.04) for c in roofs[owner] * light[:, None]]
    roof = _number(shapely.polygons(halves), np.array(numbers, dtype=np.int32), size)
    return np.where(roof > 0, roof, material)


def _roof_halves(houses: Houses, sun: _Sun) -> tuple[NDArray[np.float64], NDArray[np.int64], Field]:
    """Both slopes [2 M, 4, 2] of each part along its longer side, their house, and their light."""
    a, b, c, d = houses.parts.transpose(1, 0, 2)
    wide = np.hypot(*(b - a).T) >= np.hypot(*(d - a).T)
    a, b, c, d = (np.where(wide[:, None], p, q) for p, q in ((a, b), (b, c), (c, d), (d, a)))
    left, right = (a + d) / 2, (b + c) / 2
    slopes = np.concatenate(
        [np.stack([a, b, right, left], axis=1), np.stack([left, right, c, d], axis=1)]
    )
    down = np.concatenate([a - d, d - a])
    facing = down @ [sun.x, sun.y] / np.hypot(*down.T)
    return slopes, np.tile(houses.owner, 2), np.clip(1 + ROOF_PITCH * facing * sun.reach, 0.3, 1.8)


def _lone_trees(
    rng: np.random.Generator, classes: NDArray[np.uint8], density: float, pixel: float
) -> Outlines:
    """Crowns of trees that stand on open ground, `density` a hectare."""
    size = len(classes)
    count = rng.poisson(density * (size * pixel) ** 2 / 1e4)
    centres = rng.uniform(0, size, (count, 2))
    x, y = centres.astype(int).T
    room = ndimage.minimum_filter(classes == BACKGROUND, round(6 / pixel))
    radius = rng.uniform(1.2, 3.2, count) / pixel
    crowns = shapely.buffer(shapely.points(centres), radius, quad_segs=3)
    free: Outlines = crowns[room[y, x]]
    return free


def _bumps(rng: np.random.Generator, size: int, radius: float) -> Pixels:
    """Noise [S, S] of mean 0 and variance 1 with bumps of `radius` pixels."""
    white = rng.standard_normal((size, size), dtype=np.float32)
    bumps: Pixels = ndimage.gaussian_filter(white, radius, truncate=3)
    return bumps / bumps.std()


def _canopy(rng: np.random.Generator, size: int, sun: _Sun, pixel: float) -> Pixels:
    """Light on tree tops [S, S], around 1: crowns of a few metres, lit from one side."""
    dy, dx = np.gradient(_bumps(rng, size, 1.2 / pixel))
    rise = -(dx * np.float32(sun.x) + dy * np.float32(sun.y))
    return np.clip(1 + 0.3 * rise / rise.std(), 0.4, 1.8)


def _sun(rng: np.random.Generator, sun: tuple[float, float]) -> _Sun:
    azimuth, height = np.radians(np.array(sun) + rng.normal(0, 4, 2))
    return _Sun(float(np.sin(azimuth)), float(-np.cos(azimuth)), float(1 / np.tan(height)))


def _house_shadows(houses: Houses, heights: Field, sun: _Sun) -> Outlines:
    """Where each part of a house, of `heights` [N] in pixels, keeps the sun from the ground."""
    reach = heights[houses.owner, None, None] * sun.reach * np.array([sun.x, sun.y])
    corners = np.concatenate([houses.parts, houses.parts - reach], axis=1)
    hulls: Outlines = shapely.convex_hull(shapely.multipoints(corners))
    return hulls


def _sweep(mask: Mask, sun: _Sun, height: float) -> Mask:
    """The mask and its shadow: the mask moved away from the sun by anything up to its reach."""
    reach = height * sun.reach
    swept, covered = mask.copy(), 1.0
    while covered < reach:
        step = min(covered, reach - covered)
        swept |= _moved(swept, round(-sun.x * step), round(-sun.y * step))
        covered += step
    return swept


def _moved(mask: Mask, x: int, y: int) -> Mask:
    """The mask moved by whole pixels; what comes in from outside is False."""
    rows, columns = mask.shape
    moved = np.zeros_like(mask)
    moved[max(y, 0) : rows + min(y, 0), max(x, 0) : columns + min(x, 0)] = mask[
        max(-y, 0) : rows + min(-y, 0), max(-x, 0) : columns + min(-x, 0)
    ]
    return moved


def _photograph(rng: np.random.Generator, image: Pixels, shadow: Mask, look: Look) -> Field:
    """What the camera makes of it: shadow, exposure, haze, blur and noise."""
    lit = ndimage.gaussian_filter((~shadow).astype(np.float32), 0.7)
    exposure = rng.uniform(0.93, 1.07) * (1 - look.haze)
    photograph = np.empty(image.shape)
    for band, (sky, haze) in enumerate(zip(SKYLIGHT, HAZE, strict=True)):
        light = image[band] * (exposure * (sky + (1 - sky) * lit)) + look.haze * haze
        noise = rng.standard_normal(lit.shape, dtype=np.float32)
        ndimage.gaussian_filter(light, 0.6, output=photograph[band])
        photograph[band] += look.noise * noise
    return np.clip(photograph, 0, 1, out=photograph)
