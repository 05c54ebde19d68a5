"""A picture as layers that lie on each other: the image, and transparent overlays of what is on it.

Each layer is an image of its own, small enough to be part of a page, as a `data:` address.
"""

import base64
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

LARGEST = 640
"""Pixels that a layer has at most to a side, so that a page of many stays small."""

QUALITY = 88
"""Of the photograph, in WebP; nobody sees the difference."""

STROKE, CASING = 2.0, 4.0  # CSS pixels, however large the layer is shown

Shows = Literal["image", "truth", "prediction", "error"]


@dataclass(frozen=True)
class Layer:
    """One layer of a picture.

    Attributes:
        shows: what of the image; the image itself lies below the others.
        arm: whose prediction or error; "" of image and truth.
        words: what is to be seen, for readers who do not see it.
        source: a `data:` address.
    """

    shows: Shows
    arm: str
    words: str
    source: str


@dataclass(frozen=True)
class Frame:
    """A box in a layer, in pixels of the S × S image; `dashes` are in widths of its line."""

    corners: tuple[float, float, float, float]
    colour: str
    dashes: tuple[float, ...] = ()
    text: str = ""


@dataclass(frozen=True)
class Line:
    """A line of text in a layer or a panel, beside a square of a colour."""

    text: str
    colour: str
    bold: bool = False


def shown_size(side: int, stretch: float) -> tuple[int, int]:
    """Width and height in pixels of the layers of an image of `side`.

    `stretch` is the height of its pixels over their width.
    """
    width = min(side, LARGEST)
    return width, round(width * stretch)


def photograph(picture: NDArray[np.uint8], size: tuple[int, int]) -> str:
    """The image [S, S, 3] itself."""
    image = Image.fromarray(picture)
    return _encoded(image.resize(size, Image.Resampling.LANCZOS), "webp", quality=QUALITY)


def areas_layer(
    values: NDArray[np.uint8], palette: NDArray[np.uint8], size: tuple[int, int]
) -> str:
    """Pixels [S, S] in the colours [N, 3] of a palette; where the value is 0, nothing."""
    image = Image.fromarray(values).convert("P")
    image.putpalette(palette.tobytes())
    image = image.resize(size, Image.Resampling.NEAREST)
    return _encoded(image, "png", transparency=0, optimize=True)


def frames_layer(frames: Iterable[Frame], side: int, size: tuple[int, int], casing: str) -> str:
    """Boxes as lines of one width however large they are shown, on a `casing` of that colour."""
    width, height = size
    marks = "".join(_frame(frame, side, casing) for frame in frames)
    drawing = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {side} {side}" preserveAspectRatio="none">{marks}</svg>'
    )
    return _address("svg+xml", drawing.encode())


def lines_layer(lines: Sequence[Line], side: int, size: tuple[int, int]) -> str:
    """Lines of text from the top of the image."""
    width, height = size
    marks = "".join(_line(line, row, side) for row, line in enumerate(lines))
    drawing = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {side} {side}">{marks}</svg>'
    )
    return _address("svg+xml", drawing.encode())


def _line(line: Line, row: int, side: int) -> str:
    letters = 0.06 * side
    left, base = 0.03 * side, (1.6 * row + 1.4) * letters
    weight = "bold" if line.bold else "normal"
    return (
        f'<rect x="{left:.2f}" y="{base - 0.8 * letters:.2f}" width="{letters:.2f}" '
        f'height="{letters:.2f}" fill="{line.colour}" stroke="#fff" '
        f'stroke-width="{0.008 * side:.2f}"/>'
        f'<text x="{left + 1.5 * letters:.2f}" y="{base:.2f}" font-size="{letters:.2f}" '
        f'font-family="sans-serif" font-weight="{weight}" fill="#fff" stroke="#000" '
        f'stroke-width="{0.012 * side:.2f}" paint-order="stroke">{escape(line.text)}</text>'
    )


def _frame(frame: Frame, side: int, casing: str) -> str:
    x0, y0, x1, y1 = frame.corners
    place = f'x="{x0:.1f}" y="{y0:.1f}" width="{x1 - x0:.1f}" height="{y1 - y0:.1f}" fill="none"'
    dashes = " ".join(f"{STROKE * length:g}" for length in frame.dashes)
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    lines = "".join(
        f'<rect {place} stroke="{colour}" stroke-width="{width:g}"{dashed} '
        'vector-effect="non-scaling-stroke"/>'
        for colour, width in ((casing, CASING), (frame.colour, STROKE))
    )
    if not frame.text:
        return lines
    return (
        f'{lines}<text x="{x0:.1f}" y="{y0 - 0.01 * side:.1f}" font-size="{0.035 * side:.2f}" '
        f'font-family="sans-serif" fill="#fff" stroke="#000" stroke-width="{0.008 * side:.2f}" '
        f'paint-order="stroke">{frame.text}</text>'
    )


def _encoded(image: Image.Image, kind: str, **options: object) -> str:
    written = io.BytesIO()
    image.save(written, format=kind, **options)
    return _address(kind, written.getvalue())


def _address(kind: str, content: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
