"""`predictions.h5`: what a model found in each test image.

With it pictures and error maps are drawn without the model. It lies beside the tally. HDF5, with
the attributes `format` and `kind` and the dataset `names` str [N]; of masks, `mask` uint8
[N, S, S], compressed image by image; of boxes, `boxes` float32 [D, 4], `labels` int64 [D] and
`scores` float32 [D], those of image n from `ends[n - 1]` to `ends[n]`; of labels of whole images,
`classes` bool [N, K] and `confidences` float32 [N, K].
"""

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from runs.errors import EosweepError
from runs.files import whole_file
from runs.hdf5 import array_fault
from runs.records import FORMAT

Found = dict[str, NDArray[Any]]
"""What a model finds in an image: `mask` uint8 [S, S], or `boxes` float32 [M, 4] (x0 y0 x1 y1 in
pixel edges), `labels` int64 [M] and `scores` float32 [M], or `classes` bool [K] and `confidences`
float32 [K] of class ids 1 … K."""

BOXES: dict[str, tuple[tuple[int, ...], str]] = {
    "boxes": ((4,), "float32"),
    "labels": ((), "int64"),
    "scores": ((), "float32"),
}

LABELS = {"classes": "bool", "confidences": "float32"}


class PredictionsError(EosweepError):
    """Stored predictions are not there, or are damaged."""


class Predictions:
    """Predictions of a split as they are written; see `write_predictions`."""

    def __init__(self, file: h5py.File) -> None:
        self._file = file
        self._names: list[str] = []
        self._ends: list[int] = []
        self._kind = "masks"

    def add(self, names: Iterable[str], found: Iterable[Mapping[str, NDArray[Any]]]) -> None:
        """Append some images; keys that the file does not keep are ignored."""
        for name, image in zip(names, found, strict=True):
            self._names.append(name)
            if "mask" in image:
                self._append("mask", image["mask"][None].astype(np.uint8), compression="gzip")
            elif "confidences" in image:
                self._kind = "image labels"
                for key, dtype in LABELS.items():
                    self._append(key, image[key][None].astype(dtype))
            else:
                self._kind = "boxes"
                for key, (_, dtype) in BOXES.items():
                    self._append(key, image[key].astype(dtype))
                self._ends.append(len(self._file["scores"]))

    def _append(self, key: str, values: NDArray[Any], compression: str | None = None) -> None:
        if key not in self._file:
            chunk = (1 if compression else 4096, *values.shape[1:])
            self._file.create_dataset(
                key,
                shape=(0, *values.shape[1:]),
                maxshape=(None, *values.shape[1:]),
                dtype=values.dtype,
                chunks=chunk,
                compression=compression,
                fletcher32=True,
            )
        stored = self._file[key]
        stored.resize(len(stored) + len(values), axis=0)
        stored[len(stored) - len(values) :] = values

    def _close(self) -> None:
        self._file.attrs["format"] = FORMAT
        self._file.attrs["kind"] = self._kind
        names = [name.encode() for name in self._names]
        # Of one length: HDF5 keeps those of any length where no checksum covers them.
        kind = h5py.string_dtype(length=max(map(len, names), default=1))
        self._file.create_dataset("names", data=np.array(names, kind), fletcher32=True)
        if self._ends:
            ends = np.array(self._ends, np.int64)
            self._file.create_dataset("ends", data=ends, fletcher32=True)


@contextlib.contextmanager
def write_predictions(file: Path) -> Iterator[Predictions]:
    """Where to add what is found, image by image; the file is there when the block has ended."""
    # In memory, because on a full disk HDF5 crashes the process. The latest format has checksums
    # of all that describes the data; Fletcher's are of the data.
    with h5py.File(file.name, "w", driver="core", backing_store=False, libver="latest") as opened:
        predictions = Predictions(opened)
        yield predictions
        predictions._close()
        opened.flush()
        content = opened.id.get_file_image()
    with whole_file(file) as partial:
        partial.write_bytes(content)


def read_predictions(file: Path, names: Iterable[str]) -> Iterator[Found]:
    """What was found in the images called `names`, one after another.

    Raises:
        PredictionsError: the file is missing, damaged, of a newer format or without such an image.
    """
    if not file.is_file():
        raise PredictionsError(f"{file} is missing: only what was scored on test has predictions")
    try:
        with h5py.File(file) as opened:
            if (version := int(opened.attrs["format"])) != FORMAT:
                raise PredictionsError(
                    f"{file}: format {version} is not the one that this program reads, {FORMAT}"
                )
            for key in opened:
                if fault := array_fault(opened, key):
                    raise ValueError(fault)
            position = {name: index for index, name in enumerate(opened["names"].asstr()[:])}
            for name in names:
                if name not in position:
                    raise PredictionsError(f"{file} has no image {name}")
                yield _image(opened, position[name])
    except (OSError, KeyError, ValueError) as error:
        raise PredictionsError(f"{file} is damaged ({error}): restore it, or delete it") from None


def _image(opened: h5py.File, index: int) -> Found:
    if opened.attrs["kind"] == "masks":
        return {"mask": opened["mask"][index]}
    if opened.attrs["kind"] == "image labels":
        return {key: opened[key][index] for key in LABELS}
    start = int(opened["ends"][index - 1]) if index else 0
    end = int(opened["ends"][index])
    return {key: opened[key][start:end] for key in BOXES}
