"""What torchvision's detectors over a `Backbone` share: pyramid, anchors, input and losses."""

from collections import OrderedDict
from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torchvision.models.detection.image_list import ImageList
from torchvision.ops import FeaturePyramidNetwork
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

from datasets.batches import Batch
from models.backbones import Backbone
from models.model import Model

LEVELS = ("p2", "p3", "p4", "p5")

group_norm = partial(nn.GroupNorm, 8)
"""Of maps of this many channels: eight groups, which every width that the options allow has."""

Target = dict[str, Tensor]
"""Of one image: `boxes` [M, 4], `labels` [M] and, unless all pixels hold data, `valid` [S, S]."""


class Pyramid(nn.Module):
    """Backbone and FPN: images [B, C, S, S] → five maps [B, `channels`, s, s], strides 4 … 64.

    The maps are float32 also under autocast: torchvision makes anchors in the type of the maps, and
    bfloat16 has no odd numbers beyond 256.
    """

    def __init__(self, backbone: Backbone, channels: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.out_channels = channels
        self.fpn = FeaturePyramidNetwork(
            backbone.channels, channels, extra_blocks=LastLevelMaxPool(), norm_layer=group_norm
        )

    def forward(self, images: Tensor) -> OrderedDict[str, Tensor]:
        """Images [B, C, S, S] → maps named p2 … p5 and pool."""
        maps = self.fpn(OrderedDict(zip(LEVELS, self.backbone(images), strict=True)))
        return OrderedDict((name, one.float()) for name, one in maps.items())


class Unchanged(nn.Module):
    """Stands where torchvision scales each image, and what is found in it back.

    Images are standardised and of one size already, so that its many small operations on each image
    changed no bit of them.
    """

    def forward(
        self, images: Tensor, targets: list[Target] | None = None
    ) -> tuple[ImageList, list[Target] | None]:
        """Images [B, C, S, S] as torchvision's networks take them, and the targets as they are."""
        height, width = images.shape[-2:]
        return ImageList(images, [(height, width)] * len(images)), targets

    def postprocess(self, found: list[Target], *_sizes: list[tuple[int, int]]) -> list[Target]:
        """What is found, as it is."""
        return found


class TorchvisionDetector(Model):
    """One of torchvision's detectors for images that are already standardised and of one size.

    Args:
        network: its `backbone` is a `Pyramid`.

    Attributes:
        terms: our name of each loss term → torchvision's.
    """

    terms: ClassVar[Mapping[str, str]]

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network: Any = network  # torchvision has no types
        self.network.transform = Unchanged()

    @property
    def backbone(self) -> Backbone:
        """Below the pyramid."""
        return self.pyramid.backbone

    @property
    def pyramid(self) -> Pyramid:
        """Below all else."""
        pyramid = self.network.backbone
        assert isinstance(pyramid, Pyramid)
        return pyramid

    def targets(self, batch: Batch) -> list[Target]:
        """What is to be found in each image of a batch."""
        targets = [
            {"boxes": boxes, "labels": labels}
            for boxes, labels in zip(batch.boxes, batch.labels, strict=True)
        ]
        if batch.valid is not None:
            for target, valid in zip(targets, batch.valid, strict=True):
                target["valid"] = valid
        return targets

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """The loss terms of a batch by our names, unweighted, each a scalar."""
        terms = self.network(batch.images, self.targets(batch))
        return {name: terms[theirs] for name, theirs in self.terms.items()}

    @torch.no_grad()
    def predict(self, images: Tensor) -> list[dict[str, Tensor]]:
        """Images [B, C, S, S] → an image: boxes [M, 4] (xyxy, px), scores [M], labels [M]."""
        found: list[Target] = self.network(images)
        return found


def anchor_sizes(image_size: int) -> tuple[tuple[int], ...]:
    """One anchor size a level, strides 4 to 64: from a 16th of the image to all of it."""
    return tuple((image_size * 2**level // 16,) for level in range(5))
