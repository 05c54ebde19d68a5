"""Contrast and brightness of images of any bands, which are standardised."""

import numpy as np
import torch

from datasets.augment.changed import with_images
from datasets.batches import Batch


def gain(batch: Batch, strength: float, rng: np.random.Generator) -> Batch:
    """Of all bands of an image together."""
    return _gain(batch, strength, rng, bands=1)


def band_gain(batch: Batch, strength: float, rng: np.random.Generator) -> Batch:
    """Of each band by itself: the colour changes as well."""
    return _gain(batch, strength, rng, bands=batch.images.shape[1])


def _gain(batch: Batch, strength: float, rng: np.random.Generator, bands: int) -> Batch:
    """Values times a factor from 1 - `strength` to 1 + `strength`, plus a shift from -`strength`
    to `strength`: standard deviations of the training pixels, around their mean."""
    drawn = rng.uniform(-strength, strength, (2, len(batch.images), bands, 1, 1))
    change, shift = torch.as_tensor(drawn, dtype=torch.float32, device=batch.images.device)
    return with_images(batch, batch.images * (1 + change) + shift)
