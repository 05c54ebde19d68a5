"""Items to the raw arrays of one split: choose bands, resize, find boxes, write."""

import contextlib
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import Polygon

from datasets.boxes import mask_to_boxes, select_boxes
from datasets.places import packed_places
from datasets.reading import Reader
from datasets.resize import resize_image, resize_mask
from datasets.source import IGNORE, Item, Label, Labelled, Place, Tiling


@dataclass(frozen=True)
class DecodeOptions:
    """What becomes of the data.

    Attributes:
        bands: indices of those kept.
        image_size: side in pixels.
        min_area: smallest object in pixels at `image_size`.
        tiling: how scenes are cut.
        ignore_index: mask value that is not counted, beside `IGNORE`.
        stretch: percentiles of the training pixels that become 0 and 1.
    """

    bands: tuple[int, ...]
    image_size: int
    min_area: float
    tiling: Tiling | None
    ignore_index: int
    stretch: tuple[float, float] | None


class Decoded(NamedTuple):
    """One item: image [C, S, S], mask [S, S], boxes [M, 4] and labels [M] in the same frame.

    `size` (height, width), `footprints` and `place` are in pixels of the file, before resizing.
    """

    name: str
    image: NDArray[np.generic]
    mask: NDArray[np.uint8] | None
    boxes: NDArray[np.float32]
    labels: NDArray[np.int64]
    size: tuple[int, int]
    footprints: tuple[Polygon, ...]
    place: Place | None


class Written(NamedTuple):
    """What is known of a split once its arrays are on disk.

    Attributes:
        dtype: name of the images' type; empty if there is no image.
        objects: number of boxes.
        positives: images with at least one.
        pixels: how many hold each mask value, 0 to 255.
        areas: labelled pixels of the images that hold each mask value, together.
    """

    names: list[str]
    dtype: str
    objects: int
    positives: int
    pixels: NDArray[np.int64]
    areas: NDArray[np.int64]


def decode(
    reader: Reader, items: Iterable[Item], options: DecodeOptions, digest: "hashlib._Hash"
) -> Iterator[Decoded]:
    """Yield the usable items at their final size; add what they hold to `digest`."""
    for item, labelled in reader.read(items):
        image = labelled.image[list(options.bands)]
        _update(digest, image, labelled)
        mask = labelled.mask
        if mask is not None:
            mask = resize_mask(mask, options.image_size)
        yield Decoded(
            item.name,
            resize_image(image, options.image_size),
            mask,
            *objects_of(labelled, mask, options),
            (image.shape[1], image.shape[2]),
            labelled.footprints or (),
            labelled.place,
        )


def write_split(
    decoded: Iterable[Decoded], folder: Path, split: str, given: frozenset[Label]
) -> Written:
    """Write the split's files into `folder`, the pixels one item at a time.

    Of data without masks or footprints (`given` says what there is), those files are left out, and
    that of places if there is none in the split.
    """
    names: list[str] = []
    sizes: list[tuple[int, int]] = []
    boxes = [np.empty((0, 4), dtype=np.float32)]
    labels = [np.empty(0, dtype=np.int64)]
    outlines: list[tuple[Polygon, ...]] = []
    places: list[Place | None] = []
    dtype = ""
    pixels, areas = np.zeros((2, 256), dtype=np.int64)
    with contextlib.ExitStack() as files:
        # Written, not mapped: a full disk is then an error instead of a bus error.
        images = files.enter_context((folder / f"{split}.images").open("wb"))
        if "masks" in given:
            masks = files.enter_context((folder / f"{split}.masks.u8").open("wb"))
        for one in decoded:
            images.write(one.image.tobytes())
            if one.mask is not None:
                masks.write(one.mask.tobytes())
                counts = np.bincount(one.mask.ravel(), minlength=256)
                pixels += counts
                areas[counts > 0] += counts.sum() - counts[IGNORE]
            dtype = one.image.dtype.name
            names.append(one.name)
            sizes.append(one.size)
            boxes.append(one.boxes)
            labels.append(one.labels)
            outlines.append(one.footprints)
            places.append(one.place)
    objects = np.array([len(part) for part in boxes[1:]], dtype=np.int64)
    np.savez(
        folder / f"{split}.objects.npz",
        boxes=np.concatenate(boxes),
        labels=np.concatenate(labels),
        offsets=_offsets(objects),
        sizes=np.array(sizes, dtype=np.int64).reshape(-1, 2),
    )
    if "footprints" in given:
        np.savez(folder / f"{split}.footprints.npz", **_packed(outlines))
    if any(places):
        np.savez(folder / f"{split}.places.npz", **packed_places(places)._asdict())
    return Written(names, dtype, int(objects.sum()), int((objects > 0).sum()), pixels, areas)


def objects_of(
    labelled: Labelled, mask: NDArray[np.uint8] | None, options: DecodeOptions
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The boxes that the data bring, or those of the mask's components, at `image_size`."""
    if labelled.boxes is not None and labelled.labels is not None:
        height, width = labelled.image.shape[1:]
        scale = options.image_size / np.array([width, height], dtype=np.float32)
        return select_boxes(
            labelled.boxes * np.tile(scale, 2),
            labelled.labels,
            options.image_size,
            options.min_area,
        )
    assert mask is not None, "a data set without boxes has masks"
    return mask_to_boxes(mask, options.min_area)


def _update(digest: "hashlib._Hash", image: NDArray[np.generic], labelled: Labelled) -> None:
    """Add stored values, not resized ones, whose last bits depend on the machine."""
    given = labelled.mask is not None, labelled.boxes is not None, labelled.footprints is not None
    digest.update(repr((image.dtype.name, image.shape, given)).encode())
    digest.update(image.tobytes())
    for array in (labelled.mask, labelled.boxes, labelled.labels):
        if array is not None:
            digest.update(f"{len(array)}".encode() + array.tobytes())
    for outline in shapely.to_wkb(labelled.footprints or (), byte_order=1):
        digest.update(outline)


def _packed(outlines: list[tuple[Polygon, ...]]) -> dict[str, Any]:
    """Outlines as well-known binary: bytes one after another, and where each item's ones begin."""
    found = [shapely.to_wkb(outline, byte_order=1) for of_item in outlines for outline in of_item]
    return {
        "wkb": np.frombuffer(b"".join(found), dtype=np.uint8),
        "starts": _offsets(np.array([len(one) for one in found], dtype=np.int64)),
        "offsets": _offsets(np.array([len(of_item) for of_item in outlines], dtype=np.int64)),
    }


def _offsets(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
