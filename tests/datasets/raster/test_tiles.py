"""Tiles at the files' resolution, the last ones padded."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from datasets import Tiling
from datasets.raster.tiles import padded_windows


@given(st.integers(1, 200), st.integers(1, 200), st.integers(1, 64))
def test_each_pixel_lies_in_exactly_one_tile(height: int, width: int, size: int) -> None:
    counted = np.zeros((height, width), int)
    for window in padded_windows(height, width, Tiling(size, 0)):
        assert (window.width, window.height) == (size, size)
        counted[window.y : window.y + size, window.x : window.x + size] += 1
    assert (counted == 1).all()


@given(st.integers(1, 150), st.integers(8, 64), st.integers(1, 7))
def test_with_overlap_each_pixel_lies_in_some_tile(side: int, size: int, overlap: int) -> None:
    counted = np.zeros(side, int)
    for window in padded_windows(1, side, Tiling(size, overlap)):
        assert window.x < side
        counted[window.x : window.x + size] += 1
    assert (counted >= 1).all()
