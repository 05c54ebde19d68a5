"""detectron2's Faster R-CNN as a second engine of detection, beside torchvision's.

Wu et al. 2019, "Detectron2". It has no release on a package index and is built from source, see its
installation guide. It is therefore optional, and nothing here imports it before a detector is made.
The network itself is in `models.heads.detectron2_network`.

Both engines have the same backbone, pyramid (128 channels, group norm), anchors, numbers of
proposals and of sampled regions, width of the box head, thresholds and form of the box losses.
detectron2 differs in this: regions are aligned to half a pixel; anchors are not rounded; the RPN's
box loss is a mean over the 256 anchors that are requested, and torchvision's over those that are
sampled; boxes are regressed for each object class, and not for the background.
"""

import warnings
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from datasets.batches import Batch
from models.backbones import Backbone
from models.heads.options import FasterRCNNOptions
from models.model import Classes, Model
from runs.errors import EosweepError

if TYPE_CHECKING:
    from models.heads.detectron2_network import TimmFeatures

DETECTRON2_LOSSES = {
    "rpn_objectness": "loss_rpn_cls",
    "rpn_box": "loss_rpn_loc",
    "roi_class": "loss_cls",
    "roi_box": "loss_box_reg",
}
"""Our name of each loss term → detectron2's."""


class EngineMissingError(EosweepError):
    """detectron2 is chosen and cannot be imported."""


def check_engine() -> None:
    """Raise `EngineMissingError` unless detectron2 can be imported."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # it scripts a function, as it loads
            import detectron2.modeling  # noqa: F401
    except ImportError as error:
        raise EngineMissingError(
            f"detectron2 cannot be imported ({error}); build it from source against the installed "
            "PyTorch as detectron2's installation guide says (INSTALL.md of "
            "github.com/facebookresearch/detectron2), or choose torchvision's head"
        ) from error


class Detectron2Detector(Model):
    """detectron2's Faster R-CNN for images that are already standardised and of one size.

    Args:
        backbone: where the features come from; `backbone.image_size` also sizes the anchors.
        classes: the object classes, without background.
        options: of the layers above the backbone.

    Raises:
        EngineMissingError: detectron2 cannot be imported.
    """

    reads_values = True

    def __init__(self, backbone: Backbone, classes: Classes, options: FasterRCNNOptions) -> None:
        check_engine()
        from models.heads.detectron2_network import faster_rcnn

        super().__init__()
        self.network = faster_rcnn(backbone, len(classes.names), options)

    @property
    def backbone(self) -> Backbone:
        """Below the pyramid."""
        features: TimmFeatures = self.network.backbone.bottom_up
        return features.backbone

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """The four loss terms of a batch by our names, unweighted, each a scalar.

        All are NaN where the network has diverged so far that its boxes are not finite.
        """
        from models.heads.detectron2_network import EventStorage, with_objects

        self.network.proposal_generator.valid = batch.valid
        self.network.roi_heads.valid = batch.valid
        try:
            with EventStorage():  # detectron2 does not run without a place for its counts
                terms = self.network(with_objects(batch))
        except FloatingPointError:
            # detectron2 raises it where a box is not finite. Here a training ends by its loss.
            lost = torch.full((), torch.nan, device=batch.images.device, requires_grad=True)
            return dict.fromkeys(DETECTRON2_LOSSES, lost)
        return {name: terms[theirs] for name, theirs in DETECTRON2_LOSSES.items()}

    @torch.no_grad()
    def predict(self, images: Tensor) -> list[dict[str, Tensor]]:
        """Images [B, C, S, S] → an image: boxes [M, 4] (xyxy, px), scores [M], labels [M]."""
        found = [entry["instances"] for entry in self.network([{"image": i} for i in images])]
        return [
            {
                "boxes": objects.pred_boxes.tensor,
                "scores": objects.scores,
                "labels": objects.pred_classes + 1,
            }
            for objects in found
        ]
