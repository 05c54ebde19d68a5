"""The map of the test images as it is set on the page."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, isnan, log10

import numpy as np
from matplotlib.colors import to_hex

from analysis.figures.style import SHADES
from analysis.pictures import Picture
from analysis.pictures.score_map import Points, ScoreMap, Tile
from analysis.wording import count

WIDTH, HIGHEST = 760, 520  # CSS pixels
MARGIN, FOOT = 12, 36
SMALLEST = 7.0
"""Pixels to a side that an image is drawn at least: it must be seen, and hit with a finger."""

FARTHEST = 2_000_000.0
"""Metres across up to which one scale holds for the whole map."""

MOST = 2000
"""Images that are drawn, the worst ones: more make a heavy page."""

UNSCORED = "#ffffff"


@dataclass(frozen=True)
class DrawnTile:
    """An image on the map; `picture` is the number of its picture on the page, 0 without one."""

    points: str
    colour: str
    words: str
    picture: int


@dataclass(frozen=True)
class Swatch:
    """A colour of the key, and its score."""

    colour: str
    text: str


@dataclass(frozen=True)
class Bar:
    """The scale bar: `length` in CSS pixels is `text` on the ground."""

    length: float
    text: str


@dataclass(frozen=True)
class DrawnMap:
    """A map in CSS pixels, with its words."""

    width: int
    height: int
    tiles: tuple[DrawnTile, ...]
    key: tuple[Swatch, ...]
    bar: Bar | None
    caption: str
    alt: str


def draw_map(found: ScoreMap, pictures: Sequence[Picture]) -> DrawnMap:
    """Lay the images into the room of the page, north up, darker where the score is lower."""
    tiles = found.tiles[:MOST]
    corners = np.stack([tile.corners for tile in tiles])
    low, high = corners.min(axis=(0, 1)), corners.max(axis=(0, 1))
    across, up = np.maximum(high - low, 1.0).tolist()
    scale = min((WIDTH - 2 * MARGIN) / across, (HIGHEST - 2 * MARGIN - FOOT) / up)
    height = round(up * scale) + 2 * MARGIN + FOOT
    left = (WIDTH - across * scale) / 2
    origin = np.array([low[0] - left / scale, high[1] + MARGIN / scale])
    scores = [tile.score for tile in tiles if not isnan(tile.score)] or [0.0]
    bounds = min(scores), max(scores)
    numbers = {picture.image: number for number, picture in enumerate(pictures, 1)}
    drawn = tuple(
        DrawnTile(
            _points((tile.corners - origin) * (scale, -scale)),
            _colour(tile.score, *bounds),
            _words(tile),
            numbers.get(tile.image, 0),
        )
        for tile in tiles
    )
    steps = np.linspace(*bounds, 4) if bounds[0] < bounds[1] else bounds[:1]
    key = tuple(Swatch(_colour(float(one), *bounds), f"{one:.2f}") for one in steps)
    bar = _bar(scale) if across < FARTHEST else None
    return DrawnMap(WIDTH, height, drawn, key, bar, _caption(found, len(drawn)), _alt(found))


def _points(corners: Points) -> str:
    middle = corners.mean(axis=0)
    side = float(np.ptp(corners, axis=0).max())
    shown = middle + (corners - middle) * max(1.0, SMALLEST / max(side, 1e-9))
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in shown)


def _colour(score: float, low: float, high: float) -> str:
    if isnan(score):
        return UNSCORED
    share = (high - score) / (high - low) if high > low else 0.5
    return to_hex(SHADES(0.1 + 0.9 * share))


def _words(tile: Tile) -> str:
    return f"{tile.image}: {'nothing to score' if isnan(tile.score) else f'{tile.score:.3f}'}"


def _bar(scale: float) -> Bar:
    """The longest round length that takes at most a quarter of the map."""
    room = WIDTH / 4 / scale
    power = 10 ** floor(log10(room))
    metres = max(step * power for step in (1, 2, 5) if step * power <= room)
    text = f"{metres / 1000:g} km" if metres >= 1000 else f"{metres:g} m"
    return Bar(round(metres * scale, 1), text)


def _caption(found: ScoreMap, drawn: int) -> str:
    longitude, latitude = found.centre
    where = (
        f"{abs(latitude):.4f}° {'N' if latitude >= 0 else 'S'}, "
        f"{abs(longitude):.4f}° {'E' if longitude >= 0 else 'W'}"
    )
    total, unplaced = len(found.tiles), count(found.elsewhere, "image")
    less = f" The {drawn:,} worst of {total:,} are drawn." if drawn < total else ""
    others = f" {unplaced} of unknown place left out." if found.elsewhere else ""
    return (
        f"Outlines of {count(drawn, 'test image')} where they lie, the darker the lower the "
        f"{found.measure} of {found.arm} on each alone.{less}{others} Thick: shown in a picture. "
        f"Files in {', '.join(found.systems)}; drawn with north up around {where} (azimuthal "
        "equidistant). Point at an image, or move with the arrow keys, for its name and score."
    )


def _alt(found: ScoreMap) -> str:
    scored = [tile for tile in found.tiles if not isnan(tile.score)]
    if not scored:
        return "Map of the test images; none has anything to score"
    return f"Map of the test images, from the worst, {_words(scored[0])}, to {_words(scored[-1])}"
