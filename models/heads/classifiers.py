"""Heads that tell the classes of whole images.

All read the mean over the last map of a `Backbone`, that at stride 32 (global average pooling, Lin
et al. 2014, "Network In Network"). A plain ViT's is the maximum over 2 × 2 of its patches.
"""

from abc import abstractmethod

import torch
from torch import Tensor, nn

from datasets.batches import Batch
from models.backbones import Backbone
from models.heads.options import ClassifierOptions, MLPOptions
from models.losses import LossError
from models.losses.class_weights import class_weights
from models.losses.image_labels import IMAGE_LOSSES, ImageLogits
from models.model import Classes, Model

SURE = 0.5
"""Where an image may have several labels, it has those of at least this probability."""


class Classifier(Model):
    """A model that gives each image one class, or, of multi-label data, those it is sure of.

    Args:
        backbone: where the features come from.
        classes: their names, how often each occurs in training, and whether data are multi-label.
        options: the loss, class weights and label smoothing.

    Raises:
        LossError: the loss is not for multi-label data.
    """

    weight: Tensor

    def __init__(self, backbone: Backbone, classes: Classes, options: ClassifierOptions) -> None:
        super().__init__()
        if classes.multi_label and options.loss != "bce":
            raise LossError(
                f"loss '{options.loss}' is of images with one label each, but these have several or"
                " none: write loss: bce"
            )
        self.encoder = backbone
        self.multi_label = classes.multi_label
        self.loss, self.label_smoothing = options.loss, options.label_smoothing
        # Shares of the classes among all images: what they are shares of cancels out.
        images = (sum(classes.images),) * len(classes.images)
        weights = class_weights(options.class_weights, classes.images, images)
        if len(weights) != len(classes.names):
            raise ValueError(f"{len(weights)} image counts for {len(classes.names)} classes")
        self.register_buffer("weight", torch.tensor(weights), persistent=False)

    @property
    def backbone(self) -> Backbone:
        """Where its features come from."""
        return self.encoder

    @abstractmethod
    def logits(self, features: Tensor) -> Tensor:
        """Mean features [B, C] → logits [B, K]."""

    def outputs(self, images: Tensor) -> Tensor:
        """Images [B, C, S, S] → logits [B, K] of class ids 1 … K."""
        return self.logits(self.encoder(images)[-1].mean(dim=(2, 3)))

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """The one term of the loss of a batch, a float32 scalar."""
        assert batch.image_labels is not None, "the task needs them"
        outputs = self.outputs(batch.images)
        with torch.autocast(outputs.device.type, enabled=False):
            images = ImageLogits(
                outputs.float(), batch.image_labels, self.weight, self.label_smoothing
            )
            return {self.loss: IMAGE_LOSSES[self.loss](images)}

    def pass_through(self, images: Tensor) -> None:
        """All layers."""
        self.outputs(images)

    def told(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Images [B, C, S, S] → classes bool [B, K], and how sure it is of each, float32 [B, K].

        Confidences are probabilities: of cross entropy they add up to 1, of bce each class has its
        own. Of two equally probable classes, the one of the lower id is given.
        """
        logits = self.outputs(images).float()
        confidences = logits.sigmoid() if self.loss == "bce" else logits.softmax(dim=1)
        if self.multi_label:
            return confidences >= SURE, confidences
        ids = torch.arange(confidences.shape[1], device=confidences.device)
        return confidences.argmax(dim=1, keepdim=True) == ids, confidences

    @torch.no_grad()
    def predict(self, images: Tensor) -> list[dict[str, Tensor]]:
        """Images [B, C, S, S] → an image: classes bool [K], confidences float32 [K], see `told`."""
        return [
            {"classes": classes, "confidences": confidences}
            for classes, confidences in zip(*self.told(images), strict=True)
        ]


class Linear(Classifier):
    """One linear layer: with a frozen backbone, a linear probe."""

    def __init__(self, backbone: Backbone, classes: Classes, options: ClassifierOptions) -> None:
        super().__init__(backbone, classes, options)
        self.head = nn.Linear(backbone.channels[-1], len(classes.names))

    def logits(self, features: Tensor) -> Tensor:
        """Mean features [B, C] → logits [B, K]."""
        logits: Tensor = self.head(features)
        return logits


class MLP(Classifier):
    """A multilayer perceptron with one hidden layer."""

    def __init__(self, backbone: Backbone, classes: Classes, options: MLPOptions) -> None:
        super().__init__(backbone, classes, options)
        self.head = nn.Sequential(
            nn.Linear(backbone.channels[-1], options.mlp_width),
            nn.ReLU(),
            nn.Linear(options.mlp_width, len(classes.names)),
        )

    def logits(self, features: Tensor) -> Tensor:
        """Mean features [B, C] → logits [B, K]."""
        logits: Tensor = self.head(features)
        return logits
