"""What every head builds over a backbone, whatever the task."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from datasets.batches import Batch
from datasets.cache import Split
from models.backbones import Backbone


@dataclass(frozen=True)
class Classes:
    """What a head needs to know about the data.

    Attributes:
        names: of class ids 1, 2, …
        pixels: training pixels of class ids 0, 1, 2, …; ignored ones do not count.
        areas: of each class id, all labelled pixels of the training images that hold it.
        images: training images of class ids 1, 2, …, where images are labelled as a whole.
        multi_label: whether an image may have several such labels, or none.
    """

    names: tuple[str, ...]
    pixels: tuple[int, ...]
    areas: tuple[int, ...]
    images: tuple[int, ...] = ()
    multi_label: bool = False


class Model(nn.Module, ABC):
    """A network that is trained on batches and finds something in images.

    Attributes:
        reads_maps: of the backbone, it uses what calling it gives, and nothing inside: only then
            can the maps of a frozen network be kept.
        reads_values: it looks at values of tensors outside PyTorch, so that it cannot be run on
            tensors without any, see `models.memory`.
    """

    reads_maps: bool = True
    reads_values: bool = False

    @property
    @abstractmethod
    def backbone(self) -> Backbone:
        """Where its features come from."""

    @abstractmethod
    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """The loss terms of a batch by name, unweighted, each a scalar."""

    @abstractmethod
    def predict(self, images: Tensor) -> list[dict[str, Tensor]]:
        """What the model finds in images [B, C, S, S], an entry an image; without gradients."""

    def pass_through(self, images: Tensor) -> None:
        """Run the layers on images [B, C, S, S] without a look at values: for counting operations.

        It works on the meta device. What depends on values, as the number of regions that a
        detector keeps, is taken at its usual size or left out.
        """
        self.backbone(images)

    def before_training(self, training: Split, seed: int, device: torch.device) -> None:
        """Prepare on the training data before the first epoch; most models need nothing.

        Called once, on `device`, before the optimiser is made, and not when a training is resumed:
        the result must be in parameters and buffers.
        """
