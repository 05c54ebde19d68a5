"""Detection over a `Backbone`: torchvision's Faster R-CNN with a feature pyramid.

Ren et al. 2015, "Faster R-CNN"; Lin et al. 2017, "Feature Pyramid Networks for Object Detection".
"""

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.rpn import AnchorGenerator, RPNHead
from torchvision.ops import FeaturePyramidNetwork, MultiScaleRoIAlign
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

from datasets.batches import Batch
from models.backbones import Backbone
from models.heads.options import FasterRCNNOptions
from models.model import Classes, Model

FASTER_RCNN_LOSSES = {
    "rpn_objectness": "loss_objectness",
    "rpn_box": "loss_rpn_box_reg",
    "roi_class": "loss_classifier",
    "roi_box": "loss_box_reg",
}
"""Our name of each loss term → torchvision's."""

LEVELS = ("p2", "p3", "p4", "p5")


class Pyramid(nn.Module):
    """Backbone and FPN: images [B, C, S, S] → five maps [B, `channels`, s, s], strides 4 … 64."""

    def __init__(self, backbone: Backbone, channels: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.out_channels = channels
        self.fpn = FeaturePyramidNetwork(
            backbone.channels,
            channels,
            extra_blocks=LastLevelMaxPool(),
            norm_layer=lambda width: nn.GroupNorm(8, width),
        )

    def forward(self, images: Tensor) -> OrderedDict[str, Tensor]:
        """Images [B, C, S, S] → maps named p2 … p5 and pool."""
        return self.fpn(OrderedDict(zip(LEVELS, self.backbone(images), strict=True)))


class Float32RPNHead(RPNHead):
    """Its outputs are float32: torchvision decodes boxes, and rounds true ones, in their type.

    In the bfloat16 of autocast, a coordinate of 100 px would be rounded to half a pixel.
    """

    def forward(self, features: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Maps → objectness [B, A, H, W] and box deltas [B, 4 A, H, W] of each."""
        objectness, deltas = super().forward(features)
        return [maps.float() for maps in objectness], [maps.float() for maps in deltas]


class Float32Predictor(FastRCNNPredictor):
    """Its outputs are float32, see `Float32RPNHead`."""

    def forward(self, regions: Tensor) -> tuple[Tensor, Tensor]:
        """Regions [N, width] → logits [N, K + 1] and box deltas [N, 4 (K + 1)]."""
        logits, deltas = super().forward(regions)
        return logits.float(), deltas.float()


class FasterRCNNDetector(Model):
    """Faster R-CNN for images that are already standardised and of one size.

    Args:
        backbone: where the features come from; `backbone.image_size` also sizes the anchors.
        classes: the object classes, without background.
        options: of the layers above the backbone.
    """

    def __init__(self, backbone: Backbone, classes: Classes, options: FasterRCNNOptions) -> None:
        super().__init__()
        size, bands = backbone.image_size, backbone.bands
        channels, width = options.pyramid_channels, box_head_width(options)
        self.network = FasterRCNN(
            Pyramid(backbone, channels),
            # Images are standardised and of one size already: these four settings turn off the
            # transform that torchvision puts in front.
            min_size=size,
            max_size=size,
            image_mean=[0.0] * bands,
            image_std=[1.0] * bands,
            rpn_anchor_generator=AnchorGenerator(anchor_sizes(size), ((0.5, 1.0, 2.0),) * 5),
            rpn_pre_nms_top_n_train=2 * proposals(size),
            rpn_pre_nms_top_n_test=2 * proposals(size),
            rpn_post_nms_top_n_train=proposals(size),
            rpn_post_nms_top_n_test=proposals(size),
            box_batch_size_per_image=size // 2,
            box_roi_pool=MultiScaleRoIAlign(list(LEVELS), output_size=7, sampling_ratio=2),
            box_head=TwoMLPHead(channels * 7**2, width),
            box_predictor=Float32Predictor(width, len(classes.names) + 1),
            rpn_head=Float32RPNHead(channels, num_anchors=3),
        )

    @property
    def backbone(self) -> Backbone:
        """Below the pyramid."""
        return self._pyramid.backbone

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """The four loss terms of a batch by our names, unweighted, each a scalar."""
        targets = [
            {"boxes": boxes, "labels": labels}
            for boxes, labels in zip(batch.boxes, batch.labels, strict=True)
        ]
        terms = self.network(list(batch.images), targets)
        return {name: terms[theirs] for name, theirs in FASTER_RCNN_LOSSES.items()}

    def pass_through(self, images: Tensor) -> None:
        """All layers; the box head as for the regions that are sampled for training."""
        maps = list(self._pyramid(images).values())
        self.network.rpn.head(maps)
        heads = self.network.roi_heads
        regions = len(images) * heads.fg_bg_sampler.batch_size_per_image
        pooled = images.new_zeros(regions, self._pyramid.out_channels, 7, 7)
        heads.box_predictor(heads.box_head(pooled))

    @torch.no_grad()
    def predict(self, images: Tensor) -> list[dict[str, Tensor]]:
        """Images [B, C, S, S] → an image: boxes [M, 4] (xyxy, px), scores [M], labels [M]."""
        return self.network(list(images))

    @property
    def _pyramid(self) -> Pyramid:
        pyramid = self.network.backbone
        assert isinstance(pyramid, Pyramid)
        return pyramid


def box_head_width(options: FasterRCNNOptions) -> int:
    """Width of the two layers that classify a region."""
    return 4 * options.pyramid_channels


def anchor_sizes(image_size: int) -> tuple[tuple[int], ...]:
    """One anchor size a level, strides 4 to 64: from a 16th of the image to all of it."""
    return tuple((image_size * 2**level // 16,) for level in range(5))


def proposals(image_size: int) -> int:
    """Regions of an image for the box head: one for 160 px², from 100 to torchvision's 1,000.

    torchvision's number is for scenes of 800 px; on a patch of 128 px most of a trial's time would
    be spent on regions that overlap.
    """
    return min(1000, max(100, image_size**2 // 160))
