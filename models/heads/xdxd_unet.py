"""XD_XD's U-Net with a VGG16 encoder, from the SpaceNet 4 challenge.

Weir et al. 2019, "SpaceNet MVOI: A Multi-View Overhead Imagery Dataset", whose authors fine-tuned
it from Atlanta to Khartoum.
"""

import torch
from torch import Tensor, nn

from models.backbones import Backbone, UnknownBackboneError
from models.heads.options import SegmenterOptions
from models.heads.segmenters import SegmentationModel
from models.losses.criterion import output_channels
from models.model import Classes

STRIDES = [1, 2, 4, 8, 16, 32]
VGG_CHANNELS = [64, 128, 256, 512, 512, 512]

CENTRE = (512, 512, 256)
STAGES = ((768, 512, 256), (768, 512, 256), (512, 256, 64), (192, 128, 32))
"""Channels in, between and out of the stages that start at strides 16, 8, 4 and 2."""

LAST = (96, 32)


class XDXDUNet(SegmentationModel):
    """VGG16's maps before each pooling as skip connections, bilinear enlargement, no norms.

    Raises:
        UnknownBackboneError: the backbone's maps do not have VGG16's strides and channels.
    """

    reads_maps = False

    def __init__(self, backbone: Backbone, classes: Classes, options: SegmenterOptions) -> None:
        super().__init__(backbone, classes, options)
        if (backbone.reductions, backbone.widths) != (STRIDES, VGG_CHANNELS):
            raise UnknownBackboneError(
                f"head 'xdxd_unet' is made for vgg16 or another VGG: '{backbone.name}' has maps at "
                f"strides {backbone.reductions}"
            )
        self.centre = _stage(*CENTRE)
        self.stages = nn.ModuleList(_stage(*widths) for widths in STAGES)
        self.last = _conv_relu(*LAST)
        self.head = nn.Conv2d(LAST[-1], output_channels(classes), kernel_size=1)

    def outputs(self, images: Tensor) -> Tensor:
        """Images [B, C, S, S] → logits [B, `output_channels`, S, S]."""
        *skips, pooled = self.encoder.body(images)
        features = self.centre(pooled)
        for stage in self.stages:
            features = stage(torch.cat([features, skips.pop()], dim=1))
        return self.head(self.last(torch.cat([features, skips.pop()], dim=1)))


def _stage(before: int, between: int, after: int) -> nn.Sequential:
    """Twice the size, then two convolutions."""
    enlarge = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)
    return nn.Sequential(enlarge, _conv_relu(before, between), _conv_relu(between, after))


def _conv_relu(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(before, after, 3, padding=1), nn.ReLU(inplace=True))
