"""Detection over a `Backbone`: torchvision's FCOS, which has no anchors.

Tian et al. 2019, "FCOS: Fully Convolutional One-Stage Object Detection". The pyramid is that of
Faster R-CNN, at strides 4 to 64 where the paper's is at 8 to 128; a level learns the objects whose
farthest side is 4 to 8 of its strides from a point, the first also smaller and the last also larger
ones.
"""

import torch
from torch import Tensor, nn
from torchvision.models.detection._utils import BoxLinearCoder
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.fcos import (
    FCOS,
    FCOSClassificationHead,
    FCOSHead,
    FCOSRegressionHead,
)

from models.backbones import STRIDES, Backbone
from models.heads.dense_detector import DenseDetector, float32, unseen_background
from models.heads.options import FCOSOptions
from models.heads.torchvision_detector import Pyramid, Target, group_norm
from models.metrics.matching import MOST_DETECTIONS
from models.model import Classes

FCOS_LOSSES = {
    "dense_class": "classification",
    "dense_box": "bbox_regression",
    "dense_centerness": "bbox_ctrness",
}
"""Our name of each loss term → torchvision's."""

SCORE = 0.2
"""The least score, which is a root: √(probability of the class · centerness)."""

NOTHING = -100.0
"""A logit that says so surely that there is nothing, that its focal loss is 0 in float32."""


class SeeingFCOSHead(FCOSHead):
    """Points where there is no data are no background.

    Args:
        channels: of each map.
        classes: K.
    """

    def __init__(self, channels: int, classes: int) -> None:
        nn.Module.__init__(self)  # the parent's norms have 32 groups, which not all widths allow
        self.box_coder = BoxLinearCoder(normalize_by_size=True)
        self.classification_head = FCOSClassificationHead(
            channels, num_anchors=1, num_classes=classes, norm_layer=group_norm
        )
        self.regression_head = FCOSRegressionHead(channels, num_anchors=1, norm_layer=group_norm)

    def forward(self, maps: list[Tensor]) -> dict[str, Tensor]:
        """Maps → of all their points logits [B, A, K], boxes [B, A, 4], centerness [B, A, 1]."""
        return float32(super().forward(maps))

    def compute_loss(
        self,
        targets: list[Target],
        head_outputs: dict[str, Tensor],
        anchors: list[Tensor],
        matched_idxs: list[Tensor],
    ) -> dict[str, Tensor]:
        """The three terms; `matched_idxs` [A] are the objects of points, -1 for none."""
        unseen = torch.stack([*unseen_background(matched_idxs, anchors, targets)])
        logits = head_outputs["cls_logits"].masked_fill(unseen[..., None], NOTHING)
        outputs = {**head_outputs, "cls_logits": logits}
        losses: dict[str, Tensor] = super().compute_loss(targets, outputs, anchors, matched_idxs)
        return losses


class FCOSDetector(DenseDetector):
    """FCOS for images that are already standardised and of one size.

    Args:
        backbone: where the features come from.
        classes: the object classes, without background.
        options: of the layers above the backbone.
    """

    terms = FCOS_LOSSES

    def __init__(self, backbone: Backbone, classes: Classes, options: FCOSOptions) -> None:
        pyramid = Pyramid(backbone, options.pyramid_channels)
        sizes = tuple((stride,) for stride in (*STRIDES, 2 * STRIDES[-1]))
        network = FCOS(
            pyramid,
            len(classes.names),
            # A "box" of one stride stands for the point in its middle.
            anchor_generator=AnchorGenerator(sizes, ((1.0,),) * len(sizes)),
            head=SeeingFCOSHead(options.pyramid_channels, len(classes.names)),
            score_thresh=SCORE,
            nms_thresh=0.5,
            detections_per_img=MOST_DETECTIONS,
        )
        super().__init__(network)
