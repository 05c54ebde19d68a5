"""What stands around a drawn picture: titles of its panels above, a key of its colours below."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from datasets.colours import BLACK, IGNORED_GREY, WHITE, Colour

LEAST = 256
"""Height in pixels, below which lines and text cannot be told."""
LINE, GAP, TEXT = 22, 8, 14
"""Pixels: the height of a line of text, the space around what stands in it, the size of letters."""


def enlarged(pictures: Tensor) -> Tensor:
    """Pictures [B, 3, S, S], or masks [B, S, S] → k times as large, at least `LEAST` pixels."""
    k = enlargement(pictures.shape[-1])
    return pictures.repeat_interleave(k, -2).repeat_interleave(k, -1)


def enlargement(size: int) -> int:
    """How many times `enlarged` repeats a pixel of pictures of this size."""
    return max(1, -(-LEAST // size))


def with_key(pictures: Tensor, panels: Sequence[str], key: Sequence[tuple[str, Colour]]) -> Tensor:
    """Pictures uint8 [B, 3, H, W] → [B, 3, H', W]: one line above, as many as needed below.

    Args:
        panels: titles of parts of equal width, from left to right; none: no line above.
        key: what each colour means.
    """
    width = pictures.shape[-1]
    rows = list(_rows(key, width))
    above = _strip(width, 1 if panels else 0)
    for position, title in enumerate(panels):
        _write(above, (position * width // len(panels) + GAP, 0), title)
    below = _strip(width, len(rows))
    for line, row in enumerate(rows):
        for left, entry in row:
            _write_entry(below, (left, line * LINE), entry)
    parts = [_tensor(strip).expand(len(pictures), -1, -1, -1) for strip in (above, below)]
    return torch.cat([parts[0], pictures, parts[1]], dim=2)


def with_own_keys(pictures: Tensor, keys: Sequence[Sequence[tuple[str, Colour]]]) -> Tensor:
    """Pictures uint8 [B, 3, H, W] → [B, 3, H', W]: below each its own key, a line an entry."""
    lines = max(map(len, keys), default=0)
    strips = []
    for key in keys:
        strip = _strip(pictures.shape[-1], lines)
        for line, entry in enumerate(key):
            _write_entry(strip, (GAP, line * LINE), entry)
        strips.append(_tensor(strip))
    return torch.cat([pictures, torch.cat(strips)], dim=2)


def _rows(
    key: Sequence[tuple[str, Colour]], width: int
) -> Iterator[list[tuple[int, tuple[str, Colour]]]]:
    """The entries of each line with the place where they start, px."""
    row: list[tuple[int, tuple[str, Colour]]] = []
    left = GAP
    for entry in key:
        needed = TEXT + 3 * GAP + int(_font().getlength(entry[0]))
        if row and left + needed > width:
            yield row
            row, left = [], GAP
        row.append((left, entry))
        left += needed
    if row:
        yield row


def _strip(width: int, lines: int) -> Image.Image:
    return Image.new("RGB", (width, lines * LINE), WHITE)


def _write_entry(strip: Image.Image, place: tuple[int, int], entry: tuple[str, Colour]) -> None:
    """A square of a colour, and what it means."""
    (left, top), (name, colour) = place, entry
    box = (left, top + 4, left + TEXT, top + 4 + TEXT)
    ImageDraw.Draw(strip).rectangle(box, fill=colour, outline=IGNORED_GREY)
    _write(strip, (left + TEXT + GAP, top), name)


def _write(strip: Image.Image, place: tuple[int, int], text: str) -> None:
    left, top = place
    middle = (left, top + LINE // 2)
    ImageDraw.Draw(strip).text(middle, text, fill=BLACK, font=_font(), anchor="lm")


def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(TEXT)


def _tensor(strip: Image.Image) -> Tensor:
    """Uint8 [1, 3, H, W]."""
    pixels = np.array(strip).reshape(strip.height, strip.width, 3)
    return torch.from_numpy(pixels).permute(2, 0, 1)[None]
