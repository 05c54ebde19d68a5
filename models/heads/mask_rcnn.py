"""Detection with a mask of each object: torchvision's Mask R-CNN over a `Backbone`.

He et al. 2017, "Mask R-CNN". A mask is learned on a grid of 28 x 28 cells over its box. torchvision
places grids up to a pixel off, which an object of ten pixels does not forgive: here true masks are
read, and found ones drawn, exactly where their boxes are.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor
from torchvision.models.detection.roi_heads import fastrcnn_loss
from torchvision.ops import roi_align

from datasets.batches import Batch
from datasets.object_masks import object_masks
from datasets.source import IGNORE
from models.backbones import Backbone
from models.heads.faster_rcnn import (
    FASTER_RCNN_LOSSES,
    POSITIVE,
    FasterRCNNDetector,
    SeeingRoIHeads,
)
from models.heads.options import MaskRCNNOptions
from models.heads.roi_align import RoIAlign
from models.heads.torchvision_detector import LEVELS, Target
from models.model import Classes

MASK_RCNN_LOSSES = {**FASTER_RCNN_LOSSES, "roi_mask": "loss_mask"}
"""Our name of each loss term → torchvision's."""

POOLED = 14
"""Side of the features of a region; its mask is twice as fine."""

DRAWN_AT_ONCE = 16
"""Masks that are drawn in one step, in some 16 bytes a pixel of the image each."""


class MaskRoIHeads(SeeingRoIHeads):
    """Classes, boxes and masks of regions."""

    def forward(
        self,
        features: dict[str, Tensor],
        proposals: list[Tensor],
        image_shapes: list[tuple[int, int]],
        targets: list[Target] | None = None,
    ) -> tuple[list[Target], dict[str, Tensor]]:
        """Objects with `masks` [M, 1, 28, 28] of each image; in training the loss terms instead."""
        if not self.training:
            found: list[Target]
            found, nothing = super().forward(features, proposals, image_shapes)
            return found, nothing
        assert targets is not None
        regions, objects, labels, wanted = self.select_training_samples(proposals, targets)
        pooled = self.box_roi_pool(features, regions, image_shapes)
        found_in_regions = self.box_predictor(self.box_head(pooled))
        class_loss, box_loss = fastrcnn_loss(*found_in_regions, labels, wanted)
        positive = [ids > 0 for ids in labels]
        regions, objects, labels = (
            [one[kept] for one, kept in zip(values, positive, strict=True)]
            for values in (regions, objects, labels)
        )
        pooled = self.mask_roi_pool(features, regions, image_shapes)
        logits = self.mask_predictor(self.mask_head(pooled)).float()
        losses = {
            "loss_classifier": class_loss,
            "loss_box_reg": box_loss,
            "loss_mask": mask_loss(logits, labels, regions, objects, targets),
        }
        return [], losses


