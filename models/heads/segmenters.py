"""Segmentation heads over a `Backbone`: segmentation-models-pytorch's decoders on its four maps.

Every backbone family works with every decoder. The decoders expect an encoder's maps at strides 1,
2, 4, …; a `Backbone` begins at 4. As that library does for encoders without a map at stride 2
(MiT), the images themselves are the map at stride 1, and that at stride 2 has no channels.
"""

from abc import abstractmethod

import torch
import torch.nn.functional as F
from segmentation_models_pytorch.base.initialization import initialize_decoder, initialize_head
from segmentation_models_pytorch.decoders.deeplabv3.decoder import DeepLabV3PlusDecoder
from segmentation_models_pytorch.decoders.dpt.decoder import DPTDecoder, DPTSegmentationHead
from segmentation_models_pytorch.decoders.fpn.decoder import FPNDecoder
from segmentation_models_pytorch.decoders.segformer.decoder import SegformerDecoder
from segmentation_models_pytorch.decoders.unet.decoder import UnetDecoder
from segmentation_models_pytorch.decoders.upernet.decoder import UPerNetDecoder
from torch import Tensor, nn

from datasets.batches import Batch
from models.backbones import STRIDES, Backbone
from models.heads.options import SegmenterOptions
from models.heads.unread import leave_out
from models.losses.criterion import Criterion, output_channels
from models.losses.pixels import class_logits
from models.model import Classes, Model

UNET_WIDTHS = (256, 128, 64, 32, 16)
UPERNET_WIDTH = 256
DEEPLAB_WIDTH = 256
ATROUS_RATES = (3, 6, 9)
"""At stride 32: as wide in the image as 6, 12 and 18 of DeepLabV3+ at its stride 16."""
SEGFORMER_WIDTH = 256
DPT_WIDTH = 256


class SegmentationModel(Model):
    """A model whose `outputs` are logits of each pixel.

    Args:
        backbone: where the features come from.
        classes: their names, and how often each occurs in training.
        options: the loss, class weights and label smoothing.
    """

    def __init__(self, backbone: Backbone, classes: Classes, options: SegmenterOptions) -> None:
        super().__init__()
        self.encoder = backbone
        self.criterion = Criterion(
            classes, options.loss, options.class_weights, options.label_smoothing
        )

    @property
    def backbone(self) -> Backbone:
        """Where its features come from."""
        return self.encoder

    @abstractmethod
    def outputs(self, images: Tensor) -> Tensor:
        """Images [B, C, S, S] → logits [B, `output_channels`, S, S]."""

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """The terms of the loss of a batch, unweighted, each a float32 scalar."""
        return self.criterion(self.outputs(batch.images), batch.masks)

    def pass_through(self, images: Tensor) -> None:
        """All layers."""
        self.outputs(images)

    @torch.no_grad()
    def predict(self, images: Tensor) -> list[dict[str, Tensor]]:
        """Images [B, C, S, S] → an image: mask uint8 [S, S], probabilities float32 [K + 1, S, S].

        The mask holds the most probable class; of two equally probable ones, the lower id.
        """
        probabilities = class_logits(self.outputs(images)).float().softmax(dim=1)
        masks = probabilities.argmax(dim=1).to(torch.uint8)
        return [
            {"mask": mask, "probabilities": probability}
            for mask, probability in zip(masks, probabilities, strict=True)
        ]


