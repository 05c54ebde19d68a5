"""Synthetic landslides in Pascal VOC XML: steep, wooded hills from the air, about 1 m a pixel.

Scars run downhill over the steep slopes; bare fields are alike in colour, but rectangular, furrowed
and on level ground. `write` makes both into objects, `write_landslides` the scars only. Each place,
the letters that a file's name begins with, has greens, soil and light of its own.
"""

from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.special import expit

from datasets.samples.scenes_with_boxes import write_jpeg
from datasets.samples.terrain import (
    Field,
    fractal,
    gradient,
    patch_coverage,
    slope_degrees,
    sunlight,
)

SPLITS = {"train": 16, "val": 8, "test": 8}
PLACES = {"hz": 15, "ld": 13, "qxg": 12, "zj": 12}  # images of each
SIZE, SMALL = 512, 256
SMALL_EVERY, MISNAMED_EVERY, EMPTY_EVERY = 5, 6, 8  # one image in so many
STEEP, LEVEL = 22.0, 10.0  # degrees: scars start above the one, fields lie below the other
LEAST = 0.02  # of the image's side, for both sides of a box

FOREST = np.array([0.17, 0.25, 0.14])
GRASS = np.array([0.38, 0.44, 0.24])
SOIL = np.array([0.60, 0.50, 0.38])


class Look(NamedTuple):
    """How a place looks: colours [3] of forest, grass and bare soil, and where the sun stands."""

    forest: Field
    grass: Field
    soil: Field
    azimuth: float


class Bare(NamedTuple):
    """Bare ground: what it is, and its coverage [S, S]."""

    name: str
    coverage: Field


def write(root: Path, seed: int) -> None:
    """Write Annotations, JPEGImages and ImageSets/Main/{train,val,test}.txt, with two classes."""
    annotations, images, lists = (
        root / folder for folder in ("Annotations", "JPEGImages", "ImageSets/Main")
    )
    for folder in (annotations, images, lists):
        folder.mkdir(parents=True)
    for index, (split, count) in enumerate(SPLITS.items()):
        stems = [f"{split}_{number:03}" for number in range(count)]
        for number, stem in enumerate(stems):
            rng = np.random.default_rng([seed, index, number])
            scars = 0 if number % EMPTY_EVERY == 0 else _count(rng)
            image, bare = scene(rng, SMALL, scars, _look(rng))
            write_jpeg(images / f"{stem}.jpg", image)
            _write_xml(annotations / f"{stem}.xml", f"{stem}.jpg", SMALL, bare)
        (lists / f"{split}.txt").write_text("".join(f"{stem}\n" for stem in stems))


def write_landslides(root: Path, seed: int) -> None:
    """Write annotations/*.xml and images1/*.jpg, images2/*.jpg, …: one folder a place."""
    annotations = root / "annotations"
    annotations.mkdir(parents=True)
    for index, (place, count) in enumerate(PLACES.items()):
        look = _look(np.random.default_rng([seed, index]))
        images = root / f"images{index + 1}"
        images.mkdir()
        for number in range(1, count + 1):
            rng = np.random.default_rng([seed, index, number])
            size = SMALL if number % SMALL_EVERY == 0 else SIZE
            image, bare = scene(rng, size, _count(rng), look)
            scars = [one for one in bare if one.name == "landslide"]
            other = number + 1 if number % MISNAMED_EVERY == 0 else number
            write_jpeg(images / f"{place}{number}.jpg", image)
            _write_xml(annotations / f"{place}{number}.xml", f"{place}{other}.jpg", size, scars)


def scene(rng: np.random.Generator, size: int, scars: int, look: Look) -> tuple[Field, list[Bare]]:
    """Image [3, size, size] in 0..1, its `scars` landslides (fewer on gentle hills), its fields."""
    pixel = SIZE / size
    elevation = 55 * np.logaddexp(0, 6 * (fractal(rng, size, 2.4) + rng.uniform(0, 0.4))) / 6
    slope = slope_degrees(ndimage.gaussian_filter(elevation, 3 / pixel), pixel)
    warp = size / 40 * np.stack([fractal(rng, size, 1.3) for _ in range(2)])
    bare = _landslides(rng, elevation, slope, warp, scars)
    bare += _fields(rng, slope, warp, bare, int(rng.integers(0, 3)))
    image = _vegetation(rng, size, look)
    for one in bare:
        soil = look.soil * rng.uniform(0.85, 1.15) * _texture(rng, one, size)[..., None]
        image += (soil - image) * one.coverage[..., None] * rng.uniform(0.8, 1)
    light = sunlight(elevation, pixel, look.azimuth, np.radians(55))
    image *= (0.45 + 0.55 * light)[..., None]
    image += rng.normal(0, 0.015, image.shape)
    return np.clip(image, 0, 1).transpose(2, 0, 1), bare


def _count(rng: np.random.Generator) -> int:
    """Landslides of an image: as in the original mostly one, seldom more than two."""
    return int(rng.choice([1, 2, 3, 4], p=[0.75, 0.17, 0.05, 0.03]))


def _look(rng: np.random.Generator) -> Look:
    tints = rng.uniform(0.9, 1.1, (3, 3)) * rng.uniform(0.85, 1.15, (3, 1))
    return Look(FOREST * tints[0], GRASS * tints[1], SOIL * tints[2], rng.uniform(0, 2 * np.pi))


