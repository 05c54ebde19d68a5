"""Gaussian blur."""

import math

import numpy as np
import torch
from torchvision.transforms.v2.functional import gaussian_blur

from datasets.augment.changed import with_images
from datasets.batches import Batch

REACH = 3
"""Standard deviations at which the kernel ends."""


def blur(batch: Batch, strength: float, rng: np.random.Generator) -> Batch:
    """Blur each image by its own standard deviation, from 0 to `strength` pixels."""
    images = []
    for image, sigma in zip(batch.images, rng.uniform(0, strength, len(batch.images)), strict=True):
        side = 2 * math.ceil(REACH * sigma) + 1
        images.append(gaussian_blur(image, [side, side], [sigma]) if sigma > 0 else image)
    return with_images(batch, torch.stack(images))
