"""A recipe that tests change, and splits that take no time to make."""

import numpy as np

from datasets import Split
from datasets.augment.augmentation import Augmentation
from models.training import Recipe

SIDE, SQUARE = 32, 12

FLIPS, PLAIN = Augmentation(True, {}), Augmentation(False, {})
RECIPE = Recipe(
    epochs=3,
    lr=1e-2,
    lr_decay="cosine",
    frozen=False,
    batch_size=8,
    optimizer="adamw",
    weight_decay=0.05,
    warmup_epochs=0.5,
    clip_norm=5.0,
    augment=FLIPS,
    loss_weights={},
    seed=0,
)


def made_split(count: int, seed: int) -> Split:
    """Images of 32 px: noise, and in each a bright square of class 1, with its box."""
    rng = np.random.default_rng(seed)
    masks = np.zeros((count, SIDE, SIDE), np.uint8)
    corners = rng.integers(0, SIDE - SQUARE, (count, 2))
    for mask, (x, y) in zip(masks, corners, strict=True):
        mask[y : y + SQUARE, x : x + SQUARE] = 1
    images = rng.normal(size=(count, 3, SIDE, SIDE)) + 2 * masks[:, None]
    names = tuple(f"{seed}-{number}" for number in range(count))
    sizes = np.full((count, 2), SIDE)
    return Split(
        images=images.astype(np.float32),
        masks=masks,
        boxes=np.hstack([corners, corners + SQUARE]).astype(np.float32),
        labels=np.ones(count, np.int64),
        offsets=np.arange(count + 1),
        sizes=sizes,
        outlines=None,
        names=names,
        scenes=names,
        files=names,
        windows=np.hstack([np.zeros_like(sizes), sizes]),
        classes=("landslide",),
        stretch=None,
        mean=np.zeros(3, np.float32),
        std=np.ones(3, np.float32),
    )
