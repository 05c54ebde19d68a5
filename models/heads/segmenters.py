"""Segmentation heads over a `Backbone`: segmentation-models-pytorch's decoders on its four maps.

Every backbone family works with every decoder. The decoders expect an encoder's maps at strides 1,
2, 4, …; a `Backbone` begins at 4. As that library does for encoders without a map at stride 2
(MiT), the images themselves are the map at stride 1, and that at stride 2 has no channels.
"""

from abc import abstractmethod

import torch
import torch.nn.functional as F
from segmentation_models_pytorch.base.initialization import initialize_decoder, initialize_head
from segmentation_models_pytorch.decoders.fpn.decoder import FPNDecoder
from segmentation_models_pytorch.decoders.unet.decoder import UnetDecoder
from segmentation_models_pytorch.decoders.upernet.decoder import UPerNetDecoder
from torch import Tensor, nn

from datasets.batches import Batch
from models.backbones import Backbone
from models.heads.options import SegmenterOptions
from models.losses.criterion import Criterion, output_channels
from models.losses.pixels import class_logits
from models.model import Classes, Model

UNET_WIDTHS = (256, 128, 64, 32, 16)
UPERNET_WIDTH = 256


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
    """A decoder over the backbone's maps, and a convolution to logits, enlarged to full size."""

    def __init__(
        self,
        backbone: Backbone,
        classes: Classes,
        options: SegmenterOptions,
        decoder: nn.Module,
        width: int,
        kernel_size: int,
    ) -> None:
        super().__init__(backbone, classes, options)
        self.decoder = decoder
        self.head = nn.Conv2d(
            width, output_channels(classes), kernel_size, padding=kernel_size // 2
        )
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
        super().__init__(backbone, classes, options, decoder, decoder.out_channels, kernel_size=1)


class UNet(_Decoded):
    """Ronneberger et al. 2015, "U-Net"; without a skip connection at strides 1 and 2."""

    def __init__(self, backbone: Backbone, classes: Classes, options: SegmenterOptions) -> None:
        decoder = UnetDecoder(_encoder_channels(backbone), UNET_WIDTHS)
        super().__init__(backbone, classes, options, decoder, UNET_WIDTHS[-1], kernel_size=3)


class UPerNet(_Decoded):
    """Xiao et al. 2018, "Unified Perceptual Parsing for Scene Understanding".

    Its pyramid pooling normalises one pixel an image over the batch: it cannot train on one image.
    """

    def __init__(self, backbone: Backbone, classes: Classes, options: SegmenterOptions) -> None:
        decoder = UPerNetDecoder(_encoder_channels(backbone), decoder_channels=UPERNET_WIDTH)
        super().__init__(backbone, classes, options, decoder, UPERNET_WIDTH, kernel_size=1)


def _encoder_channels(backbone: Backbone) -> list[int]:
    return [backbone.bands, 0, *backbone.channels]
