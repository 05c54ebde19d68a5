"""Scenes as tiles of one size; the rest at a scene's border is a tile that reaches beyond it.

What lies beyond holds no data and counts in nothing, so that each pixel of a scene is counted once
where tiles do not overlap.
"""

from datasets.source import Tiling, Window
from datasets.tiling import check_tiling


def padded_windows(height: int, width: int, tiling: Tiling | None) -> list[Window]:
    """The tiles of a scene, row by row; together they cover every pixel. None: the whole scene.

    Neighbours overlap by `tiling.overlap` pixels. Each tile is `tiling.size` pixels a side, and
    only the last one of a row or column reaches beyond the scene.

    Raises:
        DataError: if tiles would not advance.
    """
    if tiling is None:
        return [Window(0, 0, width, height)]
    check_tiling(tiling)
    size, overlap = tiling
    return [
        Window(x, y, size, size)
        for y in _starts(height, size, overlap)
        for x in _starts(width, size, overlap)
    ]


def _starts(length: int, size: int, overlap: int) -> range:
    """Where tiles begin: as few as reach the end."""
    return range(0, max(length - overlap, 1), size - overlap)