class MaskRCNNDetector(FasterRCNNDetector):
    """Mask R-CNN for images that are already standardised and of one size.

    Args:
        backbone: where the features come from; `backbone.image_size` also sizes the anchors.
        classes: the object classes, without background.
        options: of the layers above the backbone.
    """

    terms = MASK_RCNN_LOSSES
    roi_heads = MaskRoIHeads

    def __init__(self, backbone: Backbone, classes: Classes, options: MaskRCNNOptions) -> None:
        super().__init__(backbone, classes, options)
        heads, channels = self.network.roi_heads, options.pyramid_channels
        heads.mask_roi_pool = RoIAlign(list(LEVELS), POOLED, sampling_ratio=2)
        heads.mask_head = MaskRCNNHeads(channels, (channels,) * 4, dilation=1)
        heads.mask_predictor = MaskRCNNPredictor(channels, channels, len(classes.names) + 1)
        # torchvision's start suits 91 classes; with few, the first logits would be far from 0.
        nn.init.normal_(heads.mask_predictor.mask_fcn_logits.weight, std=0.001)

    def targets(self, batch: Batch) -> list[Target]:
        """What is to be found in each image, `masks` bool [M, S, S] and what of them is `known`."""
        targets = super().targets(batch)
        for target, mask in zip(targets, batch.masks, strict=True):
            boxes, labels = (target[name].cpu().numpy() for name in ("boxes", "labels"))
            masks = object_masks(mask.cpu().numpy(), boxes, labels)
            target["masks"] = torch.from_numpy(masks).to(mask.device)
            target["known"] = mask != IGNORE
        return targets

    def pass_through(self, images: Tensor) -> None:
        """All layers; the heads as for the regions that are sampled for training."""
        super().pass_through(images)
        heads = self.network.roi_heads
        regions = int(len(images) * POSITIVE * heads.fg_bg_sampler.batch_size_per_image)
        pooled = images.new_zeros(regions, self.pyramid.out_channels, POOLED, POOLED)
        heads.mask_predictor(heads.mask_head(pooled))

    @torch.no_grad()
    def predict(self, images: Tensor) -> list[dict[str, Tensor]]:
        """As a detector's, and `masks` bool [M, S, S], which lie within the boxes."""
        return [
            {**one, "masks": drawn(one["masks"][:, 0], one["boxes"], images.shape[-1])}
            for one in super().predict(images)
        ]


def mask_loss(
    logits: Tensor,
    labels: list[Tensor],
    regions: list[Tensor],
    objects: list[Tensor],
    targets: list[Target],
) -> Tensor:
    """Mean binary cross-entropy of the cells, each weighted by its share of known pixels.

    Args:
        logits: [N, K + 1, g, g] of the regions of all images, one after another.
        labels: class ids [n] of the regions of each image.
        regions: [n, 4] of each image.
        objects: [n], which object each is of.
        targets: with `masks` [M, S, S] and `known` [S, S]. Where no pixel of an object is known,
            it has no loss.
    """
    truths, weights = [], []
    for boxes, of, target in zip(regions, objects, targets, strict=True):
        masks, known, side = target["masks"], target["known"], logits.shape[-1]
        truths.append(on_grids(masks, of, boxes, side))
        shown = masks.flatten(1).any(dim=1)[of]
        weights.append(on_grids(known[None], of * 0, boxes, side) * shown[:, None, None])
    ids = torch.cat(labels)
    own = logits[torch.arange(len(ids), device=ids.device), ids]
    weight = torch.cat(weights)
    losses = F.binary_cross_entropy_with_logits(own, torch.cat(truths), weight, reduction="sum")
    return losses / weight.sum().clamp(min=1)


def on_grids(masks: Tensor, of: Tensor, boxes: Tensor, side: int) -> Tensor:
    """Float32 [N, side, side]: of masks [M, S, S], the one that each box [N, 4] is `of`, in it."""
    regions = torch.cat([of[:, None].to(boxes), boxes], dim=1)
    return roi_align(masks[:, None].to(boxes), regions, side, aligned=True)[:, 0]


def drawn(masks: Tensor, boxes: Tensor, size: int) -> Tensor:
    """Bool [M, S, S]: where probabilities [M, g, g] on grids over boxes [M, 4] exceed a half.

    The inverse of `on_grids`, bilinear.
    """
    centres = torch.arange(size, device=boxes.device) + 0.5
    parts = []
    for some, (x0, y0, x1, y1) in zip(
        masks.float().split(DRAWN_AT_ONCE),
        (part.T[..., None] for part in boxes.split(DRAWN_AT_ONCE)),
        strict=True,
    ):
        x, y = 2 * (centres - x0) / (x1 - x0) - 1, 2 * (centres - y0) / (y1 - y0) - 1
        x, y = torch.broadcast_tensors(x[:, None, :], y[:, :, None])
        places = torch.stack([x, y], dim=-1)
        values = F.grid_sample(some[:, None], places, padding_mode="border", align_corners=False)
        parts.append((values[:, 0] > 0.5) & (x.abs() < 1) & (y.abs() < 1))
    return torch.cat(parts)
