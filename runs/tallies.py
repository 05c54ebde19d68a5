"""`test.npz`: what was counted in each test image.

Every metric of any of the images, each counted any number of times, follows from a tally without a
model. It lies beside the weights of what was scored on test.
"""

import zipfile
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runs.errors import EosweepError
from runs.files import whole_file
from runs.records import FORMAT

IOU_THRESHOLDS = 10

DAMAGES = (OSError, ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error)
"""What reading a damaged archive raises, by where it is damaged."""


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
    """

    names: NDArray[np.str_]
    confusion: NDArray[np.int64]
    footprints: NDArray[np.int64] | None


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
    """

    names: NDArray[np.str_]
    truths: NDArray[np.int64]
    image: NDArray[np.int64]
    label: NDArray[np.int64]
    score: NDArray[np.float32]
    matched: NDArray[np.bool_]


Tally = PixelTally | BoxTally


def write_tally(file: Path, tally: Tally) -> None:
    """Write a tally whole."""
    arrays = {name: array for name, array in asdict(tally).items() if array is not None}
    with whole_file(file) as partial:
        np.savez_compressed(partial, format=FORMAT, **arrays)


def read_tally(file: Path) -> Tally:
    """Read a tally and check that its arrays fit together.

    Raises:
        TallyError: it is not there, is damaged, or of a newer format.
    """
    try:
        with np.load(file, allow_pickle=False) as archive:
            arrays: dict[str, NDArray[Any]] = dict(archive)
    except FileNotFoundError:
        raise TallyError(
            f"{file} is missing: only what was scored on test has a tally of the test set"
        ) from None
    except DAMAGES as error:
        raise _damaged(file, str(error)) from None
    if (version := int(_array(file, arrays, "format", ()))) != FORMAT:
        raise TallyError(
            f"{file}: format {version} is not the one that this program reads, {FORMAT}"
        )
    tally = _pixels(file, arrays) if "confusion" in arrays else _boxes(file, arrays)
    if len(np.unique(tally.names)) < len(tally.names):
        raise _damaged(file, "names lists an image twice")
    return tally


def _pixels(file: Path, arrays: dict[str, NDArray[Any]]) -> PixelTally:
    images = len(_array(file, arrays, "names", (None,)))
    confusion = _array(file, arrays, "confusion", (images, None, None))
    footprints = None
    if "footprints" in arrays:
        footprints = _array(file, arrays, "footprints", (images, 3))
    if confusion.shape[1] != confusion.shape[2]:
        raise _damaged(file, f"confusion has shape {confusion.shape}, which is not square")
    return PixelTally(arrays["names"], confusion, footprints)


def _boxes(file: Path, arrays: dict[str, NDArray[Any]]) -> BoxTally:
    images = len(_array(file, arrays, "names", (None,)))
    truths = _array(file, arrays, "truths", (images, None))
    image = _array(file, arrays, "image", (None,))
    label = _array(file, arrays, "label", image.shape)
    score = _array(file, arrays, "score", image.shape)
    matched = _array(file, arrays, "matched", (len(image), IOU_THRESHOLDS))
    if len(image) and not (image.min() >= 0 and image.max() < images):
        raise _damaged(file, f"image has detections in images that are none of its {images}")
    return BoxTally(arrays["names"], truths, image, label, score, matched)


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
