"""Segmentation: how a segmenter is scored on a split, and shown on a few of its images."""

from collections.abc import Iterable
from functools import partial

import numpy as np
import torch
from torch import Tensor

from datasets.batches import Batch
from datasets.source import IGNORE
from models.confusion import confusion, scores
from models.count_scores import footprint_scores
from models.footprints import Counts, footprints_in, match
from models.model import Model
from models.scored import Scored, Tally

BLACK = (0, 0, 0)
OKABE_ITO = (
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
    (204, 121, 167),
)
"""RGB of classes 1, 2, …, and from the start again after the last; background is black. Told apart
with any colour vision: Okabe & Ito 2008, "Color Universal Design"."""

IGNORED_GREY = (153, 153, 153)


def class_colour(class_id: int) -> tuple[int, int, int]:
    """RGB of a class id, from 0, in every picture and map."""
    return OKABE_ITO[(class_id - 1) % len(OKABE_ITO)] if class_id else BLACK


def score_segmenter(
    model: Model, data: Iterable[Batch], device: torch.device, classes: tuple[str, ...]
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
    buildings: list[Counts] = []
    for batch in data:
        found = model.predict(batch.images.to(device))
        names += batch.names
        pixels += [
            confusion(truth, image["mask"], size)
            for truth, image in zip(batch.masks.to(device), found, strict=True)
        ]
        if batch.footprints is not None:
            buildings += _footprint_counts(batch, found)
    counts = torch.stack(pixels).cpu()
    metrics = scores(counts.sum(dim=0), classes)
    if buildings:
        of_buildings = footprint_scores(np.sum(buildings, axis=0))
        metrics |= {
            name: float(value) for name, value in of_buildings.items() if np.isfinite(value)
        }
    return Scored(metrics, partial(_tally, names, counts, buildings))


def _tally(names: list[str], counts: Tensor, buildings: list[Counts]) -> Tally:
    tally = {"names": np.array(names), "confusion": counts.numpy()}
    if buildings:
        tally["footprints"] = np.array(buildings)
    return tally


def _footprint_counts(batch: Batch, found: list[dict[str, Tensor]]) -> list[Counts]:
    """Those of each image."""
    assert batch.footprints is not None
    counts = []
    for image, truth, size, outlines in zip(
        found, batch.masks, batch.sizes, batch.footprints, strict=True
    ):
        buildings = (image["mask"].cpu() > 0) & (truth.cpu() != IGNORE)
        sure = 1 - image["probabilities"][0].cpu()
        height, width = size.tolist()
        proposed = footprints_in(buildings.numpy(), sure.numpy(), (height, width))
        counts.append(match(outlines, proposed))
    return counts


def draw_masks(model: Model, batch: Batch, pictures: Tensor, device: torch.device) -> Tensor:
    """Pictures uint8 [B, 3, S, S] → [B, 3, S, 3 S]: picture, truth, prediction, side by side.

    A class has one colour everywhere; pixels that are ignored are grey in the truth.
    """
    model.eval()
    found = torch.stack([image["mask"] for image in model.predict(batch.images.to(device))])
    return torch.cat([pictures, _coloured(batch.masks), _coloured(found.cpu())], dim=3)


def _coloured(masks: Tensor) -> Tensor:
    """Masks uint8 [B, S, S] → uint8 [B, 3, S, S]."""
    colours = [*(class_colour(number) for number in range(IGNORE)), IGNORED_GREY]
    palette = torch.tensor(colours, dtype=torch.uint8)
    return palette[masks.long()].permute(0, 3, 1, 2)
