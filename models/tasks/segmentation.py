"""Segmentation: how a segmenter is scored on a split, and drawn on a few of its images."""

from collections.abc import Iterable, Mapping

import numpy as np
import torch
from torch import Tensor

from datasets.batches import Batch
from datasets.colours import BLACK, IGNORED_GREY, Colour
from datasets.source import IGNORE
from models.heads import HEADS
from models.metrics.confusion import CLASS_METRICS, METRICS, scores
from models.metrics.footprint_scores import FOOTPRINT_METRICS, Counts, footprint_scores
from models.metrics.footprints import footprints_in, match
from models.metrics.scored import Keep, Scored
from models.model import Model
from models.tasks.key import enlarged, with_key
from models.tasks.pixel_counts import confusions
from models.tasks.scenes import score_scenes
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
        masks = torch.stack([image["mask"] for image in found])
        pixels.append(confusions(batch.masks.to(device), masks, size))
        if batch.footprints is not None:
            footprints += _footprint_counts(batch, found)
        if keep is not None:
            keep(batch.names, [{"mask": image["mask"].cpu().numpy()} for image in found])
    counts = torch.cat(pixels).cpu().numpy()
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
    classes: Mapping[str, Colour],
) -> Tensor:
    """Pictures uint8 [B, 3, S, S] → [B, 3, H, W]: image, truth, prediction, with a key.

    A class has one colour everywhere; pixels that are ignored are grey in the truth.
    """
    model.eval()
    found = torch.stack([image["mask"] for image in model.predict(batch.images.to(device))])
    masks = {"ground truth": batch.masks, "prediction": found.cpu()}
    return _beside(pictures, masks, classes)


def draw_true_masks(batch: Batch, pictures: Tensor, classes: Mapping[str, Colour]) -> Tensor:
    """Pictures uint8 [B, 3, S, S] → [B, 3, H, W]: image and truth, as `draw_masks` has them."""
    return _beside(pictures, {"ground truth": batch.masks}, classes)


def _beside(pictures: Tensor, masks: Mapping[str, Tensor], classes: Mapping[str, Colour]) -> Tensor:
    """Pictures, and right of them masks uint8 or int64 [B, S, S] by title."""
    palette = torch.full((IGNORE + 1, 3), IGNORED_GREY[0], dtype=torch.uint8)
    key = [(BACKGROUND, BLACK), *classes.items()]
    palette[: len(key)] = torch.tensor([colour for _, colour in key])
    coloured = [palette[of.long()].permute(0, 3, 1, 2) for of in masks.values()]
    panels = torch.cat([enlarged(part) for part in (pictures, *coloured)], dim=3)
    if any((of == IGNORE).any() for of in masks.values()):
        key.append(("ignored", IGNORED_GREY))
    return with_key(panels, ("image", *masks), key)


SEGMENTATION = Task(
    heads=HEADS["segmentation"],
    needs="masks",
    metrics=METRICS,
    evaluate=score_segmenter,
    evaluate_scenes=score_scenes,
    draw=draw_masks,
    draw_truth=draw_true_masks,
    class_metrics=tuple(CLASS_METRICS),
    background=True,
    footprint_metrics=tuple(FOOTPRINT_METRICS),
)
