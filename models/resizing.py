"""A model that works at another size than its images have.

Arms of several sizes are trained on the same images and scored in the same pixels: what is found is
brought back to the size of the images before anything is counted.
"""

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from datasets.batches import Batch
from datasets.cache import Split
from models.backbones import Backbone
from models.model import Model
from runs.errors import EosweepError


class SizeError(EosweepError):
    """A model cannot work at another size than that of the data."""


class Resized(Model):
    """`model` at its own size, for images of any.

    Args:
        model: made for images of `model.backbone.image_size` pixels.

    Raises:
        SizeError: it is prepared on the training data, which it would see at their size.
    """

    def __init__(self, model: Model) -> None:
        super().__init__()
        if type(model).before_training is not Model.before_training:
            raise SizeError(
                f"a head that learns from the data before the first epoch ({type(model).__name__}) "
                "works at dataset.image_size alone: leave out the setting image_size"
            )
        self.model = model
        self.size = model.backbone.image_size
        self.reads_maps, self.reads_values = model.reads_maps, model.reads_values

    @property
    def backbone(self) -> Backbone:
        """That of the model."""
        return self.model.backbone

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Those of the model, on the batch at its size."""
        return self.model.losses(resized_batch(batch, self.size))

    def predict(self, images: Tensor) -> list[dict[str, Tensor]]:
        """What the model finds, in the pixels of `images`."""
        found = self.model.predict(resized(images, self.size))
        return [brought_back(one, self.size, images.shape[-1]) for one in found]

    def pass_through(self, images: Tensor) -> None:
        """The layers of the model, at its size."""
        self.model.pass_through(resized(images, self.size))

    def before_training(self, training: Split, seed: int, device: torch.device) -> None:
        """Nothing, as in the model."""


def resized(images: Tensor, size: int) -> Tensor:
    """Images [B, C, S, S] → [B, C, size, size]: bilinear, and where they shrink, averaged."""
    if images.shape[-1] == size:
        return images
    shape = (size, size)
    return F.interpolate(images, shape, mode="bilinear", align_corners=False, antialias=True)


def resized_batch(batch: Batch, size: int) -> Batch:
    """A batch at another size; masks take the nearest pixel. Sizes and footprints are of files."""
    if batch.images.shape[-1] == size:
        return batch
    scale = size / batch.images.shape[-1]
    return replace(
        batch,
        images=resized(batch.images, size),
        masks=_nearest(batch.masks, size),
        boxes=[boxes * scale for boxes in batch.boxes],
        valid=None if batch.valid is None else _nearest(batch.valid, size),
    )


def brought_back(found: dict[str, Tensor], own: int, size: int) -> dict[str, Tensor]:
    """What was found in an image of `own` pixels, in those of the same image at `size`.

    Boxes are scaled, and the masks of objects [M, own, own] take the nearest pixel; probabilities
    [K, own, own] are resized, and the mask is what is then the most probable class.
    """
    scaled = dict(found)
    if "boxes" in found:
        scaled["boxes"] = found["boxes"] * (size / own)
    if "masks" in found:
        scaled["masks"] = _nearest(found["masks"], size)
    if "mask" in found:
        scaled["probabilities"] = resized(found["probabilities"][None], size)[0]
        scaled["mask"] = scaled["probabilities"].argmax(dim=0).to(torch.uint8)
    return scaled


def _nearest(values: Tensor, size: int) -> Tensor:
    """[B, S, S] of any type → [B, size, size]."""
    moved = F.interpolate(values[:, None].float(), (size, size), mode="nearest-exact")
    return moved[:, 0].to(values.dtype)
