"""Detection over a `Backbone`: torchvision's RetinaNet.

Lin et al. 2017, "Focal Loss for Dense Object Detection". As in torchvision's second version, layers
of the head have group norms, and boxes are learned by generalised IoU (Rezatofighi et al. 2019).
The pyramid is that of Faster R-CNN, at strides 4 to 64 where the paper's is at 8 to 128: the
objects of an overhead image are small.
"""

from torch import Tensor
from torchvision.models.detection._utils import Matcher
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.retinanet import RetinaNet, RetinaNetHead

from models.backbones import Backbone
from models.heads.dense_detector import DenseDetector, float32, unseen_background
from models.heads.options import RetinaNetOptions
from models.heads.torchvision_detector import Pyramid, Target, anchor_sizes, group_norm
from models.metrics.matching import MOST_DETECTIONS
from models.model import Classes

RETINANET_LOSSES = {"dense_class": "classification", "dense_box": "bbox_regression"}
"""Our name of each loss term → torchvision's."""

RATIOS = (0.5, 1.0, 2.0)
SCALES = (1.0, 2 ** (1 / 3), 2 ** (2 / 3))
"""Heights to widths of the anchors of a place, and sizes relative to that of their level."""


class SeeingRetinaNetHead(RetinaNetHead):
    """Anchors where there is no data are no background."""

    def forward(self, maps: list[Tensor]) -> dict[str, Tensor]:
        """Maps → logits [B, A, K] and box deltas [B, A, 4] of all their anchors, float32."""
        return float32(super().forward(maps))

    def compute_loss(
        self,
        targets: list[Target],
        head_outputs: dict[str, Tensor],
        anchors: list[Tensor],
        matched_idxs: list[Tensor],
    ) -> dict[str, Tensor]:
        """The two terms; `matched_idxs` [A] are objects of anchors, negative ones none."""
        unseen = unseen_background(matched_idxs, anchors, targets)
        left_out = Matcher.BETWEEN_THRESHOLDS
        matched = [
            one.masked_fill(blind, left_out)
            for one, blind in zip(matched_idxs, unseen, strict=True)
        ]
        losses: dict[str, Tensor] = super().compute_loss(targets, head_outputs, anchors, matched)
        return losses


class RetinaNetDetector(DenseDetector):
    """RetinaNet for images that are already standardised and of one size.

    Args:
        backbone: where the features come from; `backbone.image_size` also sizes the anchors.
        classes: the object classes, without background.
        options: of the layers above the backbone.
    """

    terms = RETINANET_LOSSES

    def __init__(self, backbone: Backbone, classes: Classes, options: RetinaNetOptions) -> None:
        size, channels = backbone.image_size, options.pyramid_channels
        pyramid = Pyramid(backbone, channels)
        sizes = tuple(
            tuple(round(of_level * scale) for scale in SCALES) for (of_level,) in anchor_sizes(size)
        )
        head = SeeingRetinaNetHead(
            channels, len(RATIOS) * len(SCALES), len(classes.names), norm_layer=group_norm
        )
        head.regression_head._loss_type = "giou"
        network = RetinaNet(
            pyramid,
            len(classes.names),
            anchor_generator=AnchorGenerator(sizes, (RATIOS,) * len(sizes)),
            head=head,
            score_thresh=0.05,
            nms_thresh=0.5,
            detections_per_img=MOST_DETECTIONS,
        )
        super().__init__(network)
