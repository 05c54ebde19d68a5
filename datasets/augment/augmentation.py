"""The augmentation of a training: a level, and the strengths that differ from it.

Neither library of augmentations does all of this. Torchvision draws once a call and not once an
image, and its colours, like Kornia's, are cut off at 0 and 1, where standardised values are not;
torchvision's are of 1 or 3 bands, and Kornia's boxes include their last pixel. What is drawn here
comes from one generator, so that an epoch is the same whenever it is trained.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from datasets.augment import OPERATIONS, PREFIX, PRESETS, Level
from datasets.batches import Batch


@dataclass(frozen=True)
class Augmentation:
    """What is done to training images.

    Attributes:
        symmetries: each is turned and mirrored by a random symmetry of the square, when batches are
            made (`datasets.batches.batches`).
        strengths: of the other operations by name; one that is not named is not applied.
    """

    symmetries: bool
    strengths: Mapping[str, float]

    @property
    def changes_images(self) -> bool:
        """Whether anything is done."""
        return self.symmetries or any(strength > 0 for strength in self.strengths.values())

    def apply(self, batch: Batch, rng: np.random.Generator) -> Batch:
        """`batch` after all operations but the symmetries, on the device that it is on."""
        for name, operation in OPERATIONS.items():
            strength = self.strengths.get(name, 0.0)
            if strength > 0:
                batch = operation.change(batch, strength, rng)
        return batch


def level_of(value: str | bool) -> Level:
    """The level that a sweep names; older ones have true for flips and false for none."""
    if isinstance(value, bool):
        return "flips" if value else "none"
    return next(level for level in PRESETS if level == value)


def augmentation_of(config: Mapping[str, Any]) -> Augmentation:
    """The augmentation in a flat configuration; strengths that it names go before the level's."""
    level = level_of(config["augment"])
    named = {name: float(config[PREFIX + name]) for name in OPERATIONS if PREFIX + name in config}
    return Augmentation(level != "none", {**PRESETS[level], **named})
