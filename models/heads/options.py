"""Options of heads: names, types, defaults, and the loss terms that follow from them.

A sweep gives them like any other setting, under `compare`, `tune` or `fixed`; its schema is derived
from them. Nothing here imports torch, see `Head.network`.
"""

from abc import ABC, abstractmethod

from pydantic import BaseModel, ConfigDict, Field

LOSS_PREFIX = "loss_weights."
"""The setting `loss_weights.roi_box` is the weight of the loss term `roi_box`."""


class HeadOptions(BaseModel, ABC):
    """Options of a head; each has a description."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @property
    @abstractmethod
    def terms(self) -> tuple[str, ...]:
        """Names of the loss terms that the head is trained on."""


class DetectorOptions(HeadOptions, ABC):
    """Options that all detectors have."""

    pyramid_channels: int = Field(
        128,
        ge=8,
        multiple_of=8,
        description="of a detector's feature pyramid; the box head of Faster and Mask R-CNN is "
        "four times as wide, other layers are as wide",
    )


class FasterRCNNOptions(DetectorOptions):
    """Of Faster R-CNN, the same in every implementation, and so are its four loss terms."""

    @property
    def terms(self) -> tuple[str, ...]:
        """Of the region proposals, and of the regions that are classified."""
        return "rpn_objectness", "rpn_box", "roi_class", "roi_box"


class ClassifierOptions(HeadOptions):
    """Options that all heads have that tell the classes of whole images."""

    loss: str = Field("cross_entropy", description="cross_entropy, or bce: each class by itself")
    class_weights: str = Field(
        "none",
        description="none, inverse, median_frequency, effective_number, or a number for each class",
    )
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="of the labels in training")

    @property
    def terms(self) -> tuple[str, ...]:
        """The one of `loss`. LossError: there is no such loss."""
        from models.losses.image_labels import check_image_loss  # imports torch

        return (check_image_loss(self.loss),)


class MLPOptions(ClassifierOptions):
    """Of a multilayer perceptron."""

    mlp_width: int = Field(512, ge=1, description="of its hidden layer")


class MaskRCNNOptions(FasterRCNNOptions):
    """Of Mask R-CNN."""

    @property
    def terms(self) -> tuple[str, ...]:
        """Those of Faster R-CNN, and that of the mask of each region."""
        return (*super().terms, "roi_mask")


class RetinaNetOptions(DetectorOptions):
    """Of RetinaNet."""

    @property
    def terms(self) -> tuple[str, ...]:
        """Of the class and the box of each anchor."""
        return "dense_class", "dense_box"


class FCOSOptions(DetectorOptions):
    """Of FCOS."""

    @property
    def terms(self) -> tuple[str, ...]:
        """Of the class, the box and the centerness of each point."""
        return "dense_class", "dense_box", "dense_centerness"


class SegmenterOptions(HeadOptions):
    """Options that all segmentation heads have."""

    loss: str = Field("cross_entropy", description="terms joined by +, such as bce + jaccard")
    class_weights: str = Field(
        "none",
        description="none, inverse, median_frequency, effective_number, or a number for each "
        "class, background first; of cross_entropy, bce and focal",
    )
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="of cross_entropy")

    @property
    def terms(self) -> tuple[str, ...]:
        """Those of `loss`. LossError: it has a term that does not exist."""
        from models.losses import loss_terms  # imports torch

        return loss_terms(self.loss)
