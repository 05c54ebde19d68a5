"""What images are standardised with: percentiles, mean and deviation of the training pixels.

All are exact, and none needs the images in memory: integers are counted by value. Of floats, the
bit patterns are counted, which sort as the numbers do, the upper half of the bits first and the
lower half where a percentile was found to lie.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datasets.source import DataError
from datasets.view import Pixels

CHUNK = 2**22  # values taken at a time
HALF = 2**16
Floats = NDArray[np.float64]


class Statistics(NamedTuple):
    """Of the training pixels, for each band.

    Attributes:
        stretch: the values [2, C] that become 0 and 1, beyond which an image is cut off; None if
            there is no stretch.
        mean, std: [C], after the stretch.
        constant: bool [C], bands that hold one value; their std is 1, so that they become 0.
    """

    stretch: Floats | None
    mean: Floats
    std: Floats
    constant: NDArray[np.bool_]


def training_statistics(
    images: Pixels, stretch: tuple[float, float] | None, without_data: int = 0
) -> Statistics:
    """Statistics of images [N, C, S, S], uint8, uint16 or float32.

    Args:
        without_data: how many pixels hold none, and do not count: they are 0 in every band of
            integers, and NaN in every band of floats.
        stretch: percentiles in [0, 100] that become 0 and 1. Pixels that are 0 in every band hold
            no data and do not count for them.

    Raises:
        DataError: if no pixel holds data, or percentiles are asked for and all are 0.
    """
    if without_data == _pixels(images):
        raise DataError("the training images hold no data: every pixel is nodata")
    if images.dtype.kind == "u":
        limits, mean, std = _of_integers(images, stretch, without_data)
    else:
        limits = None if stretch is None else _float_percentiles(images, stretch)
        mean, std = _float_moments(images, limits, without_data)
    constant = std <= 1e-6 * np.abs(mean)
    std[constant] = 1
    return Statistics(limits, mean, std, constant)


def stretched(values: NDArray[np.generic], limits: Floats) -> Floats:
    """Values [..., C, n] such that `limits` [2, C] become 0 and 1, cut off beyond."""
    low, high = limits[..., None]
    return np.clip((values - low) / (high - low), 0, 1)


def _of_integers(
    images: Pixels, stretch: tuple[float, float] | None, without_data: int
) -> tuple[Floats | None, Floats, Floats]:
    channels, size = images.shape[1], 256**images.dtype.itemsize
    counts = np.zeros((channels, size), dtype=np.int64)
    empty = 0
    for chunk in _chunks(images):
        empty += int((~chunk.any(axis=1)).sum())
        for band in range(channels):
            counts[band] += np.bincount(chunk[:, band].ravel(), minlength=size)
    counts[:, 0] -= without_data
    values = np.broadcast_to(np.arange(size, dtype=np.float64), counts.shape)
    limits = None
    if stretch is not None:
        with_data = counts.copy()
        with_data[:, 0] -= empty - without_data
        ranks, weight = _ranks(int(with_data[0].sum()), stretch)
        found = np.stack([_position(of_band, ranks)[0] for of_band in with_data], axis=-1)
        limits = _interpolated(found.astype(np.float64), weight)
        values = stretched(values, limits)
    shares = counts / counts[0].sum()
    mean = (shares * values).sum(axis=1)
    return limits, mean, np.sqrt((shares * (values - mean[:, None]) ** 2).sum(axis=1))


def _float_percentiles(images: Pixels, stretch: tuple[float, float]) -> Floats:
    channels = images.shape[1]
    upper = np.zeros((channels, HALF), dtype=np.int64)
    for band, keys in _keys(images):
        upper[band] += np.bincount(keys >> 16, minlength=HALF)
    ranks, weight = _ranks(int(upper[0].sum()), stretch)
    positions = [_position(of_band, ranks) for of_band in upper]
    lower = np.zeros((channels, len(ranks), HALF), dtype=np.int64)
    for band, keys in _keys(images):
        for row, half in enumerate(positions[band][0]):
            lower[band, row] += np.bincount(keys[keys >> 16 == half] & (HALF - 1), minlength=HALF)
    found = np.empty((len(ranks), channels), dtype=np.uint32)
    for band, (halves, rests) in enumerate(positions):
        for row, (half, rest) in enumerate(zip(halves, rests, strict=True)):
            found[row, band] = half << 16 | _position(lower[band, row], rest)[0]
    return _interpolated(_from_keys(found).astype(np.float64), weight)


def _float_moments(
    images: Pixels, limits: Floats | None, without_data: int
) -> tuple[Floats, Floats]:
    channels = images.shape[1]
    total, squares = np.zeros(channels), np.zeros(channels)
    for chunk in _chunks(images):
        values = chunk.reshape(*chunk.shape[:2], -1).astype(np.float64)
        if limits is not None:
            values = stretched(values, limits)
        total += np.nansum(values, axis=(0, 2))
        squares += np.nansum(np.square(values), axis=(0, 2))
    pixels = _pixels(images) - without_data
    mean = total / pixels
    return mean, np.sqrt(np.clip(squares / pixels - mean**2, 0, None))


def _pixels(images: Pixels) -> int:
    return math.prod(images.shape) // images.shape[1]


def _chunks(images: Pixels) -> Iterator[NDArray[np.generic]]:
    step = max(1, CHUNK // math.prod(images.shape[1:]))
    return (images[start : start + step] for start in range(0, len(images), step))


def _keys(images: Pixels) -> Iterator[tuple[int, NDArray[np.uint32]]]:
    """Each band's pixels with data, a chunk at a time, as integers that sort as the floats do."""
    for chunk in _chunks(images):
        with_data = chunk.any(axis=1) & ~np.isnan(chunk[:, 0])
        for band in range(images.shape[1]):
            bits = chunk[:, band][with_data].view(np.uint32)
            yield band, bits ^ np.where(bits >> 31, np.uint32(2**32 - 1), np.uint32(2**31))


def _from_keys(keys: NDArray[np.uint32]) -> NDArray[np.float32]:
    bits = keys ^ np.where(keys >> 31, np.uint32(2**31), np.uint32(2**32 - 1))
    return bits.view(np.float32)


def _ranks(count: int, stretch: tuple[float, float]) -> tuple[NDArray[np.int64], Floats]:
    """Places in a sorted list of `count` between which both percentiles lie, and how far along."""
    if count == 0:
        raise DataError(
            "stretch: the training images are 0 everywhere, so they have no percentiles"
        )
    exact = (count - 1) * np.array(stretch) / 100
    below = np.floor(exact)
    return np.concatenate([below, np.ceil(exact)]).astype(np.int64), exact - below


def _position(
    counts: NDArray[np.int64], ranks: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """In which bin a rank lies, and its rank there."""
    until = np.cumsum(counts)
    bins = np.searchsorted(until, ranks, side="right")
    return bins, ranks - (until - counts)[bins]


def _interpolated(found: Floats, weight: Floats) -> Floats:
    """Percentiles [2, C] from the values [4, C] around them; never of no width."""
    low, high = found[:2] + weight[:, None] * (found[2:] - found[:2])
    return np.stack([low, np.where(high > low, high, low + 1)])
