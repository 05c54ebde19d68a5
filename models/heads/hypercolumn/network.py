"""Segmentation from zoom-out features: a frozen VGG, and a classifier of single pixels over it.

Mostajabi et al. 2015, "Feedforward Semantic Segmentation with Zoom-out Features"; Hariharan et al.
2015, "Hypercolumns for Object Segmentation and Fine-grained Localization". Three stages: pixels
are drawn from the training images, equally many of each class in an image; the classifier is
trained on their hypercolumns; then it is trained densely, as 1 × 1 convolutions over whole images.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from datasets.cache import Split
from models.backbones import Backbone
from models.heads.hypercolumn.features import Moments, ZoomOut, at_pixels, enlarging, part
from models.heads.hypercolumn.options import HypercolumnOptions
from models.heads.hypercolumn.pixels import draw_pixels, image_groups, pixel_batches
from models.heads.segmenters import SegmentationModel
from models.losses.criterion import output_channels
from models.model import Classes
from models.optimisation import make_optimizer

HIDDEN = 1024
"""Width of both hidden layers, as in the zoom-out paper."""

TILE = 64
"""Side in pixels of the squares that the hidden layers process at once: the largest whose
activations, 16 MB a layer, still profit from a CPU's cache."""

KEPT_PIXELS = 2**16
"""Pixels of a batch whose hidden activations (10 kB) are kept for the backward pass; those of
further ones are computed again there."""


