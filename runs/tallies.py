"""`test.npz`: what was counted in each test image.

Every metric of any of the images, each counted any number of times, follows from a tally without a
model. It lies beside the weights of what was scored on test.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runs.archives import ArchiveError, read_arrays
from runs.errors import EosweepError
from runs.files import whole_file
from runs.records import FORMAT

IOU_THRESHOLDS = 10


class TallyError(EosweepError):
    """A tally is not there, or is damaged."""


@dataclass(frozen=True, eq=False)
class PixelTally:
    """What a segmenter found.

    Attributes:
        names: str [N], the images.
        confusion: int64 [N, K + 1, K + 1], pixels by image, true class and found class.
        footprints: int64 [N, 3], buildings found, false positives and missed; None where the data
            have no footprints.
        scenes: str [N], the scene that each image is of; images of one are not independent. None:
            each image is one.
    """

    names: NDArray[np.str_]
    confusion: NDArray[np.int64]
    footprints: NDArray[np.int64] | None
    scenes: NDArray[np.str_] | None = None


@dataclass(frozen=True, eq=False)
class BoxTally:
    """What a detector found: which of its boxes are right.

    Attributes:
        names: str [N], the images.
        truths: int64 [N, K], true boxes by image and class.
        image: int64 [D], the image of each detection; by image, class and falling score.
        label: int64 [D], 1 … K.
        score: float32 [D].
        matched: bool [D, 10], whether it takes a truth at IoU .50, .55, … .95.
        scenes: as of `PixelTally`.
        mask_matched: bool [D, 10], whether its mask takes that of a truth; None where a detector
            finds boxes alone.
    """

    names: NDArray[np.str_]
    truths: NDArray[np.int64]
    image: NDArray[np.int64]
    label: NDArray[np.int64]
    score: NDArray[np.float32]
    matched: NDArray[np.bool_]
    scenes: NDArray[np.str_] | None = None
    mask_matched: NDArray[np.bool_] | None = None


@dataclass(frozen=True, eq=False)
class LabelTally:
    """Which classes a classifier gave to each image as a whole.

    Attributes:
        names: str [N], the images.
        truths: bool [N, K], the classes of each image.
        found: bool [N, K], those that it was given.
        confidences: float32 [N, K], how sure the model was of each class, in [0, 1].
        scenes: as of `PixelTally`.
    """

    names: NDArray[np.str_]
    truths: NDArray[np.bool_]
    found: NDArray[np.bool_]
    confidences: NDArray[np.float32]
    scenes: NDArray[np.str_] | None = None


Tally = PixelTally | BoxTally | LabelTally


def write_tally(file: Path, tally: Tally) -> None:
    """Write a tally whole."""
    arrays = {name: array for name, array in asdict(tally).items() if array is not None}
    with whole_file(file) as partial:
        np.savez_compressed(partial, format=FORMAT, digest=_digest(arrays), **arrays)


def read_tally(file: Path) -> Tally:
    """Read a tally and check that its arrays fit together.

    Raises:
        TallyError: it is not there, is damaged, or of a newer format.
    """
    try:
        arrays = read_arrays(file)
    except FileNotFoundError:
        raise TallyError(
            f"{file} is missing: only what was scored on test has a tally of the test set"
        ) from None
    except ArchiveError as error:
        raise _damaged(file, str(error)) from None
    # An archive checks each array, but not that it lists all of them.
    if "digest" in arrays and str(arrays.pop("digest")) != _digest(arrays):
        raise _damaged(file, "its arrays do not match their digest")
    if (version := int(_array(file, arrays, "format", ()))) != FORMAT:
        raise TallyError(
            f"{file}: format {version} is not the one that this program reads, {FORMAT}"
        )
    if "confusion" in arrays:
        tally: Tally = _pixels(file, arrays)
    else:
        tally = _labels(file, arrays) if "confidences" in arrays else _boxes(file, arrays)
    if len(np.unique(tally.names)) < len(tally.names):
        raise _damaged(file, "names lists an image twice")
    return tally


def _digest(arrays: Mapping[str, NDArray[Any]]) -> str:
    digest = blake2b(digest_size=16)
    for name, array in sorted(arrays.items()):
        if name != "format":
            digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
            digest.update(array.tobytes())
    return digest.hexdigest()


def _pixels(file: Path, arrays: dict[str, NDArray[Any]]) -> PixelTally:
    images = len(_array(file, arrays, "names", (None,)))
    confusion = _array(file, arrays, "confusion", (images, None, None))
    footprints = None
    if "footprints" in arrays:
        footprints = _array(file, arrays, "footprints", (images, 3))
    if confusion.shape[1] != confusion.shape[2]:
        raise _damaged(file, f"confusion has shape {confusion.shape}, which is not square")
    return PixelTally(arrays["names"], confusion, footprints, _scenes(file, arrays, images))


def _boxes(file: Path, arrays: dict[str, NDArray[Any]]) -> BoxTally:
    images = len(_array(file, arrays, "names", (None,)))
    truths = _array(file, arrays, "truths", (images, None))
    image = _array(file, arrays, "image", (None,))
    label = _array(file, arrays, "label", image.shape)
    score = _array(file, arrays, "score", image.shape)
    matched = _array(file, arrays, "matched", (len(image), IOU_THRESHOLDS))
    if len(image) and not (image.min() >= 0 and image.max() < images):
        raise _damaged(file, f"image has detections in images that are none of its {images}")
    masks = None
    if "mask_matched" in arrays:
        masks = _array(file, arrays, "mask_matched", matched.shape)
    scenes = _scenes(file, arrays, images)
    return BoxTally(arrays["names"], truths, image, label, score, matched, scenes, masks)


def _labels(file: Path, arrays: dict[str, NDArray[Any]]) -> LabelTally:
    images = len(_array(file, arrays, "names", (None,)))
    truths = _array(file, arrays, "truths", (images, None))
    found = _array(file, arrays, "found", truths.shape)
    confidences = _array(file, arrays, "confidences", truths.shape)
    return LabelTally(arrays["names"], truths, found, confidences, _scenes(file, arrays, images))


def _scenes(file: Path, arrays: dict[str, NDArray[Any]], images: int) -> NDArray[np.str_] | None:
    """Of what earlier versions have tallied, they are not known."""
    return _array(file, arrays, "scenes", (images,)) if "scenes" in arrays else None


def _array(
    file: Path, arrays: dict[str, NDArray[Any]], name: str, shape: tuple[int | None, ...]
) -> NDArray[Any]:
    """The array of this name, which must have this shape; None: any size."""
    if name not in arrays:
        raise _damaged(file, f"it has no {name}")
    actual = arrays[name].shape
    if len(actual) != len(shape) or any(
        size not in (None, own) for size, own in zip(shape, actual, strict=True)
    ):
        raise _damaged(file, f"{name} has shape {actual} instead of {shape}")
    return arrays[name]


def _damaged(file: Path, problem: str) -> TallyError:
    return TallyError(f"{file} is damaged ({problem}): restore it, or delete it to do without")
