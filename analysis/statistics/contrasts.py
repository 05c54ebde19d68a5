"""Weighted sums of the scores of arms, with the errors of images and of seeds.

A mean of differences over several pairs of arms is one, and so is what a score lacks of a share of
another: `s − 0.9 t` is above 0 just where `s` is more than 90 % of `t` (Fieller 1954).

The errors are those of `ties`: images are drawn again, the same for all arms, and the variance
between seeds is pooled on the scale of angles. Here both are on the scale of scores, on which
differences of several pairs can be averaged: by the derivative of sin² θ, a variance v of angles
is v · sin² 2θ of scores (delta method; Casella & Berger 2002, section 5.5.4).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.statistics.bootstrap import Bootstrap
from analysis.statistics.seeds import SeedNoise, angles, variance_over_images
from analysis.statistics.ties import LEVEL, ErrorParts, obstacle, p_of_largest

HALVINGS = 40
"""Of the range that the half width lies in, until it is known."""

Term = tuple[float, Bootstrap]
"""The weight of an arm, and its scores."""


@dataclass(frozen=True)
class Contrast:
    """A weighted sum of scores.

    Attributes:
        value: of the mean scores over seeds.
        error: of `value`; here in squared scores.
        low, high: its 95 % interval.
    """

    value: float
    error: ErrorParts
    low: float
    high: float


def contrast(terms: Sequence[Term], noise: SeedNoise) -> Contrast:
    """The sum, and its interval: the values that `ties.p_of_largest` does not reject.

    No two of the arms may have an obstacle, see `obstacle_of`, and no arm comes twice.
    """
    value = sum(weight * float(arm.scores.mean()) for weight, arm in terms)
    resampled = sum(weight * arm.resampled.mean(axis=0) for weight, arm in terms)
    images = terms[0][1].drawn.units
    squares = [(weight * _slope(arm)) ** 2 for weight, arm in terms]
    known = [noise.of(arm) for _, arm in terms]
    counts = tuple(len(arm.scores) for _, arm in terms)
    twice = sum(
        square * seed.by_image / count
        for square, seed, count in zip(squares, known, counts, strict=True)
    )
    error = ErrorParts(
        once=max(0.0, variance_over_images(np.asarray(resampled), images) - twice),
        images=images,
        seeds=tuple(square * seed.total for square, seed in zip(squares, known, strict=True)),
        counts=counts,
        freedom=noise.freedom,
    )
    half = _half_width(error)
    return Contrast(value, error, value - half, value + half)


def obstacle_of(arms: Sequence[Bootstrap]) -> str | None:
    """Why these arms cannot be taken together; None if they can."""
    return next((why for arm in arms if (why := obstacle(arms[0], arm))), None)


def _slope(arm: Bootstrap) -> float:
    """What a small change of the angle is of the score."""
    return float(np.sin(2 * angles(arm.scores.mean())))


def _half_width(error: ErrorParts) -> float:
    if not error.standard:
        return 0.0
    low, high = 0.0, 1e3
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if p_of_largest(middle, [error]) > LEVEL:
            low = middle
        else:
            high = middle
    return high * error.standard
