"""A linear probe: what a backbone's features tell of each pixel without any further layer."""

import torch.nn.functional as F
from torch import Tensor, nn

from models.backbones import Backbone
from models.heads.options import SegmenterOptions
from models.heads.segmenters import SegmentationModel
from models.heads.unread import leave_out
from models.losses.criterion import output_channels
from models.model import Classes


class LinearProbe(SegmentationModel):
    """Logits that are linear in the network's own maps, enlarged bilinearly to full size.

    It reads every map that the network has without a layer of `Backbone.pyramid` that is trained:
    of a hierarchical network all four, at strides 4 to 32; of a plain ViT those at strides 16 and
    32. So with `frozen`, one linear layer is all that is trained. Every channel is normalised over
    the batch, all are concatenated, and a 1 × 1 convolution is applied: the linear head of Oquab et
    al. 2024, "DINOv2: Learning Robust Visual Features without Supervision", over several maps.

    Args:
        backbone: the layers of its pyramid that are trained are taken out.
    """

    def __init__(self, backbone: Backbone, classes: Classes, options: SegmenterOptions) -> None:
        super().__init__(backbone, classes, options)
        steps = enumerate(backbone.pyramid)
        trained = [level for level, step in steps if next(step.parameters(), None) is not None]
        leave_out(backbone, trained)
        self.widths = [c for level, c in enumerate(backbone.channels) if level not in trained]
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for width in self.widths)
        self.head = nn.Conv2d(sum(self.widths), output_channels(classes), kernel_size=1)

    def outputs(self, images: Tensor) -> Tensor:
        """Images [B, C, S, S] → logits [B, `output_channels`, S, S].

        Each map is reduced to logits at its own resolution and then enlarged: the two commute.
        """
        read = [maps for maps in self.encoder(images) if maps.shape[1]]
        weights = self.head.weight.split(self.widths, dim=1)
        logits = [
            F.interpolate(
                F.conv2d(norm(maps), weight), images.shape[2:], mode="bilinear", align_corners=False
            )
            for maps, norm, weight in zip(read, self.norms, weights, strict=True)
        ]
        assert self.head.bias is not None
        return sum(logits[1:], start=logits[0]) + self.head.bias[:, None, None]
