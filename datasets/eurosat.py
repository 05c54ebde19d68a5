"""EuroSAT: land use and land cover of whole Sentinel-2 patches.

27,000 georeferenced patches of 64 × 64 pixels at 10 m from 34 European countries, each of one of
ten classes. Thirteen bands, level 1C, top-of-atmosphere reflectance × 10,000 as uint16.

    [any folders/]CLASS/CLASS_N.tif       the archive EuroSATallBands, or EuroSAT_MS
    eurosat-{train,val,test}.txt          optional, under the root: names of the images of a split,
                                          as in Neumann et al. 2019 (arXiv:1911.06721)

Bands are stored in the order B01, …, B12, B8A.

Paper: Helber, Bischke, Dengel & Borth, "EuroSAT: A Novel Dataset and Deep Learning Benchmark for
Land Use and Land Cover Classification", IEEE JSTARS 12(7), 2019, doi:10.1109/JSTARS.2019.2918242.
"""

import re
from pathlib import Path

import numpy as np

from datasets.rasters import raster_info, read_image
from datasets.samples import eurosat as synthetic
from datasets.source import (
    SPLITS,
    DataError,
    Item,
    Label,
    Labelled,
    Listing,
    Tiling,
    natural_key,
)
from runs.errors import counted

CLASSES = (
    "AnnualCrop",
    "Forest",
    "HerbaceousVegetation",
    "Highway",
    "Industrial",
    "Pasture",
    "PermanentCrop",
    "Residential",
    "River",
    "SeaLake",
)


class EuroSAT:
    """The data set as a `Source`. See the module for its format."""

    name = "eurosat"
    title = "EuroSAT"
    bands: tuple[str, ...] = (*(f"B{i:02}" for i in range(1, 13)), "B8A")
    rgb = (3, 2, 1)
    labels: frozenset[Label] = frozenset({"image labels"})
    tiled = False

    def find(self, root: Path, tiling: Tiling | None) -> Listing:
        """All patches by split; classes are those of the ten that have a folder."""
        assert tiling is None, "patches are not cut into tiles"
        images = sorted(
            (file for file in root.glob("**/*.tif") if _is_patch(file)),
            key=lambda file: natural_key(file.stem),
        )
        classes = tuple(name for name in CLASSES if name in {file.parent.name for file in images})
        if len(classes) < 2:
            where = "is not a folder" if not root.is_dir() else "has no folders of its classes"
            raise DataError(
                f"No EuroSAT data: {root} {where}; looked for CLASS/CLASS_N.tif, with CLASS such as"
                f" {', '.join(CLASSES[:3])}"
            )
        items = {file.stem: Item(file.stem, file, None, file.stem) for file in images}
        splits, notes = _splits(root, items)
        return Listing("folders of classes", classes, splits, notes)

    def classes_in(self, item: Item, classes: tuple[str, ...]) -> frozenset[int]:
        """The one class of the patch."""
        return frozenset({1 + classes.index(item.image.parent.name)})

    def read(self, item: Item, classes: tuple[str, ...]) -> Labelled:
        """Image uint16 [13, 64, 64], reflectance × 10,000, and its class."""
        info = raster_info(item.image)
        image, valid = read_image(item.image, self.bands, self.title)
        labels = np.array(sorted(self.classes_in(item, classes)), dtype=np.int64)
        return Labelled(
            image, None, place=info.place, valid=valid, image_labels=labels, remark=info.remark
        )

    def write_sample(self, root: Path, seed: int) -> None:
        """Write synthetic patches of four of the classes."""
        synthetic.write(root, seed)


def _is_patch(file: Path) -> bool:
    """Whether it is called as the patches are, in the folder of its class."""
    name = file.parent.name
    return name in CLASSES and re.fullmatch(rf"{name}_\d+", file.stem) is not None


def _splits(
    root: Path, items: dict[str, Item]
) -> tuple[dict[str, tuple[Item, ...]], tuple[str, ...]]:
    """The splits of the lists, or all images for training; and what is in no list."""
    lists = {split: root / f"eurosat-{split}.txt" for split in SPLITS}
    there = {split: file for split, file in lists.items() if file.is_file()}
    if not there:
        return {"train": tuple(items.values())}, ()
    if missing := [file.name for split, file in lists.items() if split not in there]:
        raise DataError(
            f"{root} has {', '.join(f.name for f in there.values())}, but not"
            f" {', '.join(missing)}: add or remove lists"
        )
    splits, left = {}, dict(items)
    for split, file in there.items():
        names = [Path(line.strip()).stem for line in file.read_text().splitlines() if line.strip()]
        if unknown := [name for name in names if name not in left]:
            raise DataError(
                f"{file} names {unknown[0]}, which is not there, or stands in a list already"
            )
        splits[split] = tuple(left.pop(name) for name in sorted(names, key=natural_key))
    return splits, (f"in no list, and unused: {counted(len(left), 'image')}",) if left else ()
