"""Pixels drawn from training images, and the hypercolumns that a classifier learns from.

What is said of pixels here holds for other elements of an image, such as superpixels: their
positions are numbers that tell the elements of an image apart.
"""

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datasets.batches import batch_of
from datasets.cache import Split
from datasets.source import IGNORE

PASS_PIXELS = 2**17
"""Image pixels that go through the network at once: eight images of 128 px."""

KEPT_BYTES = 2**29
"""Hypercolumns that are kept. If all pixels need more, they are computed again for each portion."""

BATCH = 256
"""Pixels a step of the pixel classifier."""

Columns = Callable[[Tensor, Sequence[Tensor]], Tensor]
"""B images [B, C, S, S] and the positions int64 [N_b] of some pixels of each → the standardised
hypercolumns [sum of N_b, C] of those pixels."""


@dataclass(frozen=True, eq=False)
class Pixels:
    """N pixels of a split.

    Attributes:
        images: int64 [N], the image of each, in ascending order.
        positions: int64 [N], of a pixel y · S + x, of a superpixel its id.
        labels: uint8 [N], class ids.
    """

    images: NDArray[np.int64]
    positions: NDArray[np.int64]
    labels: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.images)

    def of(self, images: NDArray[np.int64]) -> "Pixels":
        """Those of some of the images."""
        chosen = np.isin(self.images, images)
        return Pixels(self.images[chosen], self.positions[chosen], self.labels[chosen])

    def portions(self, most: int, rng: np.random.Generator) -> list["Pixels"]:
        """All of them in portions of about `most`; an image's pixels stay together."""
        images, counts = np.unique(self.images, return_counts=True)
        order = rng.permutation(len(images))
        portion = (np.cumsum(counts[order]) - counts[order]) // most
        return [self.of(images[order[portion == p]]) for p in np.unique(portion)]


def draw_pixels(
    masks: Iterable[NDArray[np.uint8]], per_class: int, rng: np.random.Generator
) -> Pixels:
    """`per_class` pixels of each class in each of the masks, or all if there are fewer.

    Without replacement; `IGNORE` is not a class.

    Args:
        masks: of each image the class ids of its pixels, in the order of their positions.
    """
    images, positions, labels = [np.empty(0, np.int64)], [np.empty(0, np.int64)], []
    for image, mask in enumerate(masks):
        flat = np.ravel(mask)
        for label in np.setdiff1d(flat, IGNORE):
            present = np.flatnonzero(flat == label)
            drawn = rng.choice(present, min(per_class, len(present)), replace=False)
            images.append(np.full(len(drawn), image))
            positions.append(drawn)
            labels.append(np.full(len(drawn), label))
    return Pixels(
        np.concatenate(images),
        np.concatenate(positions),
        np.concatenate([np.empty(0, np.uint8), *labels]),
    )


def image_groups(
    split: Split, device: torch.device, images: NDArray[np.int64] | None = None
) -> Iterator[tuple[NDArray[np.int64], Tensor]]:
    """Indices and standardised pixels [B, C, S, S] of the images (None: all), some at a time."""
    images = np.arange(len(split)) if images is None else images
    together = max(1, PASS_PIXELS // split.images.shape[-1] ** 2)
    for start in range(0, len(images), together):
        rows = images[start : start + together]
        yield rows, batch_of(split, rows, device).images


def hypercolumns(split: Split, pixels: Pixels, columns: Columns, device: torch.device) -> Tensor:
    """Standardised hypercolumns [N, C] of `pixels`, in their order."""
    found = []
    for rows, images in image_groups(split, device, np.unique(pixels.images)):
        positions = [torch.from_numpy(pixels.of(row).positions).to(device) for row in rows]
        found.append(columns(images, positions))
    return torch.cat(found)


def pixel_batches(
    split: Split,
    pixels: Pixels,
    columns: Columns,
    channels: int,
    rng: np.random.Generator,
    device: torch.device,
) -> Callable[[], Iterator[tuple[Tensor, Tensor]]]:
    """A function that gives all of `pixels` once, in a new order each time it is called.

    Batches are hypercolumns [N, C] and class ids uint8 [N]. If all hypercolumns fit into
    `KEPT_BYTES`, the images go through the network only once; otherwise once a call.
    """
    portions = pixels.portions(max(1, KEPT_BYTES // (4 * channels)), rng)

    @functools.lru_cache(maxsize=1)
    def of_portion(portion: int) -> Tensor:
        return hypercolumns(split, portions[portion], columns, device)

    def batches() -> Iterator[tuple[Tensor, Tensor]]:
        for portion in rng.permutation(len(portions)).tolist():
            labels = torch.from_numpy(portions[portion].labels).to(device)
            order = torch.from_numpy(rng.permutation(len(labels))).to(device)
            for rows in order.split(BATCH):
                yield of_portion(portion)[rows], labels[rows]

    return batches
