"""Classification: how the classes of whole images are scored on a split, and drawn on a few."""

from collections.abc import Iterable, Mapping

import numpy as np
import torch
from torch import Tensor

from datasets.batches import Batch
from datasets.colours import Colour
from models.heads import HEADS
from models.metrics.image_labels import CLASS_METRICS, METRICS, scores
from models.metrics.scored import Keep, Scored
from models.model import Model
from models.tasks.key import enlarged, with_own_keys
from models.tasks.task import Finds, Task
from runs.tallies import LabelTally


def score_classifier(
    model: Finds,
    data: Iterable[Batch],
    device: torch.device,
    classes: tuple[str, ...],
    keep: Keep | None = None,
) -> Scored:
    """Score `model` over all batches of a split together.

    A metric that is not defined, as of a class that no image has, is left out.

    Raises:
        ValueError: no image of the split has a label.
    """
    model.eval()
    names: list[str] = []
    truths: list[Tensor] = []
    found: dict[str, list[Tensor]] = {"classes": [], "confidences": []}
    for batch in data:
        assert batch.image_labels is not None, "the task needs them"
        told = model.predict(batch.images.to(device))
        if keep is not None:
            keep(batch.names, [{key: one[key].cpu().numpy() for key in found} for one in told])
        names += batch.names
        truths.append(batch.image_labels)
        for key, values in found.items():
            values += [one[key] for one in told]
    arrays = {key: torch.stack(values).cpu().numpy() for key, values in found.items()}
    tally = LabelTally(
        np.array(names), torch.cat(truths).numpy(), arrays["classes"], arrays["confidences"]
    )
    if not tally.truths.any():
        raise ValueError("no metric is defined: no image of the split has a label")
    return Scored(scores(tally, classes), tally)


def draw_labels(
    model: Model,
    batch: Batch,
    pictures: Tensor,
    device: torch.device,
    classes: Mapping[str, Colour],
) -> Tensor:
    """Pictures uint8 [B, 3, S, S] → [B, 3, H, W]: below each, its true and its found classes."""
    assert batch.image_labels is not None, "the task needs them"
    model.eval()
    told = model.predict(batch.images.to(device))
    keys = []
    for truths, one in zip(batch.image_labels.tolist(), told, strict=True):
        true, found = [], []
        for (name, colour), there, given, confidence in zip(
            classes.items(),
            truths,
            one["classes"].tolist(),
            one["confidences"].tolist(),
            strict=True,
        ):
            true += [(f"true: {name}", colour)] * there
            found += [(f"found: {name} {confidence:.2f}", colour)] * given
        keys.append([*true, *found])
    return with_own_keys(enlarged(pictures), keys)


def draw_true_labels(batch: Batch, pictures: Tensor, classes: Mapping[str, Colour]) -> Tensor:
    """Pictures uint8 [B, 3, S, S] → [B, 3, H, W]: below each, its true classes."""
    assert batch.image_labels is not None, "the task needs them"
    keys = [
        [
            (f"true: {name}", colour)
            for (name, colour), there in zip(classes.items(), held, strict=True)
            if there
        ]
        for held in batch.image_labels.tolist()
    ]
    return with_own_keys(enlarged(pictures), keys)


CLASSIFICATION = Task(
    heads=HEADS["classification"],
    needs="image labels",
    metrics=METRICS,
    evaluate=score_classifier,
    draw=draw_labels,
    draw_truth=draw_true_labels,
    class_metrics=tuple(CLASS_METRICS),
)
