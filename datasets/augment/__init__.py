"""Augmentation: random changes of training images, their masks and boxes in step.

Adding an operation is a function in a file here, and its line in `OPERATIONS`. Neither names nor
strengths need torch.
"""

from collections.abc import Mapping
from typing import Literal

from datasets.augment.operation import Operation

PREFIX = "augment."
"""The setting `augment.scale` is the strength of the operation `scale`."""

OPERATIONS: dict[str, Operation] = {
    "scale": Operation(
        "datasets.augment.scale:scale",
        most=3.0,
        meaning="zoom by a factor from 1/(1 + s) to 1 + s, drawn by magnitude, at a random place",
    ),
    "cutout": Operation(
        "datasets.augment.cutout:cutout",
        most=0.5,
        meaning="empty a square of up to this share of the image",
    ),
    "gain": Operation(
        "datasets.augment.gain:gain",
        most=1.0,
        meaning="contrast and brightness: standardised values times a factor from 1 - s to 1 + s, "
        "plus a shift from -s to s",
    ),
    "band_gain": Operation(
        "datasets.augment.gain:band_gain",
        most=1.0,
        meaning="the same, drawn for each band by itself",
    ),
    "blur": Operation(
        "datasets.augment.blur:blur",
        most=5.0,
        meaning="Gaussian blur, its standard deviation up to so many pixels",
    ),
    "noise": Operation(
        "datasets.augment.noise:noise",
        most=2.0,
        meaning="Gaussian noise on standardised values, its standard deviation up to this",
    ),
}
"""By name, in the order in which they are applied."""

Level = Literal["none", "flips", "light", "strong"]

PRESETS: dict[Level, Mapping[str, float]] = {
    "none": {},
    "flips": {},
    "light": {"scale": 0.25, "gain": 0.1, "band_gain": 0.05},
    "strong": {
        "scale": 1.0,
        "cutout": 0.1,
        "gain": 0.3,
        "band_gain": 0.1,
        "blur": 1.0,
        "noise": 0.1,
    },
}
"""Strengths by level; all levels but `none` have the eight symmetries of the square as well."""
