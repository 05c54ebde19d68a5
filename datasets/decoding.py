"""Files to the raw arrays of one split: read, check, choose bands, resize, find boxes, write."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datasets.boxes import mask_to_boxes
from datasets.resize import resize_image, resize_mask
from datasets.source import DataError, Item, Problem, Source


@dataclass(frozen=True)
class DecodeOptions:
    """What becomes of a file: indices of its bands, side in pixels, smallest object in pixels."""

    bands: tuple[int, ...]
    image_size: int
    min_area: float


class Decoded(NamedTuple):
    """One item: image [C, S, S], mask [S, S], boxes [M, 4] and labels [M] in the same frame."""

    name: str
    image: NDArray[np.float32]
    mask: NDArray[np.uint8]
    boxes: NDArray[np.float32]
    labels: NDArray[np.int64]


class Written(NamedTuple):
    """What is known of a split once its arrays are on disk; sums are per band, over pixels."""

    names: list[str]
    objects: int
    positives: int
    total: NDArray[np.float64]
    squares: NDArray[np.float64]


def decode(
    source: Source,
    items: Sequence[Item],
    options: DecodeOptions,
    digest: "hashlib._Hash",
    problems: list[Problem],
) -> Iterator[Decoded]:
    """Yield the usable items at their final size; add to `digest`, and the others to `problems`."""
    for item in items:
        try:
            image, mask = source.read(item)
        except DataError as error:
            problems += error.problems
            continue
        if not np.isfinite(image).all():
            problems.append(Problem(item.image, "holds NaN or infinity"))
            continue
        image = image[list(options.bands)]
        # The stored values, not the resized ones, whose last bits depend on the machine.
        digest.update(image.tobytes())
        digest.update(mask.tobytes())
        mask = resize_mask(mask, options.image_size)
        boxes, labels = mask_to_boxes(mask, options.min_area)
        yield Decoded(item.name, resize_image(image, options.image_size), mask, boxes, labels)


def write_split(decoded: Iterator[Decoded], folder: Path, split: str, channels: int) -> Written:
    """Write the split's images, masks and objects into `folder`, one item at a time."""
    names: list[str] = []
    boxes = [np.empty((0, 4), dtype=np.float32)]
    labels = [np.empty(0, dtype=np.int64)]
    total, squares = np.zeros(channels), np.zeros(channels)
    # Written, not mapped: a full disk is then an error instead of a bus error.
    with (
        (folder / f"{split}.images.f32").open("wb") as images,
        (folder / f"{split}.masks.u8").open("wb") as masks,
    ):
        for one in decoded:
            images.write(one.image.tobytes())
            masks.write(one.mask.tobytes())
            names.append(one.name)
            boxes.append(one.boxes)
            labels.append(one.labels)
            total += one.image.sum(axis=(1, 2), dtype=np.float64)
            squares += np.square(one.image, dtype=np.float64).sum(axis=(1, 2))
    objects = np.array([len(part) for part in boxes[1:]], dtype=np.int64)
    np.savez(
        folder / f"{split}.objects.npz",
        boxes=np.concatenate(boxes),
        labels=np.concatenate(labels),
        offsets=np.concatenate([[0], np.cumsum(objects)]).astype(np.int64),
    )
    return Written(names, int(objects.sum()), int((objects > 0).sum()), total, squares)


def moments(
    train: Written, image_size: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Mean [C] and standard deviation [C] of the pixels, and which bands are constant [C]."""
    pixels = len(train.names) * image_size**2
    mean = train.total / pixels
    std = np.sqrt(np.clip(train.squares / pixels - mean**2, 0, None))
    constant = std <= 1e-6 * np.abs(mean)
    std[constant] = 1  # a constant band standardises to 0
    return mean, std, constant
