"""Distillation: a teacher learns whether a patch holds an object, a student learns the teacher.

The teacher is fine-tuned on that binary question, which any labels answer, and frozen. The
student is trained on the teacher's softened answers and on the true ones (Hinton et al. 2015,
"Distilling the Knowledge in a Neural Network").
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from datasets import open_split
from models.backbones import Backbone
from models.pretraining.shuffled import Shuffled
from models.pretraining.stage import Request, Resume, Stage, Trained
from models.pretraining.training import Recipe, StageEpoch, deepest_map, run_epochs
from runs.errors import EosweepError


class NoObjectsError(EosweepError):
    """There are no objects for a teacher to learn from."""


LabelledBatches = Callable[[int], Iterable[tuple[Tensor, Tensor]]]


def distillation_stage(request: Request) -> Stage:
    """The stage of a student; its parent is the teacher's, whose parent is the teacher's start.

    Raises:
        NoObjectsError: the labels are of whole images.
    """
    if "image labels" in request.data.labels:
        raise NoObjectsError(
            "pretraining: distillation: its teacher learns which images hold an object, but the"
            " labels are of whole images: choose another kind of initial weights"
        )
    recipe = request.options.model_dump()
    named = recipe.pop("teacher")
    start = request.start(named["backbone"], named["pretraining"], request.data)
    shared = {name: recipe[name] for name in ("lr", "batch_size")}
    teacher = Stage(
        "teacher",
        request.title("teacher", named["backbone"]),
        named["backbone"],
        {**request.trained_parts("teacher", shared), "backbone": named["backbone"]},
        request.data,
        start,
        train=train_teacher_stage,
    )
    return Stage(
        "distillation",
        request.title("distillation"),
        request.backbone,
        request.trained_parts("distillation", recipe),
        request.data,
        teacher,
        train=train_student_stage,
    )


def train_teacher_stage(stage: Stage, device: torch.device, cache: Path, resume: Resume) -> Trained:
    """Train the teacher's backbone under its binary head, from its own start."""
    torch.manual_seed(stage.parts["seed"])
    backbone = stage.new_backbone()
    training, recipe = _labelled(stage, device)
    if stage.parent:
        stage.parent.finished(cache).load_into(backbone.network)
    teacher = Classifier(backbone)
    epochs = train_teacher(teacher, training.labelled, recipe, device=device, resume=resume)
    return Trained(teacher, epochs)


def train_student_stage(stage: Stage, device: torch.device, cache: Path, resume: Resume) -> Trained:
    """Train the student's backbone on the finished teacher."""
    torch.manual_seed(stage.parts["seed"])
    assert stage.parent is not None
    student = stage.new_backbone()
    training, recipe = _labelled(stage, device)
    teacher = Classifier(stage.parent.new_backbone())
    stage.parent.finished(cache).load_into(teacher)
    epochs = distil(
        student,
        teacher,
        training.labelled,
        recipe,
        temperature=stage.parts["recipe"]["temperature"],
        hard_weight=stage.parts["recipe"]["hard_weight"],
        device=device,
        resume=resume,
    )
    return Trained(student.network, epochs)


def _labelled(stage: Stage, device: torch.device) -> tuple[Shuffled, Recipe]:
    parts = stage.parts
    batch_size = parts["recipe"]["batch_size"]
    split = open_split(stage.data, "train")
    training = Shuffled(split, batch_size, parts["seed"], stage.image_size, device)
    return training, training.recipe(parts["epochs"], parts["recipe"]["lr"])


class Classifier(nn.Module):
    """A backbone with a binary head: images [B, C, S, S] → logits [B] of "holds an object"."""

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = nn.Linear(backbone.channels[-1], 1)

    def forward(self, images: Tensor) -> Tensor:
        """The mean of the deepest map over the image, weighed linearly."""
        return self.head(deepest_map(self.backbone, images).mean(dim=(2, 3))).squeeze(1).float()


def train_teacher(
    teacher: Classifier,
    batches: LabelledBatches,
    recipe: Recipe,
    *,
    device: torch.device,
    resume: Mapping[str, Any] | None = None,
) -> Iterator[StageEpoch]:
    """Fine-tune `teacher` in place on binary cross-entropy, without class weights.

    Weights for the rarer answer would shift the teacher's probabilities, and these are what the
    student is to learn.

    Args:
        teacher: its backbone best starts from weights already trained.
        batches: gives an epoch's standardised images [B, C, S, S], float32, and whether each
            holds an object [B], bool.
        recipe: seeds torch's global generator, which dropout draws from.
        device: where to train.
        resume: the state of an earlier epoch, see `run_epochs`.

    Yields:
        "epoch", "loss", "accuracy", "seconds".
    """
    torch.manual_seed(recipe.seed)

    def losses(batch: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        images, positive = (part.to(device) for part in batch)
        logits = teacher(images)
        loss = F.binary_cross_entropy_with_logits(logits, positive.float())
        return {"loss": loss, "accuracy": accuracy(logits, positive)}

    yield from run_epochs(teacher, batches, losses, recipe, device, resume)


def distil(
    student: Backbone,
    teacher: Classifier,
    batches: LabelledBatches,
    recipe: Recipe,
    *,
    temperature: float,
    hard_weight: float,
    device: torch.device,
    resume: Mapping[str, Any] | None = None,
) -> Iterator[StageEpoch]:
    """Train `student` in place, under a head that is thrown away, on the frozen `teacher`.

    Args:
        student: of the same bands and image size as the teacher's backbone.
        teacher: trained; is frozen and put into evaluation mode for good.
        batches, recipe, device, resume: as for `train_teacher`.
        temperature: above 1 softens both answers.
        hard_weight: share of the true answers in the loss, 0 to 1.

    Yields:
        "epoch", "loss", "hard", "soft", "accuracy", "seconds"; `hard` and `soft` are the two
        terms of the loss before they are mixed.
    """
    torch.manual_seed(recipe.seed)
    freeze(teacher).to(device)
    classifier = Classifier(student)

    def losses(batch: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        images, positive = (part.to(device) for part in batch)
        with torch.no_grad():
            target = teacher(images)
        logits = classifier(images)
        hard = F.binary_cross_entropy_with_logits(logits, positive.float())
        soft = softened_divergence(logits, target, temperature)
        loss = hard_weight * hard + (1 - hard_weight) * soft
        return {"loss": loss, "hard": hard, "soft": soft, "accuracy": accuracy(logits, positive)}

    yield from run_epochs(classifier, batches, losses, recipe, device, resume)


def softened_divergence(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """T² · KL(teacher ‖ student) of two-way answers softened by T; logits [B] → mean, a scalar.

    T² keeps the gradient's size when T changes.
    """
    divergence = torch.zeros((), device=student.device)
    for sign in (1, -1):  # "holds an object", and "holds none", whose logit is the negative
        ours = F.logsigmoid(sign * student / temperature)
        theirs = F.logsigmoid(sign * teacher / temperature)
        divergence = divergence + (theirs.exp() * (theirs - ours)).mean()
    return temperature**2 * divergence


def freeze(module: nn.Module) -> nn.Module:
    """No gradients, no batch statistics, no dropout; in place."""
    return module.requires_grad_(False).eval()


def accuracy(logits: Tensor, positive: Tensor) -> Tensor:
    """Share of right answers; logits [B], truth [B], bool."""
    return ((logits > 0) == positive).float().mean()