class _Decoded(SegmentationModel):
    """A decoder over the backbone's maps, then a head of logits, enlarged to full size."""

    def __init__(
        self,
        backbone: Backbone,
        classes: Classes,
        options: SegmenterOptions,
        decoder: nn.Module,
        head: nn.Module,
    ) -> None:
        super().__init__(backbone, classes, options)
        self.decoder, self.head = decoder, head
        initialize_decoder(self.decoder)
        initialize_head(self.head)

    def outputs(self, images: Tensor) -> Tensor:
        """Images [B, C, S, S] → logits [B, `output_channels`, S, S]."""
        maps = self.encoder(images)
        half = maps[0].new_empty(len(images), 0, images.shape[2] // 2, images.shape[3] // 2)
        logits = self.head(self.decoder([images, half, *maps]))
        return F.interpolate(logits, images.shape[2:], mode="bilinear", align_corners=False)


class FPN(_Decoded):
    """Kirillov et al. 2019, "Panoptic Feature Pyramid Networks", its semantic branch."""

    def __init__(self, backbone: Backbone, classes: Classes, options: SegmenterOptions) -> None:
        decoder = FPNDecoder(_encoder_channels(backbone))
        super().__init__(backbone, classes, options, decoder, _head(decoder.out_channels, classes))


class UNet(_Decoded):
    """Ronneberger et al. 2015, "U-Net"; without a skip connection at strides 1 and 2."""

    def __init__(self, backbone: Backbone, classes: Classes, options: SegmenterOptions) -> None:
        decoder = UnetDecoder(_encoder_channels(backbone), UNET_WIDTHS)
        head = _head(UNET_WIDTHS[-1], classes, kernel_size=3)
        super().__init__(backbone, classes, options, decoder, head)


class UPerNet(_Decoded):
    """Xiao et al. 2018, "Unified Perceptual Parsing for Scene Understanding".

    Its pyramid pooling normalises one pixel an image over the batch: it cannot train on one image.
    """

    def __init__(self, backbone: Backbone, classes: Classes, options: SegmenterOptions) -> None:
        decoder = UPerNetDecoder(_encoder_channels(backbone), decoder_channels=UPERNET_WIDTH)
        super().__init__(backbone, classes, options, decoder, _head(UPERNET_WIDTH, classes))


class DeepLabV3Plus(_Decoded):
    """Chen et al. 2018, "Encoder-Decoder with Atrous Separable Convolution", DeepLabV3+.

    Its atrous pyramid reads the map at stride 32, and its decoder that at stride 4. In the paper,
    the network's last stage is dilated and has stride 16 (or 8); here it is as for every head.
    Dropout of 0.5 in the atrous pyramid, as in the library.

    The pyramid normalises one pixel an image over the batch: it cannot train on one image.
    """

    def __init__(self, backbone: Backbone, classes: Classes, options: SegmenterOptions) -> None:
        leave_out(backbone, (STRIDES.index(8), STRIDES.index(16)))
        decoder = DeepLabV3PlusDecoder(
            _encoder_channels(backbone),
            encoder_depth=len(STRIDES) + 1,
            out_channels=DEEPLAB_WIDTH,
            atrous_rates=ATROUS_RATES,
            output_stride=16,
            aspp_separable=True,
            aspp_dropout=0.5,
        )
        # The library enlarges from stride 16 or 8, and shifts what it enlarges (align_corners).
        decoder.up = nn.Upsample(scale_factor=STRIDES[-1] // STRIDES[0], mode="bilinear")
        super().__init__(backbone, classes, options, decoder, _head(DEEPLAB_WIDTH, classes))


class SegFormer(_Decoded):
    """Xie et al. 2021, "SegFormer", its decoder: a linear layer a map, enlarged and fused."""

    def __init__(self, backbone: Backbone, classes: Classes, options: SegmenterOptions) -> None:
        decoder = SegformerDecoder(
            _encoder_channels(backbone), segmentation_channels=SEGFORMER_WIDTH
        )
        super().__init__(backbone, classes, options, decoder, _head(SEGFORMER_WIDTH, classes))


class DPT(_Decoded):
    """Ranftl et al. 2021, "Vision Transformers for Dense Prediction", its decoder.

    In the paper, four maps of a ViT, all at stride 16, are first brought to strides 4, 8, 16 and 32
    ("reassemble"). A `Backbone` gives maps at these strides, of every family: of a plain ViT its
    pyramid has resampled them, and hierarchical networks have them, as in Birkl et al. 2023,
    "MiDaS v3.1". So reassembling only projects. The class token is not read: a `Backbone` gives
    maps alone.
    """

    def __init__(self, backbone: Backbone, classes: Classes, options: SegmenterOptions) -> None:
        decoder = _DPTDecoder(
            backbone.channels,
            STRIDES,
            encoder_has_prefix_tokens=False,
            readout="ignore",
            fusion_channels=DPT_WIDTH,
        )
        head = DPTSegmentationHead(DPT_WIDTH, output_channels(classes), upsampling=1)
        super().__init__(backbone, classes, options, decoder, head)


class _DPTDecoder(DPTDecoder):
    """The library's, called like its other decoders; it reads no image and no class token."""

    def forward(self, features: list[Tensor]) -> Tensor:
        """Maps at strides 1, 2, 4, … → a map at stride 2."""
        maps = features[-len(STRIDES) :]
        return super().forward(maps, [None] * len(maps))


def _encoder_channels(backbone: Backbone) -> list[int]:
    return [backbone.bands, 0, *backbone.channels]


def _head(width: int, classes: Classes, kernel_size: int = 1) -> nn.Module:
    """A convolution from the decoder's map to logits."""
    return nn.Conv2d(width, output_channels(classes), kernel_size, padding=kernel_size // 2)
