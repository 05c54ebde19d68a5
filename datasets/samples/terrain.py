"""Synthetic ground for the samples: fractal fields, slopes, light, outlines."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

Field = NDArray[np.float64]


def fractal(rng: np.random.Generator, size: int, exponent: float) -> Field:
    """Noise [size, size] of mean 0 and variance 1 whose amplitude falls as frequency**-exponent.

    About 1 looks like land cover, 2 like hills (spectral synthesis of fractal terrain: Saupe, in
    Peitgen and Saupe, The Science of Fractal Images, 1988). Periodic at its borders.
    """
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None, :])
    frequency[0, 0] = np.inf  # no mean
    spectrum = np.fft.rfft2(rng.standard_normal((size, size))) * frequency**-exponent
    field: Field = np.fft.irfft2(spectrum, s=(size, size))
    field -= field.mean()
    field /= field.std()
    return field


def gradient(elevation: Field, pixel: float) -> tuple[Field, Field]:
    """Rise per metre towards greater x and greater y, for pixels of `pixel` metres."""
    return np.gradient(elevation, pixel, axis=1), np.gradient(elevation, pixel, axis=0)


def slope_degrees(elevation: Field, pixel: float) -> Field:
    """Steepness in degrees, 0 for level ground."""
    degrees: Field = np.degrees(np.arctan(np.hypot(*gradient(elevation, pixel))))
    return degrees


def sunlight(elevation: Field, pixel: float, azimuth: float, height: float) -> Field:
    """Cosine of the angle between sun and ground, relative to level ground (which is 1).

    Args:
        azimuth: where the sun stands, in radians from x towards y.
        height: of the sun above the horizon, in radians.
    """
    dx, dy = gradient(elevation, pixel)
    facing = -(dx * np.cos(azimuth) + dy * np.sin(azimuth)) / np.tan(height)
    light: Field = np.clip((1 + facing) / np.sqrt(1 + dx**2 + dy**2), 0, None)
    return light


def patch_coverage(
    warp: NDArray[np.float64],
    centre: tuple[float, float],
    angle: float,
    length: float,
    width: float,
    *,
    roundness: float,
    flare: float,
    edge: float,
) -> Field:
    """Soft outline [S, S] of an elongated patch: 1 inside, 0 outside, 0.5 on the line.

    Args:
        warp: displacement [2, S, S] in pixels (x, y), which makes the outline irregular.
        centre: x, y in pixels.
        angle: of the long axis, in radians from x towards y.
        length, width: along and across, in pixels.
        roundness: exponent of the superellipse: 2 an ellipse, large a rectangle.
        flare: how much wider the far end is than the middle, as a share of the width.
        edge: half-width of the transition in pixels.
    """
    y, x = np.mgrid[: warp.shape[1], : warp.shape[2]]
    dx, dy = x - centre[0] + warp[0], y - centre[1] + warp[1]
    along = (dx * np.cos(angle) + dy * np.sin(angle)) / (length / 2)
    across = (dy * np.cos(angle) - dx * np.sin(angle)) / (width / 2)
    across /= np.clip(1 + flare * along, 0.3, 2)
    radius = (np.abs(along) ** roundness + np.abs(across) ** roundness) ** (1 / roundness)
    coverage: Field = expit((1 - radius) * width / 2 / edge)
    return coverage
