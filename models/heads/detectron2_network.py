"""detectron2's network over a `Backbone`, with the settings of `models.heads.faster_rcnn`.

Needs detectron2: only `models.heads.detectron2_detector` imports this, when a detector is built.
"""

import logging
import warnings
from typing import Any

from detectron2.config import CfgNode, configurable
from detectron2.layers import ShapeSpec
from detectron2.modeling import BACKBONE_REGISTRY, GeneralizedRCNN
from detectron2.modeling import Backbone as Detectron2Backbone
from detectron2.modeling.anchor_generator import DefaultAnchorGenerator
from detectron2.modeling.backbone.fpn import FPN, LastLevelMaxPool
from detectron2.modeling.box_regression import Box2BoxTransform
from detectron2.modeling.matcher import Matcher
from detectron2.modeling.poolers import ROIPooler
from detectron2.modeling.proposal_generator import RPN
from detectron2.modeling.proposal_generator.rpn import StandardRPNHead
from detectron2.modeling.roi_heads import FastRCNNConvFCHead, FastRCNNOutputLayers, StandardROIHeads
from detectron2.structures import Boxes, Instances
from detectron2.utils.events import EventStorage
from torch import Tensor, nn

from datasets.batches import Batch
from models.backbones import STRIDES, Backbone
from models.heads.faster_rcnn import box_head_width, proposals
from models.heads.options import FasterRCNNOptions
from models.heads.regions import seen
from models.heads.torchvision_detector import LEVELS, anchor_sizes

__all__ = ["EventStorage", "TimmFeatures", "faster_rcnn", "with_objects"]

# Warnings about nothing that a user of a sweep could change.
warnings.filterwarnings("ignore", message=r"torch\.meshgrid: in an upcoming release")
logging.getLogger("torch.fx._symbolic_trace").addFilter(
    lambda record: "is_fx_tracing" not in record.getMessage()
)

BOTTOM_UP = ("c2", "c3", "c4", "c5")
RPN_LEVELS = (*LEVELS, "p6")
SMOOTH_L1_BETA = 1 / 9
"""torchvision's, of both box losses; detectron2's own default is a plain L1."""


@BACKBONE_REGISTRY.register()
class TimmFeatures(Detectron2Backbone):
    """A `Backbone` with detectron2's interface: maps by name, c2 … c5 at strides 4 … 32.

    A detectron2 configuration names it by MODEL.BACKBONE.NAME "TimmFeatures", with the timm
    network's name and the image size in MODEL.TIMM.NAME and MODEL.TIMM.IMAGE_SIZE.
    """

    @configurable
    def __init__(self, *, backbone: Backbone) -> None:
        super().__init__()
        self.backbone = backbone

    @classmethod
    def from_config(cls, cfg: CfgNode, input_shape: ShapeSpec) -> dict[str, Any]:
        """The arguments of `__init__`, from a configuration."""
        timm = cfg.MODEL.TIMM
        return {"backbone": Backbone(timm.NAME, input_shape.channels, timm.IMAGE_SIZE)}

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Images [B, C, S, S] → the four maps by name."""
        return dict(zip(BOTTOM_UP, self.backbone(images), strict=True))

    def output_shape(self) -> dict[str, ShapeSpec]:
        """Channels and stride of each map."""
        shapes = zip(BOTTOM_UP, self.backbone.channels, STRIDES, strict=True)
        return {name: ShapeSpec(channels=width, stride=stride) for name, width, stride in shapes}

    @property
    def size_divisibility(self) -> int:
        """What the sides of an image must be multiples of, px."""
        return STRIDES[-1]


class SeeingRPN(RPN):
    """Anchors where there is no data are no background, as of `models.heads.faster_rcnn`."""

    valid: Tensor | None = None
    """Pixels [B, S, S] of the batch that hold data; None if all do."""

    def label_and_sample_anchors(
        self, anchors: list[Boxes], gt_instances: list[Instances]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Labels [A] of each image's anchors, 1, 0 and, where there is no loss, -1; and boxes."""
        labels, boxes = super().label_and_sample_anchors(anchors, gt_instances)
        if self.valid is not None:
            regions = Boxes.cat(anchors).tensor
            for one, valid in zip(labels, self.valid, strict=True):
                one[(one == 0) & ~seen(regions, valid)] = -1
        return labels, boxes


