"""Landslide4Sense: landslides in Sentinel-2 and terrain patches.

3,799 training, 245 validation and 800 test patches of 128 × 128 pixels at 10 m from four regions
of the world. Fourteen bands: Sentinel-2 B1 to B12, slope and elevation (ALOS PALSAR). One class.

Two layouts are read, told apart by their training folder:

    hub release     images/{train,validation,test}/image_N.h5
                    annotations/{train,validation,test}/mask_N.h5
    competition     {TrainData,ValidData,TestData}/img/image_N.h5
                    {TrainData,ValidData,TestData}/mask/mask_N.h5   (often only TrainData's)

HDF5 keys: `img` (128, 128, 14), channels last, of any numeric type; `mask` (128, 128), 0 or 1.

Paper: Ghorbanzadeh et al., "Landslide4Sense: Reference Benchmark Data and Deep Learning Models for
Landslide Detection", IEEE TGRS 60, 2022, doi:10.1109/TGRS.2022.3215209.
"""

import re
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from datasets.samples import landslide4sense as synthetic
from datasets.source import DataError, Item, Label, Labelled, Listing, Problem, Tiling
from runs.errors import counted
from runs.hdf5 import array_fault

PATCH = 128
LAYOUTS = {
    "hub": {
        "train": ("images/train", "annotations/train"),
        "val": ("images/validation", "annotations/validation"),
        "test": ("images/test", "annotations/test"),
    },
    "competition": {
        "train": ("TrainData/img", "TrainData/mask"),
        "val": ("ValidData/img", "ValidData/mask"),
        "test": ("TestData/img", "TestData/mask"),
    },
}


class Landslide4Sense:
    """The data set as a `Source`. See the module for its format."""

    name = "landslide4sense"
    title = "Landslide4Sense"
    bands: tuple[str, ...] = (*(f"B{i}" for i in range(1, 13)), "slope", "DEM")
    rgb = (3, 2, 1)
    sensor = "sentinel-2"
    labels: frozenset[Label] = frozenset({"masks"})
    tiled = False
    suffix = ".h5"

    def find(self, root: Path, tiling: Tiling | None) -> Listing:
        """Labelled items by split; a split whose mask folder is missing is left out, and noted."""
        assert tiling is None, "patches are not cut into tiles"
        layout = _layout(root)
        splits: dict[str, tuple[Item, ...]] = {}
        notes: list[str] = []
        for split, (image_folder, mask_folder) in LAYOUTS[layout].items():
            images = _numbered(root / image_folder, "image")
            if split != "train" and images and not (root / mask_folder).is_dir():
                notes.append(
                    f"in {image_folder}, {counted(len(images), 'image')} without masks, unused"
                )
                continue
            masks = _numbered(root / mask_folder, "mask")
            if orphans := len(masks.keys() - images.keys()):
                notes.append(
                    f"in {mask_folder}, {counted(orphans, 'mask')} without an image, unused"
                )
            if images:
                splits[split] = tuple(
                    Item(name := f"{split}/image_{number}", image, masks.get(number), name)
                    for number, image in images.items()
                )
        if "train" not in splits:
            raise DataError(f"There is no image_N.h5 in {root / LAYOUTS[layout]['train'][0]}")
        return Listing(layout, ("landslide",), splits, tuple(notes))

    def read(self, item: Item, classes: tuple[str, ...]) -> Labelled:  # noqa: ARG002
        """Image float32 [14, 128, 128] in stored units; mask uint8 [128, 128]."""
        image = self._stored_image(item.image)
        mask = (
            _read_mask(item.label) if item.label else Problem(item.image, "has no mask beside it")
        )
        if isinstance(image, Problem) or isinstance(mask, Problem):
            problems = tuple(part for part in (image, mask) if isinstance(part, Problem))
            raise DataError("; ".join(f"{file} {reason}" for file, reason in problems), problems)
        return Labelled(_channels_first(image), mask)

    def read_image(self, file: Path) -> NDArray[np.float32]:
        """Image float32 [14, 128, 128] in stored units."""
        image = self._stored_image(file)
        if isinstance(image, Problem):
            raise DataError(f"{file} {image.reason}", [image])
        return _channels_first(image)

    def write_sample(self, root: Path, seed: int) -> None:
        """Write the synthetic patches in the hub layout."""
        synthetic.write(root, seed)

    def _stored_image(self, file: Path) -> NDArray[np.generic] | Problem:
        return _read_array(file, "img", (PATCH, PATCH, len(self.bands)))


def _layout(root: Path) -> str:
    for layout, folders in LAYOUTS.items():
        if (root / folders["train"][0]).is_dir():
            return layout
    fault = "has neither of its layouts" if root.is_dir() else "is not a folder"
    trains = {layout: folders["train"] for layout, folders in LAYOUTS.items()}
    wanted = " or ".join(
        f"{images}/image_N.h5 with {masks}/mask_N.h5 ({layout} layout)"
        for layout, (images, masks) in trains.items()
    )
    raise DataError(f"No Landslide4Sense data: {root} {fault}; looked for {wanted}")


def _numbered(folder: Path, prefix: str) -> dict[int, Path]:
    """Files prefix_N.h5 of a folder by N, ascending; none if there is no such folder."""
    pattern = re.compile(rf"{prefix}_(\d+)\.h5")
    files = folder.iterdir() if folder.is_dir() else ()
    found = {int(hit[1]): file for file in files if (hit := pattern.fullmatch(file.name))}
    return dict(sorted(found.items()))


def _channels_first(image: NDArray[np.generic]) -> NDArray[np.float32]:
    return np.ascontiguousarray(image.transpose(2, 0, 1), dtype=np.float32)


def _read_mask(file: Path) -> NDArray[np.uint8] | Problem:
    stored = _read_array(file, "mask", (PATCH, PATCH))
    if isinstance(stored, Problem):
        return stored
    with np.errstate(invalid="ignore"):
        ids = stored.astype(np.uint8)
    if (wrong := stored[ids != stored]).size:
        return Problem(file, f"holds {wrong[0]:g}, which is no class id")
    return ids


def _read_array(file: Path, key: str, shape: tuple[int, ...]) -> NDArray[np.generic] | Problem:
    try:
        with h5py.File(file, "r") as stored:
            data = stored.get(key)
            if not isinstance(data, h5py.Dataset):
                return Problem(file, f"has no array {key!r}, only {sorted(stored)}")
            if data.shape != shape or data.dtype.kind not in "biuf":
                return Problem(file, f"holds {data.shape} of {data.dtype}, not {shape} of numbers")
            if fault := array_fault(stored, key):
                return Problem(file, f"cannot be read: {fault}")
            values: NDArray[np.generic] = data[()]
            return values
    except (OSError, RuntimeError) as error:  # h5py raises either for a damaged file
        return Problem(file, f"cannot be read: {error}")
