"""The hypercolumn head over single pixels, or over superpixels."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datasets.batches import Batch
from datasets.cache import Split
from models.backbones import Backbone
from models.heads.hypercolumn.network import Hypercolumn
from models.heads.hypercolumn.options import HypercolumnOptions
from models.heads.hypercolumn.pixels import image_groups
from models.heads.hypercolumn.superpixels import find_superpixels, majority, superpixel_means
from models.model import Classes
from runs.errors import EosweepError


class SuperpixelExportError(EosweepError):
    """A model that finds superpixels is exported, which would keep those of one image for all."""


def hypercolumn(backbone: Backbone, classes: Classes, options: HypercolumnOptions) -> Hypercolumn:
    """The head over the elements that `options.pixels` names."""
    match options.pixels:
        case "random":
            return Hypercolumn(backbone, classes, options)
        case "superpixels":
            return SuperpixelHypercolumn(backbone, classes, options)


class SuperpixelHypercolumn(Hypercolumn):
    """A classifier of superpixels, by the mean hypercolumn of their pixels.

    Where `Hypercolumn` has pixels, this has superpixels, in both of its trainings: first some are
    drawn by class, then all of an image are learned from, each of the class of most of its pixels,
    and each with the same weight. The pixels of a superpixel are given one prediction.
    """

    reads_values = True

    def outputs(self, images: Tensor) -> Tensor:
        """Images [B, C, S, S] → outputs [B, output_channels, S, S], alike within a superpixel.

        Raises:
            SuperpixelExportError: it is traced.
        """
        if torch.jit.is_tracing() or torch.compiler.is_exporting():
            raise SuperpixelExportError(
                "a hypercolumn head with pixels: superpixels cannot be exported, as SLIC is no "
                "network: use it in PyTorch, or train one with pixels: random"
            )
        superpixels = self._superpixels(images)
        means = self._means(images, superpixels)
        painted = [self.classifier(one)[ids] for one, ids in zip(means, superpixels, strict=True)]
        return torch.stack(painted).permute(0, 3, 1, 2)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """The terms of the loss of all superpixels of a batch, each a float32 scalar."""
        superpixels = self._superpixels(batch.images)
        labels = [majority(ids, mask) for ids, mask in zip(superpixels, batch.masks, strict=True)]
        return self.terms(torch.cat(self._means(batch.images, superpixels)), torch.cat(labels))

    def pass_through(self, images: Tensor) -> None:
        """All layers; SLIC is no layer, and its superpixels are as many as it is asked for."""
        self.scales(images)
        self.classifier(images.new_zeros(len(images) * self.options.superpixels, self.channels))

    def columns(self, images: Tensor, positions: Sequence[Tensor]) -> Tensor:
        """Standardised mean hypercolumns of some superpixels of each image."""
        means = self._means(images, self._superpixels(images))
        return torch.cat([one[at] for one, at in zip(means, positions, strict=True)])

    def labels(self, training: Split) -> Iterator[NDArray[np.uint8]]:
        """Of each training image, the classes of its superpixels."""
        for rows, images in image_groups(training, torch.device("cpu")):
            for row, superpixels in zip(rows, self._superpixels(images), strict=True):
                mask = torch.from_numpy(np.array(training.masks[row]))
                yield majority(superpixels, mask).numpy()

    def _superpixels(self, images: Tensor) -> list[Tensor]:
        return [find_superpixels(image, self.options.superpixels) for image in images]

    def _means(self, images: Tensor, superpixels: Sequence[Tensor]) -> list[Tensor]:
        """Standardised mean hypercolumns [N, C] of the superpixels of each image."""
        scales = self.scales(images)
        return [superpixel_means(scales, image, ids) for image, ids in enumerate(superpixels)]
