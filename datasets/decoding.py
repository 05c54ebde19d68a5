"""Items to the raw arrays of one split: choose bands, resize, find boxes, write."""

import contextlib
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import Polygon

from datasets.boxes import mask_to_boxes, on_data, select_boxes
from datasets.holes import packed_holes
from datasets.places import packed_places
from datasets.reading import Reader
from datasets.resize import resize_image, resize_mask
from datasets.source import IGNORE, Item, Label, Labelled, Place, Tiling, Window


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

    `size` (height, width), `footprints` and `place` are in pixels of the file, before resizing, and
    so is `shown`, the part of the file that there is to see, which is smaller where it was filled
    up. `valid` bool [S, S] is None where all pixels hold data, `image_labels` int64 [L] where there
    are none of whole images; `digest` is of what the file holds.
    """

    item: Item
    image: NDArray[np.generic]
    mask: NDArray[np.uint8] | None
    boxes: NDArray[np.float32]
    labels: NDArray[np.int64]
    size: tuple[int, int]
    shown: Window
    footprints: tuple[Polygon, ...]
    place: Place | None
    valid: NDArray[np.bool_] | None
    image_labels: NDArray[np.int64] | None
    digest: bytes


class Written(NamedTuple):
    """What is known of a split once its arrays are on disk.

    Attributes:
        items: those that could be used, in their order.
        dtype: name of the images' type; empty if there is no image.
        objects: number of boxes.
        positives: images with at least one; where images are labelled as a whole, with a label.
        labels: int64 [objects], their class ids.
        pixels: how many hold each mask value, 0 to 255.
        areas: labelled pixels of the images that hold each mask value, together.
        image_labels: the class ids of each item as a whole; empty if the data have none.
        without_data: pixels that hold no data, in the images that are kept.
        blank: images that hold no data at all, and were left out.
        sides: pixels of the file that became `image_size`, of the smallest and the largest image.
    """

    items: list[Item]
    dtype: str
    objects: int
    positives: int
    labels: NDArray[np.int64]
    pixels: NDArray[np.int64]
    areas: NDArray[np.int64]
    image_labels: list[NDArray[np.int64]]
    without_data: int
    blank: int
    sides: tuple[int, int]


def decode(reader: Reader, items: Iterable[Item], options: DecodeOptions) -> Iterator[Decoded]:
    """Yield the usable items at their final size."""
    yield from reader.read(items, lambda item, labelled: _decoded(item, labelled, options))


def _decoded(item: Item, labelled: Labelled, options: DecodeOptions) -> Decoded:
    stored = replace(labelled, image=labelled.image[list(options.bands)])
    digest = _digest(stored)
    squared = _squared(stored, item.window)
    size = options.image_size
    mask, valid = squared.mask, squared.valid
    if mask is not None:
        mask = resize_mask(mask, size)
    if valid is not None:
        valid = resize_mask(valid, size)
    image = resize_image(_filled(squared.image, squared.valid), size)
    if valid is not None:
        image[:, ~valid] = np.nan if image.dtype.kind == "f" else 0
    return Decoded(
        item,
        image,
        mask,
        *_objects_of(squared, mask, options),
        (squared.image.shape[1], squared.image.shape[2]),
        _shown(item, stored),
        labelled.footprints or (),
        labelled.place,
        valid,
        labelled.image_labels,
        digest,
    )


def _shown(item: Item, stored: Labelled) -> Window:
    height, width = stored.image.shape[1:]
    x, y = (item.window.x, item.window.y) if item.window else (0, 0)
    return Window(x, y, width, height)


def _squared(labelled: Labelled, window: Window | None) -> Labelled:
    """As wide as high, filled up at the right and below with pixels that hold no data.

    So that resizing keeps the proportions, and a tile at the border of its scene the size of all.
    """
    height, width = labelled.image.shape[1:]
    side = max(height, width, *((window.width, window.height) if window else ()))
    if (height, width) == (side, side):
        return labelled
    beyond = (0, side - height), (0, side - width)
    corner = np.array([width, height] * 2, dtype=np.float32)
    valid = np.ones((height, width), np.bool_) if labelled.valid is None else labelled.valid
    mask, boxes = labelled.mask, labelled.boxes
    return replace(
        labelled,
        image=np.pad(labelled.image, ((0, 0), *beyond)),
        mask=None if mask is None else np.pad(mask, beyond, constant_values=IGNORE),
        boxes=None if boxes is None else np.clip(boxes, 0, corner),
        valid=np.pad(valid, beyond),
    )


def _filled(image: NDArray[np.generic], valid: NDArray[np.bool_] | None) -> NDArray[np.generic]:
    """The mean of each band where there is no data: it must not bleed into what has some."""
    if valid is None or not valid.any():
        return image
    means = image[:, valid].mean(axis=1, dtype=np.float64)
    kept = np.rint(means) if image.dtype.kind == "u" else means
    return np.where(valid, image, kept.astype(image.dtype)[:, None, None])


def write_split(
    decoded: Iterable[Decoded],
    folder: Path,
    split: str,
    given: frozenset[Label],
    digest: "hashlib._Hash",
) -> Written:
    """Write the split's files into `folder`, the pixels one item at a time.

    Of data without masks, footprints or image labels (`given` says what there is), those files are
    left out, and those of places and of pixels without data if there are none in the split. Pixels
    without data are 0 in every band, or NaN of floats. What the items hold is added to `digest`.
    """
    items: list[Item] = []
    sizes: list[tuple[int, int]] = []
    windows: list[Window] = []
    boxes = [np.empty((0, 4), dtype=np.float32)]
    labels = [np.empty(0, dtype=np.int64)]
    outlines: list[tuple[Polygon, ...]] = []
    places: list[Place | None] = []
    image_labels: list[NDArray[np.int64]] = []
    valid: list[NDArray[np.bool_] | None] = []
    dtype, blank = "", 0
    pixels, areas = np.zeros((2, 256), dtype=np.int64)
    with contextlib.ExitStack() as files:
        # Written, not mapped: a full disk is then an error instead of a bus error.
        images = files.enter_context((folder / f"{split}.images").open("wb"))
        if "masks" in given:
            masks = files.enter_context((folder / f"{split}.masks.u8").open("wb"))
        for one in decoded:
            if one.valid is not None and not one.valid.any():
                blank += 1
                continue
            images.write(one.image.tobytes())
            if one.mask is not None:
                masks.write(one.mask.tobytes())
                counts = np.bincount(one.mask.ravel(), minlength=256)
                pixels += counts
                areas[counts > 0] += counts.sum() - counts[IGNORE]
            dtype = one.image.dtype.name
            items.append(one.item)
            sizes.append(one.size)
            windows.append(one.shown)
            boxes.append(one.boxes)
            labels.append(one.labels)
            outlines.append(one.footprints)
            places.append(one.place)
            valid.append(one.valid)
            if one.image_labels is not None:
                image_labels.append(one.image_labels)
            digest.update(one.digest)
    objects = np.array([len(part) for part in boxes[1:]], dtype=np.int64)
    np.savez(
        folder / f"{split}.objects.npz",
        boxes=np.concatenate(boxes),
        labels=np.concatenate(labels),
        offsets=_offsets(objects),
        sizes=np.array(sizes, dtype=np.int64).reshape(-1, 2),
        windows=np.array(windows, dtype=np.int64).reshape(-1, 4),
    )
    if "footprints" in given:
        np.savez(folder / f"{split}.footprints.npz", **_packed(outlines))
    if "image labels" in given:
        np.savez(folder / f"{split}.image_labels.npz", **_packed_labels(image_labels))
    if any(places):
        np.savez(folder / f"{split}.places.npz", **packed_places(places)._asdict())
    holes = packed_holes(valid)
    if len(holes.rows):
        np.savez(folder / f"{split}.holes.npz", **holes._asdict())
    things = [len(labels) for labels in image_labels] if "image labels" in given else objects
    positives = int((np.array(things) > 0).sum())
    return Written(
        items,
        dtype,
        int(objects.sum()),
        positives,
        np.concatenate(labels),
        pixels,
        areas,
        image_labels,
        holes.pixels,
        blank,
        (min(map(max, sizes), default=0), max(map(max, sizes), default=0)),
    )


def final_objects(
    item: Item, labelled: Labelled, options: DecodeOptions
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Boxes [M, 4] and labels [M] of an item at `image_size`."""
    squared = _squared(labelled, item.window)
    mask = squared.mask
    if mask is not None:
        mask = resize_mask(mask, options.image_size)
    return _objects_of(squared, mask, options)


