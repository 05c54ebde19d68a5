"""A training split as the stages see it: shuffled and augmented anew in every epoch."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from datasets import Split
from datasets.batches import Batch, batch_count, batches
from models.pretraining.training import Recipe
from models.resizing import resized_batch


class Shuffled:
    """A training split, one epoch at a time; an epoch is the same whenever it is asked for.

    Args:
        image_size: px to which images are resized.
        device: where images are given.
    """

    def __init__(
        self, training: Split, batch_size: int, seed: int, image_size: int, device: torch.device
    ) -> None:
        self.training, self.batch_size, self.seed = training, batch_size, seed
        self.image_size, self.device = image_size, device

    def recipe(self, epochs: int, lr: float) -> Recipe:
        """How a stage is trained on these batches."""
        steps = batch_count(self.training, self.batch_size)
        return Recipe(epochs=epochs, steps_per_epoch=steps, lr=lr, seed=self.seed)

    def images(self, epoch: int) -> Iterator[Tensor]:
        """Images [B, C, S, S], standardised; NaN in pixels that hold no data."""
        for batch in self._batches(epoch):
            if batch.valid is None:
                yield batch.images
            else:
                yield batch.images.masked_fill(~batch.valid.to(self.device)[:, None], torch.nan)

    def labelled(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Images, and whether each holds an object [B], bool, on the CPU."""
        for batch in self._batches(epoch):
            yield batch.images, torch.tensor([len(boxes) > 0 for boxes in batch.boxes])

    def _batches(self, epoch: int) -> Iterator[Batch]:
        rng = np.random.default_rng([self.seed, epoch])
        data = batches(self.training, self.batch_size, rng=rng, augment=True, device=self.device)
        for batch in data:
            yield resized_batch(batch, self.image_size)
