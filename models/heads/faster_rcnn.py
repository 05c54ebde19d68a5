"""Detection over a `Backbone`: torchvision's Faster R-CNN with a feature pyramid.

Ren et al. 2015, "Faster R-CNN"; Lin et al. 2017, "Feature Pyramid Networks for Object Detection".
"""

from typing import ClassVar

from torch import Tensor, nn
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN
from torchvision.models.detection.roi_heads import RoIHeads
from torchvision.models.detection.rpn import AnchorGenerator, RegionProposalNetwork, RPNHead

from models.backbones import Backbone
from models.heads.options import FasterRCNNOptions
from models.heads.regions import seen
from models.heads.roi_align import RoIAlign
from models.heads.torchvision_detector import LEVELS, Pyramid, TorchvisionDetector, anchor_sizes
from models.metrics.matching import MOST_DETECTIONS
from models.model import Classes

FASTER_RCNN_LOSSES = {
    "rpn_objectness": "loss_objectness",
    "rpn_box": "loss_rpn_box_reg",
    "roi_class": "loss_classifier",
    "roi_box": "loss_box_reg",
}
"""Our name of each loss term → torchvision's."""

POSITIVE = 0.25
"""Share of the regions that are sampled for training that are of objects, at most."""


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


class SeeingRPN(RegionProposalNetwork):
    """Anchors where there is no data are no background."""

    def assign_targets_to_anchors(
        self, anchors: list[Tensor], targets: list[dict[str, Tensor]]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Labels [A] of each image's anchors, 1, 0 and, where there is no loss, -1; and boxes."""
        labels, boxes = super().assign_targets_to_anchors(anchors, targets)
        for one, regions, target in zip(labels, anchors, targets, strict=True):
            if "valid" in target:
                one[(one == 0) & ~seen(regions, target["valid"])] = -1
        return labels, boxes


class SeeingRoIHeads(RoIHeads):
    """Proposals where there is no data are not learned from."""

    def select_training_samples(
        self, proposals: list[Tensor], targets: list[dict[str, Tensor]] | None
    ) -> tuple[list[Tensor], list[Tensor], list[Tensor], list[Tensor]]:
        """Of proposals [N, 4] of each image, the sampled ones and what they are to become."""
        assert targets is not None
        proposals = [
            regions[seen(regions, target["valid"])] if "valid" in target else regions
            for regions, target in zip(proposals, targets, strict=True)
        ]
        return super().select_training_samples(proposals, targets)


class FasterRCNNDetector(TorchvisionDetector):
    """Faster R-CNN for images that are already standardised and of one size.

    Args:
        backbone: where the features come from; `backbone.image_size` also sizes the anchors.
        classes: the object classes, without background.
        options: of the layers above the backbone.

    Attributes:
        roi_heads: what classifies the proposed regions.
    """

    terms = FASTER_RCNN_LOSSES
    roi_heads: ClassVar[type[SeeingRoIHeads]] = SeeingRoIHeads

    def __init__(self, backbone: Backbone, classes: Classes, options: FasterRCNNOptions) -> None:
        super().__init__(_network(backbone, classes, options, self.roi_heads))

    def pass_through(self, images: Tensor) -> None:
        """All layers; the box head as for the regions that are sampled for training."""
        maps = list(self.pyramid(images).values())
        self.network.rpn.head(maps)
        heads = self.network.roi_heads
        regions = len(images) * heads.fg_bg_sampler.batch_size_per_image
        pooled = images.new_zeros(regions, self.pyramid.out_channels, 7, 7)
        heads.box_predictor(heads.box_head(pooled))


def _network(
    backbone: Backbone,
    classes: Classes,
    options: FasterRCNNOptions,
    roi_heads: type[SeeingRoIHeads],
) -> GeneralizedRCNN:
    """The pyramid, the region proposals, and what classifies them."""
    size, channels, width = backbone.image_size, options.pyramid_channels, box_head_width(options)
    pyramid = Pyramid(backbone, channels)
    heads = roi_heads(
        RoIAlign(list(LEVELS), output_size=7, sampling_ratio=2),
        TwoMLPHead(channels * 7**2, width),
        Float32Predictor(width, len(classes.names) + 1),
        fg_iou_thresh=0.5,
        bg_iou_thresh=0.5,
        batch_size_per_image=size // 2,
        positive_fraction=POSITIVE,
        bbox_reg_weights=None,
        score_thresh=0.05,
        nms_thresh=0.5,
        detections_per_img=MOST_DETECTIONS,
    )
    proposed = {"training": proposals(size), "testing": proposals(size)}
    rpn = SeeingRPN(
        AnchorGenerator(anchor_sizes(size), ((0.5, 1.0, 2.0),) * 5),
        Float32RPNHead(channels, num_anchors=3),
        fg_iou_thresh=0.7,
        bg_iou_thresh=0.3,
        batch_size_per_image=256,
        positive_fraction=0.5,
        pre_nms_top_n={stage: 2 * number for stage, number in proposed.items()},
        post_nms_top_n=proposed,
        nms_thresh=0.7,
    )
    # The transform is none: `TorchvisionDetector` gives it.
    return GeneralizedRCNN(pyramid, rpn, heads, nn.Identity())


def box_head_width(options: FasterRCNNOptions) -> int:
    """Width of the two layers that classify a region."""
    return 4 * options.pyramid_channels


def proposals(image_size: int) -> int:
    """Regions of an image for the box head: one for 160 px², from 100 to torchvision's 1,000.

    torchvision's number is for scenes of 800 px; on a patch of 128 px most of a trial's time would
    be spent on regions that overlap.
    """
    return min(1000, max(100, image_size**2 // 160))