def _objects_of(
    labelled: Labelled, mask: NDArray[np.uint8] | None, options: DecodeOptions
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The boxes that the data bring, or those of the mask's components, at `image_size`.

    Of an image that is labelled as a whole, none.
    """
    if labelled.boxes is not None and labelled.labels is not None:
        height, width = labelled.image.shape[1:]
        scale = options.image_size / np.array([width, height], dtype=np.float32)
        boxes, labels = labelled.boxes, labelled.labels
        if labelled.valid is not None:
            seen = on_data(boxes, labelled.valid)
            boxes, labels = boxes[seen], labels[seen]
        return select_boxes(
            boxes * np.tile(scale, 2),
            labels,
            options.image_size,
            options.min_area,
        )
    if mask is None:
        assert labelled.image_labels is not None, "labels are masks, boxes, or of whole images"
        return np.empty((0, 4), np.float32), np.empty(0, np.int64)
    return mask_to_boxes(mask, options.min_area)


def _digest(labelled: Labelled) -> bytes:
    """Of stored values, not of resized ones, whose last bits depend on the machine."""
    digest, image = hashlib.sha256(), labelled.image
    optional = labelled.mask, labelled.boxes, labelled.labels, labelled.valid
    given = [array is not None for array in (*optional, labelled.footprints)]
    digest.update(repr((image.dtype.name, image.shape, given)).encode())
    digest.update(image.tobytes())
    for array in optional:
        if array is not None:
            digest.update(f"{len(array)}".encode() + array.tobytes())
    for outline in shapely.to_wkb(labelled.footprints or (), byte_order=1):
        digest.update(outline)
    if labelled.image_labels is not None:
        digest.update(f"image labels {labelled.image_labels.tolist()}".encode())
    return digest.digest()


def _packed_labels(labels: list[NDArray[np.int64]]) -> dict[str, Any]:
    """Class ids of all items one after another, and where each item's ones begin."""
    return {
        "labels": np.concatenate([np.empty(0, np.int64), *labels]),
        "offsets": _offsets(np.array([len(of_item) for of_item in labels], dtype=np.int64)),
    }


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
