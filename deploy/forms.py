"""How a trained model is exported: what goes in, what comes out, and how outputs are compared."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from deploy.trained import Trained
from models.heads.classifiers import Classifier
from models.heads.segmenters import SegmentationModel
from models.losses.pixels import class_logits

ALLOWED = {"probability": 1e-3, "score": 1e-3, "box corner, px": 0.1}
"""How far an output may be from the original's; a detector's boxes in px of its input."""

Arrays = list[NDArray[Any]]


class Probabilities(nn.Module):
    """Stored values float32 [N, C, S, S] → probabilities [N, K + 1, S, S] of classes 0 … K."""

    def __init__(self, trained: Trained) -> None:
        super().__init__()
        self.model, self.normalisation = trained.model, trained.normalisation

    def forward(self, images: Tensor) -> Tensor:
        """As `SegmentationModel.predict`, which gives images one by one."""
        assert isinstance(self.model, SegmentationModel)
        return class_logits(self.model.outputs(self.normalisation(images))).float().softmax(dim=1)


class FoundObjects(nn.Module):
    """Stored values float32 [1, C, S, S] → boxes [M, 4] (xyxy, px), scores [M], labels [M]."""

    def __init__(self, trained: Trained) -> None:
        super().__init__()
        self.model, self.normalisation = trained.model, trained.normalisation

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Of the one image in `images`."""
        (found,) = self.model.predict(self.normalisation(images))
        return found["boxes"], found["scores"], found["labels"]


class FoundLabels(nn.Module):
    """Stored values float32 [N, C, S, S] → confidences [N, K] and classes bool [N, K] of 1 … K."""

    def __init__(self, trained: Trained) -> None:
        super().__init__()
        self.model, self.normalisation = trained.model, trained.normalisation

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """As `Classifier.predict`, which gives images one by one."""
        assert isinstance(self.model, Classifier)
        classes, confidences = self.model.told(self.normalisation(images))
        return confidences, classes


@dataclass(frozen=True)
class Form:
    """How the models of a task are exported.

    Attributes:
        module: what is exported of a trained model.
        outputs: their names.
        batch: images that it is exported with, and compared on, at once; of 1, it takes no more.
        found: its outputs → an entry an image, as `Model.predict` of the task gives it.
        differences: the largest differences between its outputs and the original's, by what they
            are of, see `ALLOWED`.
        background: whether the outputs tell of class id 0, background, too.
    """

    module: Callable[[Trained], nn.Module]
    outputs: tuple[str, ...]
    batch: int
    found: Callable[[Arrays], list[dict[str, Tensor]]]
    differences: Callable[[Arrays, Arrays], dict[str, float]]
    background: bool = True


def found_classes(outputs: Arrays) -> list[dict[str, Tensor]]:
    """The mask and probabilities of each image."""
    probabilities = torch.from_numpy(outputs[0])
    masks = probabilities.argmax(dim=1).to(torch.uint8)
    return [
        {"mask": mask, "probabilities": of_classes}
        for mask, of_classes in zip(masks, probabilities, strict=True)
    ]


def found_objects(outputs: Arrays) -> list[dict[str, Tensor]]:
    """The objects of the one image."""
    names = ("boxes", "scores", "labels")
    return [{name: torch.from_numpy(one) for name, one in zip(names, outputs, strict=True)}]


def found_labels(outputs: Arrays) -> list[dict[str, Tensor]]:
    """The classes of each image, and how sure they are."""
    confidences, classes = map(torch.from_numpy, outputs)
    return [
        {"classes": given, "confidences": sure}
        for given, sure in zip(classes, confidences, strict=True)
    ]


def differences_of_probabilities(found: Arrays, expected: Arrays) -> dict[str, float]:
    """Of each class, of each pixel or image."""
    return {"probability": float(np.abs(found[0] - expected[0]).max())}


def differences_of_objects(found: Arrays, expected: Arrays) -> dict[str, float]:
    """Of each object to the nearest of its class on the other side; infinite if there is none.

    Their order may differ, where the model is as sure of one as of another.
    """
    one_sided = bool(len(found[0])) != bool(len(expected[0]))
    if one_sided or not len(found[0]):
        return dict.fromkeys(("score", "box corner, px"), np.inf if one_sided else 0.0)
    boxes = np.abs(found[0][:, None] - expected[0]).max(axis=2)
    scores = np.abs(found[1][:, None] - expected[1])
    apart = np.maximum(boxes / ALLOWED["box corner, px"], scores / ALLOWED["score"])
    apart[found[2][:, None] != expected[2]] = np.inf
    rows, columns = np.indices(apart.shape)
    nearest = [(rows[:, 0], apart.argmin(axis=1)), (apart.argmin(axis=0), columns[0])]
    if any(np.isinf(apart[pairs]).any() for pairs in nearest):
        return dict.fromkeys(("score", "box corner, px"), np.inf)
    return {
        "score": float(max(scores[pairs].max() for pairs in nearest)),
        "box corner, px": float(max(boxes[pairs].max() for pairs in nearest)),
    }


PROBABILITIES = Form(
    Probabilities, ("probabilities",), 2, found_classes, differences_of_probabilities
)
LABELS = Form(
    FoundLabels,
    ("confidences", "classes"),
    2,
    found_labels,
    differences_of_probabilities,
    background=False,
)
OBJECTS = Form(
    FoundObjects, ("boxes", "scores", "labels"), 1, found_objects, differences_of_objects
)
