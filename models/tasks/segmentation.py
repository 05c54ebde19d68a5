"""Segmentation: how a segmenter is scored on a split, and drawn on a few of its images."""

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from datasets.batches import Batch
from datasets.colours import IGNORED_GREY, class_colours
from datasets.source import IGNORE
from models.heads import HEADS
from models.metrics.confusion import CLASS_METRICS, METRICS, scores
from models.metrics.footprint_scores import FOOTPRINT_METRICS, Counts, footprint_scores
from models.metrics.footprints import footprints_in, match
from models.metrics.scored import Keep, Scored
from models.model import Model
from models.tasks.key import enlarged, with_key
from models.tasks.task import Finds, Task
from runs.classes import BACKGROUND
from runs.tallies import PixelTally


def score_segmenter(
    model: Finds,
    data: Iterable[Batch],
    device: torch.device,
    classes: tuple[str, ...],
    keep: Keep | None = None,
) -> Scored:
    """Score `model` over all batches of a split together.

    A metric that is not defined (of a class that neither truth nor prediction holds; the precision
    of no footprints) is left out. Footprints are connected pixels that are not background, their
    confidence 1 − the probability of background; where the truth is ignored, none are proposed.

    Raises:
        ValueError: the split has no labelled pixel.
    """
    model.eval()
    size = len(classes) + 1
    names: list[str] = []
    pixels: list[Tensor] = []
    footprints: list[Counts] = []
    for batch in data:
        found = model.predict(batch.images.to(device))
        names += batch.names
        pixels += [
            confusion(truth, image["mask"], size)
            for truth, image in zip(batch.masks.to(device), found, strict=True)
        ]
        if batch.footprints is not None:
            footprints += _footprint_counts(batch, found)
        if keep is not None:
            keep(batch.names, [{"mask": image["mask"].cpu().numpy()} for image in found])
    counts = torch.stack(pixels).cpu().numpy()
    metrics = scores(counts.sum(axis=0), classes)
    if footprints:
        of_footprints = footprint_scores(np.sum(footprints, axis=0))
        metrics |= {
            name: float(value) for name, value in of_footprints.items() if np.isfinite(value)
        }
    buildings = np.array(footprints) if footprints else None
    return Scored(metrics, PixelTally(np.array(names), counts, buildings))


def _footprint_counts(batch: Batch, found: list[dict[str, Tensor]]) -> list[Counts]:
    """Buildings found, false positives and missed of each image of a batch."""
    assert batch.footprints is not None
    counts = []
    for image, truth, size, outlines in zip(
        found, batch.masks, batch.sizes, batch.footprints, strict=True
    ):
        buildings = (image["mask"].cpu() > 0) & (truth.cpu() != IGNORE)
        confidence = 1 - image["probabilities"][0].cpu()
        height, width = size.tolist()
        proposed = footprints_in(buildings.numpy(), confidence.numpy(), (height, width))
        counts.append(match(outlines, proposed))
    return counts


def draw_masks(
    model: Model,
    batch: Batch,
    pictures: Tensor,
    device: torch.device,
    classes: tuple[str, ...],
) -> Tensor:
    """Pictures uint8 [B, 3, S, S] → [B, 3, H, W]: image, truth, prediction, with a key.

    A class has one colour everywhere; pixels that are ignored are grey in the truth.
    """
    model.eval()
    found = torch.stack([image["mask"] for image in model.predict(batch.images.to(device))])
    palette = torch.full((IGNORE + 1, 3), IGNORED_GREY[0], dtype=torch.uint8)
    palette[: len(classes) + 1] = torch.tensor(class_colours(classes))
    coloured = [palette[masks.long()].permute(0, 3, 1, 2) for masks in (batch.masks, found.cpu())]
    panels = torch.cat([enlarged(part) for part in (pictures, *coloured)], dim=3)
    key = list(zip((BACKGROUND, *classes), class_colours(classes), strict=True))
    ignored = [("ignored", IGNORED_GREY)] if (batch.masks == IGNORE).any() else []
    return with_key(panels, ("image", "ground truth", "prediction"), [*key, *ignored])


def confusion(truths: Tensor, found: Tensor, classes: int) -> Tensor:
    """Count pixels by true and found class: int64 [K + 1, K + 1], row: truth, column: found.

    Args:
        truths: class ids of any shape, integer; pixels that are `IGNORE` are left out.
        found: class ids 0 … K of the same shape.
        classes: K + 1, background included.

    Raises:
        ValueError: a truth is neither a class nor `IGNORE`.
    """
    counted = truths != IGNORE
    cells = truths[counted].long() * classes + found[counted]
    counts = torch.bincount(cells, minlength=classes**2)
    if len(counts) > classes**2:
        wrong = int(truths[counted].max())
        raise ValueError(f"a mask holds class id {wrong}, but there are only 0 to {classes - 1}")
    return counts.view(classes, classes)


SEGMENTATION = Task(
    heads=HEADS["segmentation"],
    needs="masks",
    metrics=METRICS,
    evaluate=score_segmenter,
    draw=draw_masks,
    class_metrics=tuple(CLASS_METRICS),
    footprint_metrics=tuple(FOOTPRINT_METRICS),
)
