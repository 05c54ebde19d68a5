"""Which files under a root are images, which are labels, and which belong together.

Images and labels are paired by name, never by order: a label belongs to the image whose name is
left when words such as `_mask` are taken off. Folder names that only say what lies in them
(`images`, `masks`, …) or in which split (`train`, `val`, `test`) do not matter for that.

Where there are no labels, but images in folders of several names, these names are the labels.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from datasets.source import SPLITS, DataError, natural_key
from runs.errors import counted, did_you_mean

RASTERS = frozenset({".tif", ".tiff", ".vrt", ".img", ".jp2", ".png", ".jpg", ".jpeg", ".bmp"})
VECTORS = frozenset({".gpkg", ".shp", ".geojson", ".fgb"})
BOXES = frozenset({".json", ".xml", ".txt", ".csv"})
IMAGE_FOLDERS = frozenset(
    {"images", "image", "imgs", "img", "img_dir", "jpegimages", "scenes", "tiles"}
)
LABEL_FOLDERS = frozenset(
    {"masks", "mask", "labels", "label", "ann_dir", "annotations", "annotation", "gt", "targets"}
)
SPLIT_NAMES = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
LABEL_WORDS = r"masks?|labels?|gt|seg|targets?|annotations?|ann|lbl"
IMAGE_WORDS = r"images?|img|sat|rgb|merged|scene"
LOOKED_FOR = (
    "images/ beside masks/, labels/ or annotations/; the same in train/, val/ and test/; images"
    " beside files that are called like them and _mask; a vector file; COCO, VOC, YOLO, labelme or"
    " CSV files; images in folders of classes"
)
NAMED = 3  # files that a message names


class Layout(NamedTuple):
    """What lies under a root.

    Attributes:
        title: what was found, for a person.
        images: the image files by key: unique, and the same on every machine.
        labels: mask, vector or box files; none where folders are the labels.
        kind: what the labels are: masks, polygons, boxes (or a table of labels), classes.
        paired: the label of each image, by the image's key, where each has one of its own; None
            where the label files themselves say which images they are about.
        splits: the split of each image by key; None where the folders do not say.
    """

    title: str
    images: dict[str, Path]
    labels: tuple[Path, ...]
    kind: str
    paired: dict[str, Path] | None
    splits: dict[str, str] | None


def look(root: Path, images: str | None, labels: str | None, neither: str | None = None) -> Layout:
    """Find images and labels under `root`, by the patterns or, without, by the usual names.

    Args:
        neither: a file that is none of them, such as the area of interest.

    Raises:
        DataError: naming what is not there, or has no partner, or two.
    """
    if not root.is_dir():
        raise DataError(f"No data: {root} is not a folder")
    everything = [file for file in _files(root) if neither is None or file != root / neither]
    if (labels or "").endswith("/") or (not labels and _in_classes(root, everything, images)):
        return _folders_of_classes(root, everything, images, labels)
    label_files = (
        _matching(root, everything, labels, "labels") if labels else _labels_in(root, everything)
    )
    image_files = (
        _matching(root, everything, images, "images")
        if images
        else _images_in(root, everything, label_files)
    )
    kind = _kind(root, label_files, labels)
    keyed = _keyed(root, image_files)
    splits = _splits(root, keyed)
    own = kind == "masks" or (kind == "polygons" and len(label_files) > 1)
    if kind == "polygons" and len(label_files) > 1 and not images and len(image_files) == 1:
        own = False
    paired = pair(root, keyed, label_files) if own else None
    title = f"{counted(len(keyed), 'image')}, {_count(label_files, kind)}"
    if splits:
        title += ", in split folders"
    return Layout(title, keyed, label_files, kind, paired, splits)


def class_folder(root: Path, image: Path) -> str | None:
    """The name of the innermost folder of an image that says more than a split, or `images`."""
    usual = {*SPLIT_NAMES, *IMAGE_FOLDERS}
    parts = image.relative_to(root).parts[:-1]
    return next((part for part in reversed(parts) if part.lower() not in usual), None)


def _in_classes(root: Path, files: Sequence[Path], images: str | None) -> bool:
    """Whether nothing but images is there, each in one of several folders."""
    if any(file.suffix.lower() in VECTORS | BOXES for file in files):
        return False
    if any(_in(root, file, LABEL_FOLDERS) or _is_marked(file) for file in files):
        return False
    found = _matching(root, files, images, "images") if images else _rasters(files)
    folders = {class_folder(root, image) for image in found}
    return len(folders) > 1 and None not in folders


def _folders_of_classes(
    root: Path, files: Sequence[Path], images: str | None, labels: str | None
) -> Layout:
    found = _matching(root, files, images, "images") if images else _rasters(files)
    if not found:
        raise DataError(f"{root} holds no images: say where they are with dataset.images")
    if beside := [_relative(root, one) for one in found if class_folder(root, one) is None]:
        raise DataError(
            f"dataset.labels: {labels} takes the folders of images for their labels, but"
            f" {', '.join(beside[:NAMED])} lies in none: move it, or narrow dataset.images"
        )
    keyed = _keyed(root, found)
    folders = {class_folder(root, image) for image in found}
    title = f"{counted(len(keyed), 'image')} in folders of {counted(len(folders), 'class')}"
    splits = _splits(root, keyed)
    return Layout(title + ", in split folders" * bool(splits), keyed, (), "classes", None, splits)


def _rasters(files: Sequence[Path]) -> tuple[Path, ...]:
    return tuple(file for file in files if file.suffix.lower() in RASTERS)


def _is_marked(file: Path) -> bool:
    """Whether the name of a raster says that it is a label."""
    return file.suffix.lower() in RASTERS and stripped(file.stem, LABEL_WORDS) != file.stem


def pair(root: Path, images: Mapping[str, Path], labels: Sequence[Path]) -> dict[str, Path]:
    """The label of each image, by the image's key.

    Raises:
        DataError: an image has no label or several, or a label has no image; the first few of each
            are named.
    """
    exact = _by_place(root, images)
    loose = _by_place(root, images, IMAGE_WORDS)
    found: dict[str, list[Path]] = {}
    alone: list[Path] = []
    for label in labels:
        place, stem = _place(root, label)
        names = [stem, stripped(stem, LABEL_WORDS), stripped(stem, f"{LABEL_WORDS}|{IMAGE_WORDS}")]
        candidates = [
            by[place, name] for name in names for by in (exact, loose) if (place, name) in by
        ]
        if candidates and len(candidates[0]) == 1:
            found.setdefault(candidates[0][0], []).append(label)
        else:
            alone.append(label)
    faults = [
        _fault("labels have no image of their name", [_relative(root, one) for one in alone]),
        _fault("images have no label", [key for key in images if key not in found]),
        _fault(
            "images have several labels",
            [
                f"{key} ({', '.join(_relative(root, one) for one in of_image)})"
                for key, of_image in found.items()
                if len(of_image) > 1
            ],
        ),
    ]
    if said := [fault for fault in faults if fault]:
        raise DataError(
            f"{root}: {'; '.join(said)}: a label is called like its image, or like it and _mask;"
            " add or remove files, or narrow dataset.images and dataset.labels"
        )
    return {key: found[key][0] for key in images}


def stripped(stem: str, words: str) -> str:
    """`stem` without the words at its ends: `scene_1_mask`, `mask_scene_1` → `scene_1`."""
    before = None
    while before != stem:
        before = stem
        stem = re.sub(rf"[._\- ]+(?:{words})$", "", stem, flags=re.IGNORECASE)
        stem = re.sub(rf"^(?:{words})[._\- ]+", "", stem, flags=re.IGNORECASE)
    return stem


def _files(root: Path) -> list[Path]:
    """All files below `root` in natural order, hidden ones and what GDAL keeps beside left out."""
    found = [
        file
        for file in root.rglob("*")
        if file.is_file()
        and not any(part.startswith(".") for part in file.relative_to(root).parts)
        and not file.name.endswith((".aux.xml", ".ovr", ".msk"))
    ]
    return sorted(found, key=lambda file: natural_key(_relative(root, file)))


def _matching(root: Path, files: Sequence[Path], pattern: str, key: str) -> tuple[Path, ...]:
    wanted = {file for one in expanded(pattern) for file in root.glob(one)}
    found = tuple(file for file in files if file in wanted)
    if not found:
        suffixes = sorted({file.suffix for file in files if file.suffix})
        there = f"; there are {', '.join(suffixes)} files below it" if suffixes else ", it is empty"
        folders = sorted({_relative(root, file.parent) for file in files})
        hint = did_you_mean(str(Path(pattern).parent), folders)
        raise DataError(f"dataset.{key}: no file of {root} is called {pattern}{there}{hint}")
    return found


def expanded(pattern: str) -> list[str]:
    """A pattern with alternatives as patterns without: a/{b,c}/* → a/b/*, a/c/*."""
    hit = re.search(r"\{([^{}]*)\}", pattern)
    if hit is None:
        return [pattern]
    before, after = pattern[: hit.start()], pattern[hit.end() :]
    return [one for choice in hit[1].split(",") for one in expanded(before + choice + after)]


def _labels_in(root: Path, files: Sequence[Path]) -> tuple[Path, ...]:
    """The labels that the usual names give: of the kinds that are there, the most particular."""
    in_folder = [file for file in files if _in(root, file, LABEL_FOLDERS)]
    for suffixes in (RASTERS, VECTORS, BOXES):
        if found := [file for file in in_folder if file.suffix.lower() in suffixes]:
            return tuple(found)
    if found := [file for file in files if file.suffix.lower() in VECTORS]:
        return tuple(found)
    marked = [file for file in files if _is_marked(file)]
    if marked and len(marked) < len(_rasters(files)):
        return tuple(marked)
    if found := [file for file in files if file.suffix.lower() in BOXES]:
        return tuple(found)
    there = f"there are {len(files)} files below it" if files else "it is empty"
    raise DataError(
        f"{root} holds no labels that were found ({there}); looked for {LOOKED_FOR}: say where they"
        " are with dataset.labels"
    )


def _images_in(root: Path, files: Sequence[Path], labels: Sequence[Path]) -> tuple[Path, ...]:
    taken = set(labels)
    rasters = [file for file in files if file.suffix.lower() in RASTERS and file not in taken]
    in_folder = [file for file in rasters if _in(root, file, IMAGE_FOLDERS)]
    found = in_folder or [file for file in rasters if not _in(root, file, LABEL_FOLDERS)]
    if not found:
        raise DataError(
            f"{root} holds no images beside its {len(labels)} label files; looked for {LOOKED_FOR}:"
            " say where they are with dataset.images"
        )
    return tuple(found)


def _kind(root: Path, labels: Sequence[Path], pattern: str | None) -> str:
    kinds = {
        "masks": [file for file in labels if file.suffix.lower() in RASTERS],
        "polygons": [file for file in labels if file.suffix.lower() in VECTORS],
        "boxes": [file for file in labels if file.suffix.lower() in BOXES],
    }
    there = [kind for kind, of_kind in kinds.items() if of_kind]
    if len(there) == 1 and len(kinds[there[0]]) == len(labels):
        return there[0]
    other = [file for file in labels if all(file not in of_kind for of_kind in kinds.values())]
    if other and not there:
        known = ", ".join(sorted(RASTERS | VECTORS | BOXES))
        raise DataError(f"{_relative(root, other[0])} is no label file that is read: {known} are")
    named = ", ".join(f"{kind} ({_relative(root, kinds[kind][0])})" for kind in there)
    where = f"dataset.labels: {pattern}" if pattern else str(root)
    raise DataError(
        f"{where} holds labels of several kinds: {named}: choose one with dataset.labels"
    )


def _keyed(root: Path, images: Iterable[Path]) -> dict[str, Path]:
    """Images by what tells them apart, which is their path below the root if need be."""
    short: dict[str, list[Path]] = {}
    for image in images:
        place, stem = _place(root, image)
        short.setdefault("/".join((*place, stem)), []).append(image)
    return {
        key if len(of_key) == 1 else _relative(root, image): image
        for key, of_key in short.items()
        for image in of_key
    }


def _splits(root: Path, images: Mapping[str, Path]) -> dict[str, str] | None:
    """The split of each image, where the path of each names one."""
    found = {key: _split_of(root, image) for key, image in images.items()}
    with_split = {key: split for key, split in found.items() if split}
    if not with_split:
        return None
    if len(with_split) < len(images):
        without = [key for key, split in found.items() if split is None]
        raise DataError(
            f"{root}: {len(with_split)} images lie in folders of splits and {len(without)} do not"
            f" ({', '.join(without[:NAMED])}): move them, or narrow dataset.images"
        )
    if "train" not in with_split.values():
        there = ", ".join(sorted(set(with_split.values()), key=SPLITS.index))
        raise DataError(f"{root} has folders for {there}, but none for train")
    return with_split


def _split_of(root: Path, file: Path) -> str | None:
    names = [SPLIT_NAMES.get(part.lower()) for part in file.relative_to(root).parts[:-1]]
    return next((name for name in names if name), None)


def _by_place(
    root: Path, images: Mapping[str, Path], words: str | None = None
) -> dict[tuple[tuple[str, ...], str], list[str]]:
    """Keys of images by folder and name."""
    found: dict[tuple[tuple[str, ...], str], list[str]] = {}
    for key, image in images.items():
        place, stem = _place(root, image)
        found.setdefault((place, stripped(stem, words) if words else stem), []).append(key)
    return found


def _place(root: Path, file: Path) -> tuple[tuple[str, ...], str]:
    """What of the folders tells files apart, and the stem."""
    parts = [part.lower() for part in file.relative_to(root).parts[:-1]]
    kept = tuple(
        SPLIT_NAMES.get(part, part) for part in parts if part not in IMAGE_FOLDERS | LABEL_FOLDERS
    )
    return kept, file.stem


def _in(root: Path, file: Path, folders: frozenset[str]) -> bool:
    return any(part.lower() in folders for part in file.relative_to(root).parts[:-1])


def _relative(root: Path, file: Path) -> str:
    return file.relative_to(root).as_posix()


def _fault(what: str, names: Sequence[str]) -> str | None:
    if not names:
        return None
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{len(names)} {what} ({', '.join(names[:NAMED])}{more})"


def _count(labels: Sequence[Path], kind: str) -> str:
    one, several = {
        "masks": ("a mask", "masks"),
        "polygons": ("a vector file", "vector files"),
        "boxes": ("a file of boxes", "files of boxes"),
    }[kind]
    return one if len(labels) == 1 else f"{len(labels):,} {several}"