def _landslides(
    rng: np.random.Generator, elevation: Field, slope: Field, warp: NDArray[np.float64], count: int
) -> list[Bare]:
    """Scars: on steep ground, longer than wide, running downhill, apart from each other."""
    size = len(slope)
    dx, dy = gradient(ndimage.gaussian_filter(elevation, size / 40), 1)
    chance = np.clip(slope - STEEP, 0, None)
    scars: list[Bare] = []
    for _ in range(count):
        length = size * float(np.clip(rng.lognormal(np.log(0.4), 0.3), 0.15, 0.75))
        spot = _draw_spot(rng, chance)
        if spot is None:
            break
        x, y = spot
        coverage = patch_coverage(
            warp,
            spot,
            np.arctan2(-dy[y, x], -dx[y, x]),
            length,
            length * rng.uniform(0.35, 0.7),
            roundness=2,
            flare=0.35,
            edge=1.0,
        )
        scars.append(Bare("landslide", coverage))
        chance = chance * ~_spread(coverage > 0.1, size // 6)
    return scars


def _fields(
    rng: np.random.Generator,
    slope: Field,
    warp: NDArray[np.float64],
    scars: list[Bare],
    count: int,
) -> list[Bare]:
    """Bare fields: on level ground, in any direction, with straight sides, off the `scars`."""
    size = len(slope)
    taken = _spread(slope > STEEP, size // 16)
    for scar in scars:
        taken |= _spread(scar.coverage > 0.1, size // 6)
    chance = np.where(taken, 0.0, slope < LEVEL)
    fields: list[Bare] = []
    for _ in range(count):
        spot = _draw_spot(rng, chance)
        if spot is None:
            break
        length = size * rng.uniform(0.12, 0.3)
        coverage = patch_coverage(
            0.2 * warp,
            spot,
            rng.uniform(0, np.pi),
            length,
            length * rng.uniform(0.5, 0.9),
            roundness=8,
            flare=0,
            edge=0.6,
        )
        fields.append(Bare("field", coverage))
        chance = chance * ~_spread(coverage > 0.1, size // 6)
    return fields


def _vegetation(rng: np.random.Generator, size: int, look: Look) -> Field:
    """Forest and grass [S, S, 3], mixed in patches, with the crowns of the trees."""
    grass = expit(4 * (fractal(rng, size, 1.4) - rng.uniform(-0.3, 1)))
    crowns = 1 + (0.05 + 0.2 * (1 - grass)) * fractal(rng, size, 0.5)
    mixed: Field = look.forest + (look.grass - look.forest) * grass[..., None]
    return mixed * crowns[..., None]


def _texture(rng: np.random.Generator, bare: Bare, size: int) -> Field:
    """Brightness [S, S] of bare ground: furrows of a field, rubble of a landslide."""
    if bare.name == "landslide":
        return 1 + 0.12 * fractal(rng, size, 0.9)
    y, x = np.mgrid[:size, :size]
    angle = rng.uniform(0, np.pi)
    return 1 + 0.05 * np.sin((x * np.cos(angle) + y * np.sin(angle)) * 2 * np.pi * SIZE / size / 9)


def _spread(area: NDArray[np.bool_], margin: int) -> NDArray[np.bool_]:
    """The area and everything within `margin` pixels of it."""
    wider: NDArray[np.bool_] = ndimage.maximum_filter(area, 2 * margin + 1)
    return wider


def _draw_spot(rng: np.random.Generator, chance: Field) -> tuple[int, int] | None:
    """A pixel (x, y) drawn with probability proportional to `chance`, away from the border."""
    size = len(chance)
    margin = size // 8
    inner = np.zeros_like(chance)
    inner[margin:-margin, margin:-margin] = chance[margin:-margin, margin:-margin]
    total = inner.sum()
    if total == 0:
        return None
    y, x = divmod(int(rng.choice(inner.size, p=inner.ravel() / total)), size)
    return x, y


def voc_box(coverage: Field) -> tuple[int, int, int, int] | None:
    """xmin, ymin, xmax, ymax: first and last covered pixel, counted from 1; None if too small."""
    rows, columns = (np.flatnonzero((coverage > 0.5).any(axis=axis)) for axis in (1, 0))
    least = LEAST * len(coverage)
    if min(len(rows), len(columns)) < least:
        return None
    return (
        int(columns[0]) + 1,
        int(rows[0]) + 1,
        int(columns[-1]) + 1,
        int(rows[-1]) + 1,
    )


def _write_xml(file: Path, filename: str, size: int, objects: list[Bare]) -> None:
    root = ET.Element("annotation")
    ET.SubElement(root, "filename").text = filename
    extent = ET.SubElement(root, "size")
    for side, value in (("width", size), ("height", size), ("depth", 3)):
        ET.SubElement(extent, side).text = str(value)
    for one in objects:
        box = voc_box(one.coverage)
        if box is None:
            continue
        element = ET.SubElement(root, "object")
        ET.SubElement(element, "name").text = one.name
        ET.SubElement(element, "difficult").text = "0"
        corners = ET.SubElement(element, "bndbox")
        for corner, value in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True):
            ET.SubElement(corners, corner).text = str(value)
    ET.indent(root, "\t")
    file.write_text(ET.tostring(root, encoding="unicode") + "\n")