class DropoutReLU(nn.Module):
    """Dropout and ReLU in one, whose order makes no difference.

    Half the memory of the two modules: the backward pass needs the result, which the next layer
    keeps anyway, and a byte a value. Uniform numbers are drawn three times as fast on a CPU as the
    Bernoulli ones of torch's dropout, which takes a fifth of a step here.
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, hidden: Tensor) -> Tensor:
        """Activations of any shape, which are overwritten."""
        if self.training and self.probability > 0:
            dropped = torch.rand(hidden.shape, device=hidden.device) < self.probability
            hidden = hidden.masked_fill_(dropped, 0).div_(1 - self.probability)
        return hidden.relu_()


class PixelClassifier(nn.Module):
    """Standardised hypercolumns → outputs: two hidden layers with ReLU and dropout.

    Over a map, these layers are 1 × 1 convolutions: the dense network starts with the weights that
    were trained on single pixels.

    Args:
        widths: channels of each scale; their sum is a hypercolumn's.
    """

    def __init__(self, widths: tuple[int, ...], outputs: int, dropout: float) -> None:
        super().__init__()
        self.widths = widths
        self.hidden = nn.Linear(sum(widths), HIDDEN)
        self.rest = nn.Sequential(
            DropoutReLU(dropout),
            nn.Linear(HIDDEN, HIDDEN),
            DropoutReLU(dropout),
            nn.Linear(HIDDEN, outputs),
        )

    def forward(self, columns: Tensor) -> Tensor:
        """Hypercolumns [..., C] → outputs [..., outputs]."""
        return self.rest(self.hidden(columns))

    def dense(self, scales: Sequence[Tensor]) -> Tensor:
        """Scales [B, C_i, S/2^i, S/2^i] → outputs [B, outputs, S, S].

        Enlarging is linear and the same for all channels, and so it commutes with the first layer:
        each scale is reduced to `HIDDEN` channels at its own resolution, and those are enlarged
        and added, tile by tile. Apart from the scales, of 1 kB a pixel, the memory that this takes
        does not depend on the image's size.
        """
        size = scales[0].shape[-1]
        weights = self.hidden.weight.split(self.widths, dim=1)
        matrices = [enlarging(maps.shape[-1], size, maps) for maps in scales[1:]]
        spans = [slice(start, start + TILE) for start in range(0, size, TILE)]
        kept = 0

        def tile(maps: tuple[Tensor, ...], rows: slice, columns: slice) -> Tensor:
            nonlocal kept
            kept += TILE**2
            if kept <= KEPT_PIXELS or not torch.is_grad_enabled():
                return self._tile(maps, weights, matrices, rows, columns)
            return checkpoint(
                self._tile, maps, weights, matrices, rows, columns, use_reentrant=False
            )

        def images(maps: tuple[Tensor, ...]) -> Tensor:
            lines = [torch.cat([tile(maps, rows, c) for c in spans], dim=2) for rows in spans]
            return torch.cat(lines, dim=1)

        together = max(TILE**2 // size**2, 1)
        channels_last = [maps.permute(0, 2, 3, 1).split(together) for maps in scales]
        outputs = torch.cat([images(maps) for maps in zip(*channels_last, strict=True)])
        return outputs.permute(0, 3, 1, 2)

    def _tile(
        self,
        scales: Sequence[Tensor],
        weights: Sequence[Tensor],
        matrices: Sequence[Tensor],
        rows: slice,
        columns: slice,
    ) -> Tensor:
        """Part of the scales [B, S/2^i, S/2^i, C_i] → outputs [B, rows, columns, outputs]."""
        hidden = F.linear(scales[0][:, rows, columns], weights[0], self.hidden.bias)
        for maps, weight, matrix in zip(scales[1:], weights[1:], matrices, strict=True):
            down, needed_rows = part(matrix, rows)
            across, needed_columns = part(matrix, columns)
            small = F.linear(maps[:, needed_rows, needed_columns], weight)
            tall = (down @ small.flatten(2)).unflatten(2, small.shape[2:])
            hidden += across @ tall
        return self.rest(hidden)


class Hypercolumn(SegmentationModel):
    """A pixel classifier over the hypercolumns of a frozen VGG (timm's, with batch norm or not).

    Args:
        backbone: a VGG. It is not trained, and its batch statistics do not change.

    Attributes:
        channels: length of a hypercolumn: the image's bands and the channels of all layers.

    Raises:
        UnknownBackboneError: the backbone is not a VGG.
    """

    reads_maps = False

    mean: Tensor
    std: Tensor

    def __init__(self, backbone: Backbone, classes: Classes, options: HypercolumnOptions) -> None:
        super().__init__(backbone, classes, options)
        backbone.requires_grad_(False)
        self.options = options
        self.zoom_out = ZoomOut(backbone, options.layers)
        widths = self.zoom_out.widths
        self.channels = sum(widths)
        self.classifier = PixelClassifier(widths, output_channels(classes), options.dropout)
        self.register_buffer("mean", torch.zeros(self.channels))
        self.register_buffer("std", torch.ones(self.channels))

    def train(self, mode: bool = True) -> "Hypercolumn":
        """As of any module, but the backbone stays in evaluation mode."""
        super().train(mode)
        self.backbone.eval()
        return self

    def outputs(self, images: Tensor) -> Tensor:
        """Images [B, C, S, S] → outputs [B, output_channels, S, S]."""
        return self.classifier.dense(self.scales(images))

    def scales(self, images: Tensor) -> list[Tensor]:
        """Images [B, C, S, S] → scales, see `ZoomOut`, standardised as on the training images."""
        widths = self.zoom_out.widths
        means, stds = self.mean.split(widths), self.std.split(widths)
        return [
            (maps - mean[:, None, None]) / std[:, None, None]
            for maps, mean, std in zip(self.zoom_out(images), means, stds, strict=True)
        ]

    def columns(self, images: Tensor, positions: Sequence[Tensor]) -> Tensor:
        """Standardised hypercolumns of some pixels of each image, see `pixels.Columns`."""
        scales = self.scales(images)
        return torch.cat([at_pixels(scales, image, at) for image, at in enumerate(positions)])

    def labels(self, training: Split) -> Iterable[NDArray[np.uint8]]:
        """Of each training image, the class ids of all that can be drawn from it."""
        return training.masks

    def terms(self, columns: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """The loss terms of hypercolumns [N, C] with class ids uint8 [N]."""
        return self.criterion(self.classifier(columns).T[None, :, :, None], labels[None, :, None])

    def before_training(self, training: Split, seed: int, device: torch.device) -> None:
        """Measure the features of the training images, and train the classifier on single pixels.

        With AdamW at a constant rate, on the sum of the loss terms.
        """
        moments = Moments(self.channels)
        for _, images in image_groups(training, device):
            moments.add(self.zoom_out(images))
        mean, std = moments.result()
        self.mean.copy_(mean)
        self.std.copy_(std)
        self._train_on_pixels(training, seed, device)

    def _train_on_pixels(self, training: Split, seed: int, device: torch.device) -> None:
        torch.manual_seed(seed)
        rng = np.random.default_rng(seed)
        pixels = draw_pixels(self.labels(training), self.options.pixels_per_class, rng)
        batches = pixel_batches(training, pixels, self.columns, self.channels, rng, device)
        self.train()
        optimizer = make_optimizer(self.classifier, "adamw", self.options.pixel_lr, 0.0)
        for _ in range(self.options.pixel_epochs):
            for columns, labels in batches():
                loss = torch.stack(list(self.terms(columns, labels).values())).sum()
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                optimizer.step()
