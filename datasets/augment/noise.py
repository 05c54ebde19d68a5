"""Gaussian noise."""

import numpy as np
import torch

from datasets.augment.changed import with_images
from datasets.batches import Batch


def noise(batch: Batch, strength: float, rng: np.random.Generator) -> Batch:
    """Add noise to each value, whose standard deviation is from 0 to `strength` in an image.

    The noise of a pixel is drawn on the device, and depends on its kind.
    """
    images, device = batch.images, batch.images.device
    deviations = rng.uniform(0, strength, (len(images), 1, 1, 1))
    drawn = torch.randn(
        images.shape,
        generator=torch.Generator(device).manual_seed(int(rng.integers(2**63))),
        device=device,
    )
    factors = torch.as_tensor(deviations, dtype=torch.float32, device=device)
    return with_images(batch, images + factors * drawn)