class SeeingROIHeads(StandardROIHeads):
    """Proposals where there is no data are not learned from."""

    valid: Tensor | None = None
    """As of `SeeingRPN`."""

    def label_and_sample_proposals(
        self, proposals: list[Instances], targets: list[Instances]
    ) -> list[Instances]:
        """The sampled proposals of each image, with what they are to become."""
        if self.valid is not None:
            proposals = [
                one[seen(one.proposal_boxes.tensor, valid)]
                for one, valid in zip(proposals, self.valid, strict=True)
            ]
        return super().label_and_sample_proposals(proposals, targets)


def faster_rcnn(backbone: Backbone, classes: int, options: FasterRCNNOptions) -> GeneralizedRCNN:
    """Faster R-CNN with a feature pyramid for `classes` classes, background not counted."""
    pyramid = FPN(
        TimmFeatures(backbone=backbone),
        BOTTOM_UP,
        options.pyramid_channels,
        norm=lambda width: nn.GroupNorm(8, width),
        top_block=LastLevelMaxPool(),
    )
    size, bands = backbone.image_size, backbone.bands
    return GeneralizedRCNN(
        backbone=pyramid,
        proposal_generator=_proposal_network(size, options),
        roi_heads=_box_heads(size, classes, options),
        # Images are standardised already; without a format no channels are swapped.
        pixel_mean=[0.0] * bands,
        pixel_std=[1.0] * bands,
        input_format=None,
    )


def _proposal_network(size: int, options: FasterRCNNOptions) -> SeeingRPN:
    strides = (*STRIDES, 2 * STRIDES[-1])
    anchors = DefaultAnchorGenerator(
        sizes=anchor_sizes(size), aspect_ratios=[(0.5, 1.0, 2.0)], strides=strides, offset=0.0
    )
    return SeeingRPN(
        in_features=RPN_LEVELS,
        head=StandardRPNHead(in_channels=options.pyramid_channels, num_anchors=3),
        anchor_generator=anchors,
        anchor_matcher=Matcher([0.3, 0.7], [0, -1, 1], allow_low_quality_matches=True),
        box2box_transform=Box2BoxTransform(weights=(1.0, 1.0, 1.0, 1.0)),
        batch_size_per_image=256,
        positive_fraction=0.5,
        pre_nms_topk=(2 * proposals(size), 2 * proposals(size)),
        post_nms_topk=(proposals(size), proposals(size)),
        nms_thresh=0.7,
        smooth_l1_beta=SMOOTH_L1_BETA,
    )


def _box_heads(size: int, classes: int, options: FasterRCNNOptions) -> SeeingROIHeads:
    pooled, width = 7, box_head_width(options)
    shape = ShapeSpec(channels=options.pyramid_channels, height=pooled, width=pooled)
    head = FastRCNNConvFCHead(shape, conv_dims=[], fc_dims=[width, width])
    predictor = FastRCNNOutputLayers(
        head.output_shape,
        box2box_transform=Box2BoxTransform(weights=(10.0, 10.0, 5.0, 5.0)),
        num_classes=classes,
        test_score_thresh=0.05,
        test_nms_thresh=0.5,
        test_topk_per_image=100,
        smooth_l1_beta=SMOOTH_L1_BETA,
    )
    return SeeingROIHeads(
        num_classes=classes,
        batch_size_per_image=size // 2,
        positive_fraction=0.25,
        proposal_matcher=Matcher([0.5], [0, 1], allow_low_quality_matches=False),
        box_in_features=LEVELS,
        box_pooler=ROIPooler(
            output_size=pooled,
            scales=[1 / stride for stride in STRIDES],
            sampling_ratio=2,
            pooler_type="ROIAlignV2",
        ),
        box_head=head,
        box_predictor=predictor,
    )


def with_objects(batch: Batch) -> list[dict[str, Any]]:
    """A batch as detectron2 takes it: an image and its objects, whose classes count from 0."""
    size = tuple(batch.images.shape[-2:])
    return [
        {
            "image": image,
            "instances": Instances(size, gt_boxes=Boxes(boxes), gt_classes=labels - 1),
        }
        for image, boxes, labels in zip(batch.images, batch.boxes, batch.labels, strict=True)
    ]
