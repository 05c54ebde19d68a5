"""What every head builds over a backbone, whatever the task."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from datasets.batches import Batch


class Model(nn.Module, ABC):
    """A network that can be trained on batches and asked about images."""

    @abstractmethod
    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """The loss terms of a batch by name, unweighted, each a scalar."""

    @abstractmethod
    def predict(self, images: Tensor) -> list[dict[str, Tensor]]:
        """What the model finds in images [B, C, S, S], an entry an image; without gradients."""
